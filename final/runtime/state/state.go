package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/cgroup"
	"jocker/final/runtime/fail"
)

// A State is what state.json holds.
type State struct {
	ID      string `json:"id"`
	Version string `json:"ociVersion"`
	// Pid is init's process id in the runtime's PID namespace; 0 until there is one.
	Pid int `json:"pid"`
	// PidStart is when that process started, in clock ticks since boot (proc_pid_stat(5), field 22).
	PidStart uint64 `json:"pidStart"`
	// Bundle is the bundle's absolute path, and Rootfs that of the root file system on the host.
	Bundle  string    `json:"bundle"`
	Rootfs  string    `json:"rootfs"`
	Created time.Time `json:"created"`
	// Owner is the user id of who made the container.
	Owner       int               `json:"owner"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Cgroup      *cgroup.Group     `json:"cgroup,omitempty"`
	// Hooks says that config.json has hooks, so that start and delete need not read it if not.
	Hooks bool `json:"hooks,omitempty"`
	// Unit is the systemd unit that holds the cgroup, if systemd made it.
	Unit string `json:"unit,omitempty"`
}

// A Dir is the directory of one container.
type Dir struct {
	Path string
	lock int // the directory, open and locked; -1 if it is not
}

// ErrNotExist is wrapped by the error of a container that is not there. Engines look for these words.
var ErrNotExist = errors.New("container does not exist")

// CheckID says whether id can be a container's name: letters, digits and _ + - . and at most 1024 of
// them, but not "." or ".."; all else could mean another file.
func CheckID(id string) error {
	bad := id == "" || id == "." || id == ".." || len(id) > 1024
	for i := 0; i < len(id) && !bad; i++ {
		c := id[i]
		bad = !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '+' || c == '-' || c == '.')
	}
	if bad {
		if len(id) > 64 {
			id = id[:64] + "..."
		}
		return fmt.Errorf("invalid container ID format: %q: letters, digits and the signs _ + - . are possible, and not . or .. alone", id)
	}
	return nil
}

// Create makes the directory of a new container below root, and locks it. It is an error if there
// is one of that name.
func Create(root, id string) (*Dir, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	path := filepath.Join(root, id)
	err := os.Mkdir(path, 0o711)
	if errors.Is(err, unix.ENOENT) {
		if err = os.MkdirAll(root, 0o711); err == nil {
			err = os.Mkdir(path, 0o711)
		}
	}
	if errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("container with given ID already exists: %s (to remove it: delete %s)", path, id)
	} else if err != nil {
		return nil, fail.Call(fmt.Sprintf("mkdir(%q, 0711)", path), err, cause(err))
	}
	d := &Dir{path, -1}
	if err := d.Lock(); err != nil {
		return nil, err
	}
	return d, nil
}

// Open opens the directory of a container; it does not lock it.
func Open(root, id string) (*Dir, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	d := &Dir{filepath.Join(root, id), -1}
	if _, err := os.Stat(d.Path); errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("container %q: %w", id, ErrNotExist)
	} else if err != nil {
		return nil, fail.Call(fmt.Sprintf("stat(%q)", d.Path), err, cause(err))
	}
	return d, nil
}

// Lock waits until nobody else changes the container, and keeps others from doing so until Unlock or
// the end of the process.
func (d *Dir) Lock() error { return d.flock(unix.LOCK_EX) }

// Locked says whether somebody changes the container at this moment.
func (d *Dir) Locked() bool {
	if d.lock >= 0 {
		return false // it is us
	}
	err := d.flock(unix.LOCK_SH | unix.LOCK_NB)
	d.Unlock()
	return errors.Is(err, unix.EWOULDBLOCK)
}

func (d *Dir) flock(how int) error {
	fd, err := unix.Open(d.Path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		for err = unix.Flock(fd, how); err == unix.EINTR; err = unix.Flock(fd, how) {
		}
		var held, named unix.Stat_t // while we waited, the container may have been removed, and another made
		if err == nil && (unix.Fstat(fd, &held) != nil || unix.Stat(d.Path, &named) != nil || held.Ino != named.Ino) {
			err = unix.ENOENT
		}
		if err != nil {
			unix.Close(fd)
		}
	}
	if err == unix.ENOENT {
		return fmt.Errorf("container %q: %w", filepath.Base(d.Path), ErrNotExist)
	} else if err != nil {
		return fail.Call(fmt.Sprintf("flock(%q)", d.Path), err, cause(err))
	}
	d.lock = fd
	return nil
}

// Unlock gives the lock back.
func (d *Dir) Unlock() {
	if d.lock >= 0 {
		unix.Close(d.lock)
		d.lock = -1
	}
}

// File returns the path of one of the directory's files.
func (d *Dir) File(name string) string { return filepath.Join(d.Path, name) }

// Write replaces the file name by data, at once or not at all. The caller holds the lock. The calls are the
// kernel's own: package os would ask for each file whether epoll(7) can wait for it.
func (d *Dir) Write(name string, data []byte) error {
	temporary := d.File("." + name)
	fd, err := unix.Open(temporary, unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fail.Call(fmt.Sprintf("open(%q, O_CREAT|O_WRONLY)", temporary), err, cause(err))
	}
	for len(data) > 0 && (err == nil || err == unix.EINTR) {
		var n int
		n, err = unix.Write(fd, data)
		data = data[max(n, 0):]
	}
	if err2 := unix.Close(fd); err == nil {
		err = err2
	}
	if err != nil {
		return fail.Call(fmt.Sprintf("write(%q)", temporary), err, cause(err))
	}
	if err := unix.Rename(temporary, d.File(name)); err != nil {
		return fail.Call(fmt.Sprintf("rename(%q, %q)", temporary, d.File(name)), err, cause(err))
	}
	return nil
}

// Save writes state.json.
func (d *Dir) Save(s *State) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return d.Write("state.json", data)
}

// Load reads state.json. If the runtime died before it wrote one, there is none: the State is empty then but for the id.
func (d *Dir) Load() (*State, error) {
	s := &State{ID: filepath.Base(d.Path)}
	data, err := os.ReadFile(d.File("state.json"))
	if errors.Is(err, unix.ENOENT) {
		return s, nil
	} else if err != nil {
		return nil, fail.Call(fmt.Sprintf("read(%q)", d.File("state.json")), err, cause(err))
	}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("%s is damaged: %v: delete --force removes what can be found without it", d.File("state.json"), err)
	}
	return s, nil
}

// Remove removes the directory with all that is in it. The caller holds the lock, and has removed what state.json tells of.
func (d *Dir) Remove() error {
	for _, name := range [...]string{"config.json", socketName, "state.json"} { // what is there, as a rule
		unix.Unlink(d.File(name))
	}
	if err := unix.Rmdir(d.Path); err != nil {
		if err := os.RemoveAll(d.Path); err != nil {
			return fail.Call(fmt.Sprintf("rmdir(%q)", d.Path), err, cause(err))
		}
	}
	d.Unlock()
	return nil
}

// List returns the ids of all containers below root.
func List(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	} else if err != nil {
		return nil, fail.Call(fmt.Sprintf("open(%q)", root), err, cause(err))
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && CheckID(e.Name()) == nil {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// cause says what an errno is likely to mean here.
func cause(err error) string {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return "the directory for states belongs to somebody else; --root DIR names another"
	case errors.Is(err, unix.ENOSPC):
		return "the file system that holds the states is full; --root DIR names a directory on another"
	case errors.Is(err, unix.EROFS):
		return "the file system is read-only; --root DIR names a directory on another"
	case errors.Is(err, unix.ENOTDIR):
		return "something in this path is a file"
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return "too many files are open"
	}
	return ""
}
