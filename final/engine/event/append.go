package event

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A Log is the path of the file.
type Log string

// Limit is how many bytes the file has at most; then another is begun.
const Limit = 1 << 20

// Append adds an event, whose time is now if it has none. Most callers ignore the error: what happened has happened, even
// if nobody will read of it.
func (l Log) Append(e Event) error {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	f, size, err := l.open()
	if err != nil {
		return err
	}
	defer f.Close() // and with it the lock
	if _, err := f.Write(e.line()); err != nil {
		return err
	}
	if size < Limit {
		return nil
	}
	return l.rotate(f)
}

// open opens the file that has the name now, with a shared lock: it keeps the name while we write.
func (l Log) open() (f *os.File, size int64, err error) {
	for {
		if f, err = os.OpenFile(string(l), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
			return nil, 0, err
		}
		if err = lock(f, unix.LOCK_SH); err == nil {
			var current bool
			if current, size, err = l.is(f); err == nil && current {
				return f, size, nil
			}
		}
		f.Close()
		if err != nil {
			return nil, 0, err
		}
	}
}

// is says whether this open file is the one with the name.
func (l Log) is(f *os.File) (current bool, size int64, err error) {
	opened, err := f.Stat()
	if err != nil {
		return false, 0, err
	}
	named, err := os.Stat(string(l))
	if errors.Is(err, os.ErrNotExist) {
		return false, 0, nil
	}
	return err == nil && os.SameFile(opened, named), opened.Size(), err
}

// rotate begins a new file when nobody writes into this one any more.
func (l Log) rotate(f *os.File) error {
	if err := lock(f, unix.LOCK_EX); err != nil {
		return err
	}
	if current, _, err := l.is(f); err != nil || !current {
		return err // somebody else was faster: changing a lock gives it up in between
	}
	return os.Rename(string(l), string(l)+".1")
}

func lock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return os.NewSyscallError("flock", err)
		}
	}
}
