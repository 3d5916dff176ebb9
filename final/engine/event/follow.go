package event

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// Read calls take for each event of the log from since on (the zero time: from now on) and before until (the zero time: for
// ever, and as long as it takes). It returns when until has come, or when take returns false.
func (l Log) Read(since, until time.Time, take func(Event) bool) error {
	watch, err := l.watch()
	if err != nil {
		return err
	}
	defer watch.Close()
	r := &reader{log: l, since: since, until: until, take: take}
	if since.IsZero() {
		r.since = time.Now()
	}
	if err := r.begin(); err != nil {
		return err
	}
	defer func() { r.f.Close() }()
	for {
		over := !until.IsZero() && !time.Now().Before(until) // known before the last read
		more, err := r.drain()
		if err != nil || !more || over {
			return err
		}
		if !until.IsZero() {
			watch.SetReadDeadline(until)
		}
		// What has changed is looked up; all that is read here is that something has.
		if _, err := watch.Read(make([]byte, 4096)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}

// watch returns a descriptor from which there is something to read when the log has changed. The directory is watched, since
// the log may get a new file.
func (l Log) watch() (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fail.Call("inotify_init1()", err, "")
	}
	dir := filepath.Dir(string(l))
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY|unix.IN_CREATE|unix.IN_MOVED_FROM); err != nil {
		unix.Close(fd)
		return nil, fail.Call("inotify_add_watch("+dir+")", err, "ENOSPC means that the user's watches are used up: raise fs.inotify.max_user_watches")
	}
	return os.NewFile(uintptr(fd), "inotify"), nil
}

// A reader is at some place of the log.
type reader struct {
	log          Log
	since, until time.Time
	take         func(Event) bool
	f            *os.File
	lines        *bufio.Reader
	part         string // the beginning of a line whose end is not written yet
}

// begin reads the file before, and opens the present one.
func (r *reader) begin() error {
	for {
		now, err := os.OpenFile(string(r.log), os.O_RDONLY|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		old, err := os.Open(string(r.log) + ".1")
		if errors.Is(err, os.ErrNotExist) {
			r.use(now)
			return nil
		} else if err != nil {
			now.Close()
			return err
		}
		if current, _, err := r.log.is(now); err != nil || !current { // it was rotated between the two calls
			now.Close()
			old.Close()
			if err != nil {
				return err
			}
			continue
		}
		r.use(old)
		_, err = r.lineByLine()
		old.Close()
		r.use(now)
		return err
	}
}

func (r *reader) use(f *os.File) { r.f, r.lines, r.part = f, bufio.NewReader(f), "" }

// drain reads all there is, also from a file that has come to be meanwhile.
func (r *reader) drain() (more bool, err error) {
	for {
		if more, err := r.lineByLine(); err != nil || !more {
			return more, err
		}
		current, _, err := r.log.is(r.f)
		if err != nil || current {
			return true, err
		}
		// Nobody writes into a file that has lost the name; but somebody may have before it did.
		if more, err := r.lineByLine(); err != nil || !more {
			return more, err
		}
		next, err := os.Open(string(r.log))
		if errors.Is(err, os.ErrNotExist) {
			return true, nil
		} else if err != nil {
			return false, err
		}
		r.f.Close()
		r.use(next)
	}
}

// lineByLine reads to the end of the file.
func (r *reader) lineByLine() (more bool, err error) {
	for {
		text, err := r.lines.ReadString('\n')
		r.part += text
		if err == io.EOF {
			return true, nil
		} else if err != nil {
			return false, err
		}
		e, ok := parse(strings.TrimSuffix(r.part, "\n"))
		r.part = ""
		if !ok || e.Time.Before(r.since) || !r.until.IsZero() && !e.Time.Before(r.until) {
			continue
		}
		if !r.take(e) {
			return false, nil
		}
	}
}
