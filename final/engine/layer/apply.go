package layer

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"jocker/final/engine/inroot"
)

// A Result tells what Apply has unpacked.
type Result struct {
	DiffID  string // the archive's digest: "sha256:" and 64 hexadecimal digits
	Size    int64  // the bytes of all regular files in it
	Entries int
}

// ErrTooLarge is wrapped by the error of Apply for an archive that is larger than its limit.
var ErrTooLarge = errors.New("the layer is too large")

// Apply unpacks the uncompressed archive r into dir, an empty directory of the host. It stops with ErrTooLarge when
// the archive has more than limit bytes. After an error, dir holds a part of it.
func Apply(r io.Reader, dir string, limit int64) (Result, error) {
	defer noUmask()() // an entry's mode is what it says
	root, err := inroot.Open(dir)
	if err != nil {
		return Result{}, err
	}
	defer root.Close()
	digest := sha256.New()
	counted := &counter{r: io.TeeReader(r, digest), left: limit}
	a := &applier{root: root, tar: tar.NewReader(counted), buffer: make([]byte, 256<<10)}
	defer a.forget()
	for {
		header, err := a.tar.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return Result{}, fmt.Errorf("it is not a whole tar archive: %w", err)
		}
		a.result.Entries++
		if err := a.entry(header); err != nil {
			return Result{}, fmt.Errorf("the archive's entry %.200q: %w", header.Name, err)
		}
	}
	// The digest is that of all bytes, also those behind the archive's end.
	if _, err := io.CopyBuffer(io.Discard, counted, a.buffer); err != nil {
		return Result{}, err
	}
	if err := a.finish(); err != nil {
		return Result{}, err
	}
	a.result.DiffID = "sha256:" + hex.EncodeToString(digest.Sum(nil))
	return a.result, nil
}

// umask is the process's, which layers that are unpacked at the same time share.
var umask struct {
	sync.Mutex
	users, old int
}

// noUmask makes files get the modes that are asked for, until restore.
func noUmask() (restore func()) {
	umask.Lock()
	defer umask.Unlock()
	if umask.users++; umask.users == 1 {
		umask.old = unix.Umask(0)
	}
	return func() {
		umask.Lock()
		defer umask.Unlock()
		if umask.users--; umask.users == 0 {
			unix.Umask(umask.old)
		}
	}
}

// A counter stops a reader that gives too much.
type counter struct {
	r    io.Reader
	left int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, fmt.Errorf("%w: unpacked it has more bytes than may be used; it may be a bomb", ErrTooLarge)
	}
	return n, err
}

// An applier unpacks one archive.
type applier struct {
	root   *inroot.Dir
	tar    *tar.Reader
	buffer []byte
	result Result
	plain  bool // the archive is one of files, and not a layer: see Extract

	// Archives list directory by directory, so the last parent is mostly the next one's, too.
	parent     *inroot.Dir
	parentPath string

	directories []directory // their times are set last, for each new entry changes them
}

// A directory is one that the archive lists.
type directory struct {
	path   string
	header *tar.Header
}

const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
	aufsPrefix     = ".wh..wh." // notes of the file system aufs to itself
)

// entry makes one entry.
func (a *applier) entry(h *tar.Header) error {
	path := strings.Trim(h.Name, "/")
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if path == "" || path == "." {
		if h.Typeflag != tar.TypeDir {
			return errors.New("it would replace the container's root directory")
		}
		path = "."
	}
	for _, part := range strings.Split(path, "/") {
		if part == ".." {
			return errors.New("the name has a \"..\"")
		}
	}
	if path == "." || strings.HasSuffix(path, "/.") {
		if h.Typeflag != tar.TypeDir {
			return errors.New("the name is that of a directory, and it is none")
		}
		path = strings.TrimSuffix(path, "/.")
	}
	if path == "." {
		return a.dress(a.root, ".", h)
	}
	up, name := split(path)
	parent, err := a.open(up)
	if err != nil {
		return err
	}
	switch {
	case a.plain:
	case name == opaqueName:
		return setOpaque(parent, ".")
	case strings.HasPrefix(name, aufsPrefix):
		return nil
	case strings.HasPrefix(name, whiteoutPrefix):
		return whiteout(parent, name[len(whiteoutPrefix):])
	}
	return a.make(parent, path, name, h)
}

func split(path string) (up, name string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return ".", path
}

// open opens an entry's parent directory, and makes it if the archive does not list it.
func (a *applier) open(path string) (*inroot.Dir, error) {
	if a.parent != nil && a.parentPath == path {
		return a.parent, nil
	}
	a.forget()
	dir, err := a.root.MkdirAll(path)
	if err != nil {
		return nil, err
	}
	a.parent, a.parentPath = dir, path
	return dir, nil
}

// forget closes the parent: it may be another directory by now.
func (a *applier) forget() {
	if a.parent != nil {
		a.parent.Close()
		a.parent = nil
	}
}

// finish sets the times of the directories.
func (a *applier) finish() error {
	a.forget()
	for _, d := range a.directories {
		parent, name, err := a.root.Parent(d.path, false)
		if err != nil {
			continue // a later entry took its place
		}
		if isDirectory(parent, name) {
			err = setTimes(parent, name, d.header)
		}
		parent.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func isDirectory(dir *inroot.Dir, name string) bool {
	var st unix.Stat_t
	err := unix.Fstatat(dir.FD(), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// file is an os.File for a descriptor.
func file(fd int, name string) *os.File { return os.NewFile(uintptr(fd), name) }
