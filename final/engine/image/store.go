package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// A Store is a directory with images.
type Store struct {
	Root string
}

// Open opens the store at root, and makes what is missing of its directories.
func Open(root string) (*Store, error) {
	s := &Store{root}
	if _, err := os.Stat(s.path("oci-layout")); err == nil {
		return s, nil
	}
	// Only root may look inside: the layers hold setuid programs of strangers.
	err := os.MkdirAll(root, 0o700)
	for _, dir := range []string{"blobs/sha256", "layers", "containers", "names", "volumes", "tmp"} {
		if err == nil {
			err = os.MkdirAll(s.path(dir), 0o700)
		}
	}
	if err == nil {
		err = s.makeInitLayer()
	}
	if err == nil {
		err = s.WriteFile("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`+"\n"))
	}
	if err != nil {
		return nil, fmt.Errorf("making the store in %s: %w; it takes root, or --root with a directory of your own", root, err)
	}
	return s, nil
}

// InitLayer is the name of a layer that lies above an image's layers and below what a container changes. It has the places at
// which every container gets something mounted, so that making them is no change by the container, and a link of the image's in such a place
// leads nowhere.
const InitLayer = "init"

func (s *Store) makeInitLayer() error {
	fs := s.path("layers", InitLayer, "fs")
	for _, dir := range []string{"dev", "etc", "proc", "sys"} {
		if err := os.MkdirAll(filepath.Join(fs, dir), 0o755); err != nil {
			return err
		}
	}
	for _, name := range []string{"etc/hostname", "etc/hosts", "etc/resolv.conf"} {
		if err := os.WriteFile(filepath.Join(fs, name), nil, 0o644); err != nil {
			return err
		}
	}
	return os.Chmod(fs, 0o755)
}

func (s *Store) path(elements ...string) string {
	return filepath.Join(append([]string{s.Root}, elements...)...)
}

// Temp makes a directory in tmp/. Whoever makes it renames what is in it, and removes the rest.
func (s *Store) Temp() (string, error) {
	return os.MkdirTemp(s.path("tmp"), "")
}

// WriteFile writes a file of the store at once: a reader sees the old content or the new, and so does whoever comes after a crash.
func (s *Store) WriteFile(name string, data []byte) error {
	f, err := os.CreateTemp(s.path("tmp"), filepath.Base(name)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails if all went well
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync() // or the name may outlive the content in a power failure
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = os.Rename(f.Name(), s.path(name))
	}
	return err
}

// A Lock is a lock of the store, until Unlock.
type Lock struct{ f *os.File }

// Unlock gives the lock back. The end of the process does so, too.
func (l *Lock) Unlock() { l.f.Close() }

// Share locks the store against Alone: what is found or made stays until Unlock.
func (s *Store) Share() (*Lock, error) { return s.lock("lock", unix.LOCK_SH) }

// Alone locks the store against everybody else, to remove things.
func (s *Store) Alone() (*Lock, error) { return s.lock("lock", unix.LOCK_EX) }

// ErrBusy is wrapped by the error for a store that others are using.
var ErrBusy = errors.New("another command is pulling, loading or making an image")

// aloneSoon is Alone, but does not wait for as long as a download may take.
func (s *Store) aloneSoon() (*Lock, error) {
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		l, err := s.lock("lock", unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return l, err
		}
		if time.Since(begin) > busyTime {
			return nil, fmt.Errorf("%w: its layers can't be told from those that nobody needs; `image prune` frees the space later", ErrBusy)
		}
	}
}

// busyTime is more than a container takes to be created.
const busyTime = 2 * time.Second

func (s *Store) lock(name string, how int) (*Lock, error) {
	f, err := os.OpenFile(s.path(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fail.Call("flock("+f.Name()+")", err, "")
	}
	return &Lock{f}, nil
}

// BlobPath returns the file of a blob.
func (s *Store) BlobPath(d digest.Digest) (string, error) {
	if !IsDigest(string(d)) {
		return "", fmt.Errorf("%.100q is not a digest that the store knows: sha256: and 64 hexadecimal digits", string(d))
	}
	return s.path("blobs/sha256", d.Encoded()), nil
}

// HasBlob says whether a blob is there, whole.
func (s *Store) HasBlob(d digest.Digest) bool {
	path, err := s.BlobPath(d)
	if err == nil {
		_, err = os.Stat(path)
	}
	return err == nil
}

// MaxJSON is the largest manifest or config that is read: they are made by strangers. (Registries have the same limit.)
const MaxJSON = 4 << 20

// ReadBlob returns the content of a small blob, after checking its digest.
func (s *Store) ReadBlob(d digest.Digest) ([]byte, error) {
	path, err := s.BlobPath(d)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the image is not whole: blob %s: %w; pull or load it again", d, errors.Unwrap(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxJSON+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxJSON {
		return nil, fmt.Errorf("blob %s is larger than the 4 MiB that a manifest or config may have", d)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != d.Encoded() {
		return nil, fmt.Errorf("blob %s: its content has another digest: the disk or somebody changed it; remove the image and pull it again", d)
	}
	return data, nil
}

// readJSON reads a blob into v.
func (s *Store) readJSON(d digest.Digest, v any) error {
	data, err := s.ReadBlob(d)
	if err == nil {
		if err = json.Unmarshal(data, v); err != nil {
			err = fmt.Errorf("blob %s: %w", d, err)
		}
	}
	return err
}

// WriteBlob adds a blob, and returns what refers to it.
func (s *Store) WriteBlob(mediaType string, data []byte) (v1.Descriptor, error) {
	return s.CopyBlob(mediaType, bytes.NewReader(data))
}

// CopyBlob adds a blob of what r gives.
func (s *Store) CopyBlob(mediaType string, r io.Reader) (v1.Descriptor, error) {
	return s.MakeBlob(mediaType, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// MakeBlob adds a blob of what write writes.
func (s *Store) MakeBlob(mediaType string, write func(io.Writer) error) (v1.Descriptor, error) {
	return s.makeBlob(mediaType, write, func(*os.File, digest.Digest) error { return nil })
}

// makeBlob is MakeBlob for what is to be looked at before it becomes a blob: if check returns an error, nothing is left.
func (s *Store) makeBlob(mediaType string, write func(io.Writer) error, check func(*os.File, digest.Digest) error) (v1.Descriptor, error) {
	f, err := os.CreateTemp(s.path("tmp"), "blob-")
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	sum := sha256.New()
	if err := write(io.MultiWriter(f, sum)); err != nil {
		return v1.Descriptor{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return v1.Descriptor{}, err
	}
	d := digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(sum.Sum(nil)))
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return v1.Descriptor{}, err
	}
	if err := check(f, d); err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: mediaType, Digest: d, Size: info.Size()}, s.Adopt(f.Name(), d)
}

// Adopt makes a file, which is whole and has this digest, a blob.
func (s *Store) Adopt(file string, d digest.Digest) error {
	path, err := s.BlobPath(d)
	if err != nil {
		return err
	}
	return os.Rename(file, path)
}
