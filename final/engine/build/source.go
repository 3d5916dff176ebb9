package build

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"sort"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"golang.org/x/sys/unix"

	"jocker/final/engine/inroot"
)

// An ignore is a .dockerignore.
type ignore struct {
	m *patternmatcher.PatternMatcher
}

func readIgnore(text []byte) (*ignore, error) {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf(".dockerignore: %w", err)
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fmt.Errorf(".dockerignore: %w", err)
	}
	return &ignore{m}, nil
}

// A tree is where COPY takes files from: the context, or the root of another stage or image.
type tree struct {
	root   *inroot.Dir
	ignore *ignore // nil: nothing is hidden
	owners bool    // files keep their owners, and may be devices
}

// An entry is a file to be copied.
type entry struct {
	from string // path in the tree
	to   string // path below the destination; "" is the destination itself
	stat unix.Stat_t
	link string // where a symbolic link leads
}

func (e *entry) kind() uint32 { return e.stat.Mode & unix.S_IFMT }

// An item is what one source of a COPY has turned out to be: a file, or a directory and all that is in it.
type item struct {
	name    string // its last part
	file    string // of the host, instead of entries: what ADD has downloaded
	entries []entry
}

func (i *item) isDir() bool { return len(i.entries) > 0 && i.entries[0].kind() == unix.S_IFDIR }

// choose returns the files that a source means, which may have wildcards.
func (t *tree) choose(source string) (items []item, err error) {
	clean := strings.TrimPrefix(path.Clean("/"+source), "/")
	names := []string{clean}
	if strings.ContainsAny(clean, "*?[") {
		if names, err = t.glob("", strings.Split(clean, "/")); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		i, ok, err := t.item(name)
		if err != nil {
			return nil, err
		}
		if ok {
			items = append(items, i)
		}
	}
	if len(items) == 0 {
		where := "the build context, or .dockerignore excludes it"
		if t.ignore == nil {
			where = "the image that --from names"
		}
		return nil, fmt.Errorf("%q: not found in %s", source, where)
	}
	return items, nil
}

// glob returns the paths that a pattern's parts match, sorted.
func (t *tree) glob(dir string, parts []string) (found []string, err error) {
	if len(parts) == 0 {
		return []string{dir}, nil
	}
	if !strings.ContainsAny(parts[0], "*?[") {
		return t.glob(path.Join(dir, parts[0]), parts[1:])
	}
	names, err := t.list(dir)
	if err != nil {
		return nil, nil // not there, or no directory: nothing matches
	}
	for _, name := range names {
		ok, err := path.Match(parts[0], name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", parts[0], err)
		}
		if ok {
			some, err := t.glob(path.Join(dir, name), parts[1:])
			if err != nil {
				return nil, err
			}
			found = append(found, some...)
		}
	}
	return found, nil
}

func (t *tree) list(dir string) ([]string, error) {
	f, err := t.root.OpenFile("./"+dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	sort.Strings(names)
	return names, err
}

// item looks at one source. A link is followed, within the tree; ok is false if there is nothing, or if it is ignored.
func (t *tree) item(name string) (i item, ok bool, err error) {
	f, err := t.root.OpenFile("./"+name, unix.O_PATH, 0)
	if err != nil {
		return i, false, nil
	}
	defer f.Close()
	e := entry{from: name}
	if err := unix.Fstat(int(f.Fd()), &e.stat); err != nil {
		return i, false, os.NewSyscallError("fstat", err)
	}
	// What hides a directory hides what is in it.
	var hidden bool
	var info patternmatcher.MatchInfo
	if t.ignore != nil && name != "" {
		for at := 0; at >= 0 && at <= len(name); {
			if next := strings.IndexByte(name[at:], '/'); next >= 0 {
				at += next
			} else {
				at = len(name)
			}
			if hidden, info, err = t.ignore.m.MatchesUsingParentResults(name[:at], info); err != nil {
				return i, false, err
			}
			at++
		}
	}
	i.name = path.Base(name)
	if err := t.add(&i, e, hidden, info); err != nil {
		return i, false, err
	}
	return i, len(i.entries) > 0, nil
}

// add adds a file, and what is below it, to an item.
func (t *tree) add(i *item, e entry, hidden bool, info patternmatcher.MatchInfo) error {
	switch e.kind() {
	case unix.S_IFREG, unix.S_IFLNK:
		if !hidden {
			i.entries = append(i.entries, e)
		}
		return nil
	case unix.S_IFDIR:
	default:
		if hidden || t.owners && e.kind() == unix.S_IFSOCK {
			return nil
		}
		if t.owners {
			i.entries = append(i.entries, e)
			return nil
		}
		return fmt.Errorf("%s is %s: files, directories and symbolic links can be copied from a build context; name it in .dockerignore if it is not meant", e.from, kindName(e.kind()))
	}
	if hidden && !t.ignore.m.Exclusions() {
		return nil
	}
	at := len(i.entries)
	i.entries = append(i.entries, e)
	f, err := t.root.OpenFile("./"+e.from, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return err
	}
	sort.Strings(names)
	for _, name := range names {
		child := entry{from: path.Join(e.from, name), to: path.Join(e.to, name)}
		if err := unix.Fstatat(int(f.Fd()), name, &child.stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &os.PathError{Op: "fstatat", Path: child.from, Err: err}
		}
		if child.kind() == unix.S_IFLNK {
			b := make([]byte, 4096)
			n, err := unix.Readlinkat(int(f.Fd()), name, b)
			if err != nil {
				return &os.PathError{Op: "readlinkat", Path: child.from, Err: err}
			}
			child.link = string(b[:n])
		}
		below, childInfo := false, info
		if t.ignore != nil {
			if below, childInfo, err = t.ignore.m.MatchesUsingParentResults(child.from, info); err != nil {
				return err
			}
		}
		if err := t.add(i, child, below, childInfo); err != nil {
			return err
		}
	}
	if hidden && len(i.entries) == at+1 {
		i.entries = i.entries[:at] // nothing below it is an exception
	}
	return nil
}

func kindName(kind uint32) string {
	switch kind {
	case unix.S_IFIFO:
		return "a FIFO"
	case unix.S_IFSOCK:
		return "a socket"
	}
	return "a device"
}

// digest returns what stands for the content of an item in the cache's key. Times are left out: a fresh clone has new ones.
func (t *tree) digest(i *item) (list []string, err error) {
	for n := range i.entries {
		e := &i.entries[n]
		line := fmt.Sprintf("%s %o %s", e.to, e.stat.Mode, e.link)
		if t.owners {
			line += fmt.Sprintf(" %d:%d %d", e.stat.Uid, e.stat.Gid, e.stat.Rdev)
		}
		if e.kind() == unix.S_IFREG {
			f, err := t.open(e)
			if err != nil {
				return nil, err
			}
			h := sha256.New()
			_, err = io.Copy(h, f)
			f.Close()
			if err != nil {
				return nil, err
			}
			line += " " + hex.EncodeToString(h.Sum(nil))
		}
		list = append(list, line)
	}
	return list, nil
}

// open opens a regular file, which may have become something else.
func (t *tree) open(e *entry) (*os.File, error) {
	f, err := t.root.OpenFile("./"+e.from, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s was a file and is one no more: it was changed during the build", e.from)
	}
	return f, nil
}
