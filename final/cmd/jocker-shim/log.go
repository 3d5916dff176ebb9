package main

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"
)

// A log is a container's log file, in the format that Kubernetes knows from its runtimes: a line is the time, stdout or
// stderr, F for a full line or P for a part that has no end yet, and the text. A person can read it with `less`.
type log struct {
	path  string
	limit int64 // bytes; 0: none
	keep  int   // files, the current one included

	lock   sync.Mutex
	f      *os.File
	size   int64
	buffer []byte
}

func openLog(path string, limit int64, keep int) (*log, error) {
	l := &log{path: path, limit: limit, keep: max(keep, 1)}
	return l, l.open()
}

func (l *log) open() (err error) {
	if l.f, err = os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return err
	}
	info, err := l.f.Stat()
	if err == nil {
		l.size = info.Size()
	}
	return err
}

// write writes what came from a stream. A full disk must not stop the container, so errors are passed over.
func (l *log) write(stream string, data []byte) {
	l.lock.Lock()
	defer l.lock.Unlock()
	now := time.Now().UTC()
	b := l.buffer[:0]
	for len(data) > 0 {
		b = now.AppendFormat(b, "2006-01-02T15:04:05.000000000Z07:00")
		b = append(append(append(b, ' '), stream...), ' ')
		line, rest, full := bytes.Cut(data, []byte{'\n'})
		if full {
			b = append(b, "F "...)
		} else {
			b = append(b, "P "...)
		}
		b = append(append(b, line...), '\n')
		data = rest
	}
	n, _ := l.f.Write(b)
	l.size += int64(n)
	if l.buffer = b; cap(b) > 64<<10 {
		l.buffer = nil
	}
	if l.limit > 0 && l.size >= l.limit {
		l.rotate()
	}
}

// rotate begins a new file: log becomes log.1, that log.2, and so on.
func (l *log) rotate() {
	l.f.Close()
	for i := l.keep - 1; i > 0; i-- {
		from := l.path
		if i > 1 {
			from += "." + strconv.Itoa(i-1)
		}
		os.Rename(from, l.path+"."+strconv.Itoa(i))
	}
	if l.keep == 1 {
		os.Remove(l.path)
	}
	l.open()
}
