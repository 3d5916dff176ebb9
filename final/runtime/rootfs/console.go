package rootfs

import (
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/step"
)

// Console returns init's step that binds the container's terminal on /dev/console, where programs
// such as an init system look for it. It comes after Enter and before Protect. slave is asked when the
// step is made: package process opens the terminal in between.
//
// The slave is given as a descriptor and not by the name /dev/pts/0, which could have become a link to
// something else by now (CVE-2025-52565); and /dev/console itself is never followed.
func (r *Rootfs) Console(slave func() int) step.Step {
	return step.Step{Actor: step.Init, Stage: "console",
		Do: func() error { return r.bindConsole(slave()) },
		Say: func() (what, call string) {
			return "bind the terminal on /dev/console", `open_tree(slave, OPEN_TREE_CLONE); move_mount("/dev/console")`
		}}
}

func (r *Rootfs) bindConsole(slave int) error {
	dev, err := r.dev()
	if err != nil {
		return err
	}
	defer unix.Close(dev)
	tree, err := cloneTree(slave, "", false)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	place, err := makeFile(dir{dev, "/dev"}, "console")
	if err != nil {
		return err
	}
	m := mount{dest: "/dev/console"}
	return m.attach(tree, place)
}

// A dir is a directory of the container, and its name for errors.
type dir struct {
	fd   int
	name string
}

// makeFile opens a file for something to be bound on, and makes it if it is missing. A link is not
// followed, for it could lead to any other place in the container.
func makeFile(d dir, name string) (fd int, err error) {
	fd, err = makeOne(d.fd, name, false)
	if err == unix.EEXIST {
		fd, err = openIn(d.fd, name, unix.O_PATH, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS)
	}
	if err != nil {
		cause := ""
		switch err {
		case unix.ELOOP:
			cause = "a link has this name in the image, and nothing is bound through links here; remove it, or mount a tmpfs on /dev"
		case unix.EROFS:
			cause = "it does not exist, and the file system is read-only; mount a tmpfs on /dev"
		}
		return -1, fail.Call("openat2("+quote(d.name+"/"+name)+", O_CREAT|O_EXCL, RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS)", err, cause)
	}
	return fd, nil
}
