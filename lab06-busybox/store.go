package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// The store keeps images and containers:
//
//	/var/lib/jocker-labs/
//	  images/busybox.json     the layers of the image, the lowest first
//	  layers/ID/              the files of a layer; images may share it, nobody writes into it
//	  containers/NAME/
//	    image                 the name of its image
//	    command               the arguments of `run`, for `start`
//	    init/                 the layer with what is this container's own: /etc/hostname, ...
//	    upper/                the read-write layer: all that the container has changed
//	    work/                 overlayfs's own scratch directory, on the same file system as upper
//	    merged/               where the layers are mounted as one; outside the container it is empty
func store(path ...string) string {
	root := os.Getenv("JOCKER_LABS")
	if root == "" {
		root = "/var/lib/jocker-labs"
	}
	return filepath.Join(append([]string{root}, path...)...)
}

// image is what images/NAME.json says.
type image struct {
	Layers  []string // ids, the lowest first
	Command []string // the program if the user names none
}

// openImage reads the metadata of an image and makes sure that its layers are there.
func openImage(name string) (img image, err error) {
	if !nameForm.MatchString(name) {
		return img, fail(125, "%q can't be an image: letters, digits, '.', '_' and '-' are allowed", name)
	}
	data, err := os.ReadFile(store("images", name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return img, fail(125, "there is no image %s in %s (make rootfs makes busybox)", name, store("images"))
	}
	if err == nil {
		err = json.Unmarshal(data, &img)
	}
	if err == nil && len(img.Layers) == 0 {
		err = errors.New("it has no layers")
	}
	if err != nil {
		return img, fail(125, "the image %s is damaged (make rootfs mends busybox): %v", name, err)
	}
	for _, id := range img.Layers {
		entries, err := os.ReadDir(store("layers", id))
		if err != nil || len(entries) == 0 {
			return img, fail(125, "layer %s of the image %s is missing or empty (make rootfs mends busybox)", id, name)
		}
	}
	return img, nil
}

// container is a directory under containers/, locked as long as we have it open.
type container struct {
	name string
	lock *os.File
}

var nameForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`) // it is the host name too

func (c *container) path(elem ...string) string {
	return store(append([]string{"containers", c.name}, elem...)...)
}

// createContainer makes the container's directories. args is the command line, kept for start.
// A container of the name "." is temporary: it gets a name that begins with a dot, and goes when it ends.
func createContainer(name, image string, args []string) (c *container, err error) {
	if name == "." {
		random := make([]byte, 6)
		rand.Read(random)
		name += hex.EncodeToString(random)
	} else if !nameForm.MatchString(name) {
		return nil, fail(125, "-name %s: 1 to 63 letters, digits, '.', '_' or '-' are wanted, the first a letter or digit", name)
	}
	if err := os.MkdirAll(store("containers"), 0o700); err != nil {
		return nil, noRoom(err)
	}
	all, err := lockDir(store("containers"), syscall.LOCK_EX) // nobody sweeps or removes meanwhile
	if err != nil {
		return nil, err
	}
	defer all.Close()
	sweep()

	c = &container{name: name}
	if err := os.Mkdir(c.path(), 0o700); errors.Is(err, fs.ErrExist) {
		return nil, fail(125, "there is a container %s already: `%s start %[1]s` runs it again, `%[2]s rm %[1]s` removes it", name, lab)
	} else if err != nil {
		return nil, noRoom(err)
	}
	if c.lock, err = lockDir(c.path(), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		err = c.fill(image, args)
	}
	if err != nil {
		os.RemoveAll(c.path())
		return nil, noRoom(err)
	}
	return c, nil
}

// noRoom adds to an error of the store what helps against most of them.
func noRoom(err error) error {
	return fail(125, "%v (`%s rm NAME` makes room, JOCKER_LABS=DIR moves the store)", err, lab)
}

// fill makes what is in a container's directory. The command comes last: if it is there, so is the rest.
func (c *container) fill(image string, args []string) error {
	// The init layer lies between the image and the read-write layer. It has the files that belong to
	// this container and to no image, and the directories to mount on.
	for _, dir := range []string{"upper", "work", "merged", "init", "init/etc", "init/proc", "init/sys", "init/dev"} {
		if err := os.Mkdir(c.path(dir), 0o755); err != nil {
			return err
		}
	}
	resolv, _ := os.ReadFile("/etc/resolv.conf") // a machine without one has no names to look up
	for _, file := range []struct{ name, content string }{
		{"init/etc/hostname", c.hostname() + "\n"},
		{"init/etc/hosts", "127.0.0.1 localhost " + c.hostname() + "\n::1 localhost\n"},
		{"init/etc/resolv.conf", string(resolv)},
		{"image", image},
		{"command", string(spec{args: args}.encode())},
	} {
		if err := os.WriteFile(c.path(file.name), []byte(file.content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes temporary containers that a killed lab06 left behind.
func sweep() {
	leftovers, _ := filepath.Glob(store("containers", ".*"))
	for _, dir := range leftovers {
		if lock, err := lockDir(dir, syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			os.RemoveAll(dir)
			lock.Close()
		}
	}
}

// openContainer opens an existing container, and refuses one that is running.
func openContainer(name string) (*container, error) {
	c := &container{name: name}
	if _, err := os.Stat(c.path()); err != nil || !nameForm.MatchString(name) {
		return nil, fail(125, "there is no container %s (`%s run -name %[1]s ...` makes it)", name, lab)
	}
	var err error
	if c.lock, err = lockDir(c.path(), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fail(125, "the container %s is running: end it first", name)
	}
	return c, err
}

// lockDir opens a directory and locks it. The kernel takes the lock away with the last descriptor
// of the open file, so it can't outlive us.
func lockDir(dir string, how int) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock of %s: %w", dir, err)
	}
	return f, nil
}

// command returns the arguments that `run` was called with.
func (c *container) command() ([]string, error) {
	data, readErr := os.ReadFile(c.path("command"))
	s, err := decode(data)
	if readErr != nil || err != nil {
		return nil, fail(125, "the container %s isn't whole: it was killed while it was made or removed; `%s rm %[1]s` removes it", c.name, lab)
	}
	return s.args, nil
}

// layers returns the directories of the read-only layers, the uppermost first.
func (c *container) layers() ([]string, error) {
	name, err := os.ReadFile(c.path("image"))
	if err != nil {
		return nil, err
	}
	img, err := openImage(string(name))
	dirs := []string{c.path("init")}
	for i := len(img.Layers) - 1; i >= 0; i-- {
		dirs = append(dirs, store("layers", img.Layers[i]))
	}
	return dirs, err
}

// forget removes a new container that is temporary, or that could not start and left no trace: its
// name is free again.
func (c *container) forget(err error) {
	written, _ := os.ReadDir(c.path("upper"))
	if code := exitCode(err); c.temporary() || 125 <= code && code <= 127 && len(written) == 0 {
		if err := remove(c); err != nil {
			say("%v", err)
		}
	}
}

// remove removes a container and all that it has written. The image's layers are not in it. The
// command goes first: without it nobody can start what is left, should we be killed in the middle.
func remove(c *container) error {
	os.Remove(c.path("command"))
	return os.RemoveAll(c.path())
}

// temporary tells whether the container goes when it ends.
func (c *container) temporary() bool { return c.name[0] == '.' }

// hostname is the container's name, without the dot of a temporary one.
func (c *container) hostname() string {
	if c.temporary() {
		return c.name[1:]
	}
	return c.name
}
