package container

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"jocker/final/engine/image"
	"jocker/final/runtime/fail"
)

// A Store is where the containers are.
type Store struct {
	Images *image.Store
	Root   string // of all that lasts: /var/lib/jocker
	State  string // of what goes with a reboot: /run/jocker

	explanation *Explanation // nil if nobody wants to know
}

// Open opens the store in the directories root and state, and makes what is missing of them.
func Open(root, state string) (*Store, error) {
	images, err := image.Open(root)
	if err != nil {
		return nil, err
	}
	s := &Store{Images: images, Root: root, State: state}
	for _, dir := range []string{"containers", "runtime"} {
		if err := os.MkdirAll(filepath.Join(state, dir), 0o700); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Dir is the directory of a container, and its OCI bundle.
func (c *Container) Dir() string { return filepath.Join(c.store.Root, "containers", c.ID) }

// RunDir is the directory of its sockets.
func (c *Container) RunDir() string { return filepath.Join(c.store.State, "containers", c.ID) }

// Short is the ID's beginning, which people type.
func (c *Container) Short() string { return c.ID[:12] }

func newID() string {
	b := make([]byte, 32)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// ErrNotFound is wrapped by the error for a container that is not there. Its words are Docker's.
var ErrNotFound = errors.New("No such container")

// Find returns the container with this name, ID or beginning of an ID.
func (s *Store) Find(name string) (*Container, error) {
	if name == "" || strings.ContainsAny(name, "/\x00") && name[0] != '/' {
		return nil, fmt.Errorf("%w: %q", ErrNotFound, name)
	}
	name = strings.TrimPrefix(name, "/")
	if len(name) == 64 {
		if c, err := s.load(name); err == nil {
			return c, nil
		}
	}
	if id, err := os.Readlink(s.namePath(name)); err == nil {
		if c, err := s.load(id); err == nil {
			return c, nil
		}
	}
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	i := sort.SearchStrings(ids, name)
	if i == len(ids) || !strings.HasPrefix(ids[i], name) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	if i+1 < len(ids) && strings.HasPrefix(ids[i+1], name) {
		return nil, fmt.Errorf("%s is the beginning of several containers' IDs; give more digits", name)
	}
	return s.load(ids[i])
}

// ids returns the IDs of all containers, sorted.
func (s *Store) ids() ([]string, error) {
	f, err := os.Open(filepath.Join(s.Root, "containers"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	sort.Strings(names)
	return names, err
}

func (s *Store) load(id string) (*Container, error) {
	c := &Container{ID: id, store: s}
	data, err := os.ReadFile(c.Dir() + "/container.json")
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
	} else if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("%s/container.json: %w", c.Dir(), err)
	}
	return c, nil
}

// List returns all containers, the youngest first. One that goes away meanwhile is left out.
func (s *Store) List() ([]*Container, error) {
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	all := make([]*Container, len(ids))
	var group sync.WaitGroup
	const workers = 4
	for w := 0; w < workers; w++ {
		group.Add(1)
		go func(w int) {
			defer group.Done()
			for i := w; i < len(ids); i += workers {
				all[i], _ = s.load(ids[i])
			}
		}(w)
	}
	group.Wait()
	list := all[:0]
	for _, c := range all {
		if c != nil {
			list = append(list, c)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Created.After(list[j].Created) })
	return list, nil
}

// Manifests returns the manifests of all containers' images.
func (s *Store) Manifests() ([]digest.Digest, error) {
	list, err := s.List()
	var all []digest.Digest
	for _, c := range list {
		all = append(all, c.Manifest)
	}
	return all, err
}

// save writes container.json.
func (c *Container) save() error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return c.write("container.json", data, 0o600)
}

// write writes a file of the container at once.
func (c *Container) write(name string, data []byte, mode os.FileMode) error {
	path := filepath.Join(c.Dir(), name)
	err := os.WriteFile(path+".new", data, mode)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	return err
}

// A Lock is held by a command that changes a container.
type Lock struct{ f *os.File }

// Unlock gives it back.
func (l *Lock) Unlock() {
	if l != nil {
		l.f.Close()
	}
}

// Lock waits for the container's lock, and reads the container again. The error says so if it has gone meanwhile.
func (c *Container) Lock() (*Lock, error) {
	f, err := os.OpenFile(c.Dir()+"/lock", os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, c.Name)
	} else if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fail.Call("flock("+f.Name()+")", err, "")
	}
	fresh, err := c.store.load(c.ID)
	if err != nil {
		f.Close()
		return nil, err
	}
	*c = *fresh
	c.lock = f
	return &Lock{f}, nil
}

func (s *Store) namePath(name string) string { return filepath.Join(s.Root, "names", name) }

// CheckName says whether a container or a volume can have this name.
func CheckName(name string) error {
	ok := len(name) >= 2 && len(name) <= 128
	for i := 0; i < len(name) && ok; i++ {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		ok = alnum || i > 0 && (c == '_' || c == '.' || c == '-')
	}
	if !ok {
		return fmt.Errorf("Invalid container name (%.150s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, 2 to 128 of them", name)
	}
	return nil
}

// names changes who has which name while nobody else does: looking who has a name and then giving it away are two calls.
func (s *Store) names(change func() error) error {
	dir := filepath.Join(s.Root, "names")
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close() // and with it the lock
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return fail.Call("flock("+dir+")", err, "")
	}
	return change()
}

// takeName makes a name that of the container with this ID. A link that is left of a container that is gone is replaced.
func (s *Store) takeName(name, id string) error {
	return s.names(func() error {
		owner, err := os.Readlink(s.namePath(name))
		if err == nil {
			if !s.gone(owner) {
				return fmt.Errorf("Conflict. The container name \"/%s\" is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", name, owner)
			}
			if err := os.Remove(s.namePath(name)); err != nil {
				return err
			}
		}
		return os.Symlink(id, s.namePath(name))
	})
}

// dropName removes a name if it is this container's.
func (s *Store) dropName(name, id string) {
	s.names(func() error {
		if owner, err := os.Readlink(s.namePath(name)); err != nil || owner != id {
			return err
		}
		return os.Remove(s.namePath(name))
	})
}
