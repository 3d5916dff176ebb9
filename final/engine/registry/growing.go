package registry

import (
	"io"
	"os"
	"sync"
)

// A growing file is written by one and read by others meanwhile, who wait for what isn't there yet. They see its end
// only after finish, so that nobody takes a part for the whole, or bytes with a wrong digest for good ones.
type growing struct {
	file *os.File
	mu   sync.Mutex
	more sync.Cond
	size int64
	done bool
	err  error
}

func newGrowing(f *os.File, size int64) *growing {
	g := &growing{file: f, size: size}
	g.more.L = &g.mu
	return g
}

// Write appends to the file.
func (g *growing) Write(p []byte) (int, error) {
	n, err := g.file.WriteAt(p, g.size) // only the writer changes size
	g.mu.Lock()
	g.size += int64(n)
	g.mu.Unlock()
	g.more.Broadcast()
	return n, err
}

// finish ends the file: whole if err is nil.
func (g *growing) finish(err error) {
	g.mu.Lock()
	g.done, g.err = true, err
	g.mu.Unlock()
	g.more.Broadcast()
}

// reader returns a reader of all that is and will be in the file.
func (g *growing) reader() io.Reader { return &follower{g: g} }

type follower struct {
	g  *growing
	at int64
}

func (f *follower) Read(p []byte) (int, error) {
	g := f.g
	g.mu.Lock()
	for f.at == g.size && !g.done {
		g.more.Wait()
	}
	left, err := g.size-f.at, g.err
	g.mu.Unlock()
	switch {
	case left > 0:
		n, err := g.file.ReadAt(p[:min(int64(len(p)), left)], f.at)
		f.at += int64(n)
		if n > 0 {
			err = nil
		}
		return n, err
	case err != nil:
		return 0, err
	}
	return 0, io.EOF
}
