package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// A layer is one of the image that is pulled.
type layer struct {
	*puller
	blob   v1.Descriptor
	diffID digest.Digest
	name   string // of its directory in the store
	line   *line
}

// bring makes sure that the store has the layer, packed and unpacked.
func (l *layer) bring(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !l.Store.HasBlob(l.blob.Digest) {
		if err := l.partial(ctx, l.blob, func(f *os.File) error { return l.download(ctx, f) }); err != errShared {
			return err
		}
	}
	return l.unpackBlob()
}

// unpackBlob unpacks a blob that is in the store, if it has to be.
func (l *layer) unpackBlob() error {
	if l.Store.HasLayer(l.name) {
		l.line.say("Already exists")
		return nil
	}
	l.line.say("Extracting")
	if err := l.Store.UnpackBlob(l.blob.Digest, l.diffID, l.name); err != nil {
		return fmt.Errorf("layer %s: %w", l.blob.Digest, err)
	}
	l.line.say("Pull complete")
	return nil
}

// download downloads the layer to f, and unpacks it meanwhile.
func (l *layer) download(ctx context.Context, f *os.File) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	get, err := newDownload(l.repo, l.blob, f, func(n int64) { l.line.count("Downloading", n, l.blob.Size) })
	if err != nil {
		return err
	}
	unpacked := make(chan error, 1)
	if l.Store.HasLayer(l.name) {
		unpacked <- nil
	} else {
		go func() {
			err := l.Store.UnpackLayer(get.growing.reader(), l.diffID, l.name)
			if err != nil {
				err = fmt.Errorf("layer %s: %w", l.blob.Digest, err)
				cancel(&corrupt{err.Error()}) // no use in downloading the rest
			}
			unpacked <- err
		}()
	}
	err = get.run(ctx)
	if err == nil {
		l.line.say("Download complete")
	}
	get.growing.finish(err)
	// If both failed, both say the same: whoever failed first has told the other.
	if err2 := <-unpacked; err == nil {
		err = err2
	}
	if err == nil {
		l.line.say("Pull complete")
	}
	return err
}

// partial lets fill write, or go on with, the file of a blob on its way, alone; and makes a blob of it.
// The error is errShared if somebody else has made the blob meanwhile.
func (p *puller) partial(ctx context.Context, d v1.Descriptor, fill func(*os.File) error) error {
	path := filepath.Join(p.Store.Root, "tmp", "partial-"+d.Digest.Encoded())
	f, err := lockFile(ctx, path)
	if err != nil {
		return err
	}
	defer f.Close()
	if p.Store.HasBlob(d.Digest) {
		os.Remove(path)
		return errShared
	}
	if err = fill(f); err == nil {
		err = p.Store.Adopt(path, d.Digest)
	}
	if err != nil && !isKept(err) {
		os.Remove(path)
	}
	return err
}

// errShared says that another pull has fetched the blob.
var errShared = errors.New("another pull has fetched it")

// lockFile opens the file at path, or makes it, and locks it against everybody else.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			// It may have been renamed or removed before the lock was ours.
			var st, now unix.Stat_t
			if unix.Fstat(int(f.Fd()), &st) == nil && unix.Stat(path, &now) == nil && st.Ino == now.Ino {
				return f, nil
			}
		}
		f.Close()
		if err != nil && err != unix.EWOULDBLOCK && err != unix.EINTR {
			return nil, fmt.Errorf("flock(%s): %w", path, err)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
