package user

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// What is read of a file at most. A passwd with a hundred thousand users has some six million bytes.
const (
	maxFile = 16 << 20
	maxLine = 64 << 10
)

// lines calls each for every line of a file until that returns false. A file that is missing has no
// lines. The line is only valid until each returns.
func lines(path string, each func(line []byte) bool) error {
	call := fmt.Sprintf("open(%q, O_RDONLY|O_NONBLOCK)", path)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return fail.Call(call, err, "")
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fail.Call(fmt.Sprintf("fstat(%d)", fd), err, "")
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("%s in the container is not a regular file; names can't be looked up in it", path)
	}
	return read(fd, path, each)
}

func read(fd int, path string, each func(line []byte) bool) error {
	buf, end := make([]byte, 4096), 0 // buf[:end] is read, and begins with a line
	for total := 0; total <= maxFile; {
		if end == len(buf) {
			if end >= maxLine {
				return fmt.Errorf("%s in the container has a line of more than %d bytes; it is not read further", path, maxLine)
			}
			buf = append(buf, make([]byte, len(buf))...)
		}
		n, err := unix.Read(fd, buf[end:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fail.Call(fmt.Sprintf("read(%q)", path), err, "")
		}
		if n == 0 {
			if end > 0 {
				each(buf[:end])
			}
			return nil
		}
		total += n
		end += n
		rest := buf[:end]
		for {
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				break
			}
			if !each(rest[:i]) {
				return nil
			}
			rest = rest[i+1:]
		}
		end = copy(buf, rest)
	}
	return fmt.Errorf("%s in the container has more than %d bytes; it is not read further", path, maxFile)
}

// cut returns the next field of a line, and what follows its colon.
func cut(line []byte) (field, rest []byte) {
	field, rest, _ = bytes.Cut(line, []byte{':'})
	return field, rest
}

// An entry is a line of /etc/passwd.
type entry struct {
	name     string
	uid, gid uint32
	home     string
}

// parsePasswd reads NAME:PASSWORD:UID:GID:REAL NAME:HOME:SHELL.
func parsePasswd(line []byte) (e entry, ok bool) {
	name, rest := cut(line)
	_, rest = cut(rest)
	uid, rest := cut(rest)
	gid, rest := cut(rest)
	_, rest = cut(rest)
	home, _ := cut(rest)
	e.name, e.home = string(name), string(home)
	var ok1, ok2 bool
	e.uid, ok1 = number(string(uid))
	e.gid, ok2 = number(string(gid))
	return e, ok1 && ok2 && len(name) > 0
}

// parseGroup reads NAME:PASSWORD:GID:MEMBER,MEMBER,...
func parseGroup(line []byte) (name, members []byte, gid uint32, ok bool) {
	name, rest := cut(line)
	_, rest = cut(rest)
	id, rest := cut(rest)
	members, _ = cut(rest)
	gid, ok = number(string(id))
	return name, members, gid, ok && len(name) > 0
}
