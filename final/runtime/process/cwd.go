package process

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/step"
)

// makeCwd makes the working directory if the image lacks it, as an image's WORKDIR may be meant.
// It comes before the root becomes read-only.
func (p *Init) makeCwd() step.Step {
	dir := p.c.Process.Cwd
	return do("cwd", 0,
		func() (string, string) {
			return "make the working directory if it is missing", fmt.Sprintf("mkdir(%q, 0755)", dir)
		},
		func() error { return mkdirAll(dir) })
}

// mkdirAll makes a directory and those above it, with mode 0755 whatever the mask. Init's root is the
// container's already, so that no symbolic link leads out of it.
func mkdirAll(dir string) error {
	err := unix.Access(dir, unix.F_OK)
	if err != unix.ENOENT {
		return nil // chdir will say what is wrong with it, if anything is
	}
	old := unix.Umask(0o022)
	defer unix.Umask(old)
	for i := 1; i <= len(dir); i++ {
		if i < len(dir) && dir[i] != '/' {
			continue
		}
		if err := unix.Mkdir(dir[:i], 0o755); err == nil || err == unix.EEXIST {
			continue
		} else if unix.Access(dir[:i], unix.F_OK) != nil { // EROFS, say, comes before EEXIST
			return fail.Call(fmt.Sprintf("mkdir(%q, 0755)", dir[:i]), err, "process.cwd is missing in the container and can't be made; "+
				"make it in the image, or name another")
		}
	}
	return nil
}

// chdir enters the working directory, as root: where the image's author could go, the user need not
// be able to. Where root may not (NFS, FUSE), the user has to, and enterLate tries it.
func (p *Init) chdir() step.Step {
	return do("cwd", 0,
		func() (string, string) {
			return "enter the working directory", fmt.Sprintf("chdir(%q)", p.c.Process.Cwd)
		},
		func() error {
			err := p.enter()
			p.retryWd = err != nil && isDenied(err)
			if p.retryWd {
				return nil
			}
			return err
		})
}

// enter changes the working directory and makes sure that it is within the container. A path such as
// /proc/self/fd/7 enters whatever directory a descriptor refers to, and if the runtime had left one
// of the host's open, the container would stand outside of its root, free to walk on
// (CVE-2024-21626). Descriptors are closed on exec, but this process has not executed anything yet.
// The kernel says so: getcwd(2) puts "(unreachable)" before a path that does not lead to the root.
func (p *Init) enter() error {
	dir := p.c.Process.Cwd
	call := func() string { return fmt.Sprintf("chdir(%q)", dir) }
	if err := unix.Chdir(dir); err != nil {
		cause := ""
		switch err {
		case unix.ENOENT:
			cause = "process.cwd does not exist in the container"
		case unix.ENOTDIR:
			cause = "process.cwd, or something above it, is a file"
		case unix.EACCES:
			cause = "neither root nor the user may enter process.cwd"
		case unix.ELOOP:
			cause = "process.cwd leads through too many symbolic links"
		}
		return fail.Call(call(), err, cause)
	}
	var path [unix.PathMax]byte
	_, _, errno := unix.RawSyscall(unix.SYS_GETCWD, uintptr(unsafe.Pointer(&path)), uintptr(len(path)), 0)
	switch {
	case errno == unix.ENOENT:
		return fail.Call("getcwd()", errno, fmt.Sprintf("the directory %q was removed", dir))
	case errno == unix.ERANGE || errno == unix.ENAMETOOLONG: // longer than PATH_MAX, and from the root
		return fail.Call("getcwd()", errno, fmt.Sprintf("the path of %q has more than 4096 bytes", dir))
	case errno != 0:
		return fail.Call("getcwd()", errno, "")
	case path[0] != '/':
		_ = unix.Chdir("/")
		return fail.Call(call(), unix.EXDEV, "the directory is outside of the container's root; process.cwd would break out")
	}
	return nil
}

// enterLate enters the working directory as the user, if root could not.
func (p *Init) enterLate() error {
	if !p.retryWd {
		return nil
	}
	return p.enter()
}
