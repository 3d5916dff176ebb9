// Volume mounts a folder of the host into a container's root: `volume ROOT /host/folder /data PROGRAM`.
//
// docker run -v does this, and it is where several escapes began. The place to mount on lies in a root whose files
// somebody else has made: /data may be a symbolic link to /etc, and means the host's /etc as long as *we* follow it.
// Looking first and mounting then is a race. openat2(2) has an answer: with RESOLVE_IN_ROOT the kernel resolves a path
// as if the given directory were /, and a descriptor of what it found can't be exchanged any more.
//
// Level: hard. About 45 minutes.
//
// Further reading: openat2(2), CVE-2021-30465
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"
)

func main() {
	if len(os.Args) < 5 {
		fmt.Fprintln(os.Stderr, "usage: volume ROOT FOLDER PLACE PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	runtime.LockOSThread()
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]); err != nil {
		fmt.Fprintln(os.Stderr, "volume:", err)
		os.Exit(1)
	}
}

func run(root, folder, place string, program []string) error {
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount --make-rprivate /", err)
	}
	if err := mountVolume(root, folder, place); err != nil {
		return err
	}
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// openHow is struct open_how of openat2(2), which package syscall lacks.
type openHow struct{ flags, mode, resolve uint64 }

const (
	sysOpenat2    = 437
	oPath         = 0x200000 // O_PATH: a descriptor that stands for the file and can't read it
	resolveInRoot = 0x10     // RESOLVE_IN_ROOT
)

// openat2 is the call; dir is a descriptor of a directory. EAGAIN says that something on the machine was renamed or
// mounted meanwhile, and that the kernel can't tell whether a ".." is still inside: then it is tried again.
func openat2(dir int, path string, how openHow) (int, error) {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	for try := 0; ; try++ {
		fd, _, errno := syscall.Syscall6(sysOpenat2, uintptr(dir), uintptr(unsafe.Pointer(name)),
			uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
		if errno == 0 {
			return int(fd), nil
		} else if errno != syscall.EAGAIN && errno != syscall.EINTR || try == 1000 {
			return -1, errno
		}
	}
}

// Task volume.1: openInRoot opens the directory path as root would see it if it were /.
//
// Open root, then path below it with openat2: flags O_PATH, O_DIRECTORY and O_CLOEXEC, and resolveInRoot. The
// descriptor of root is not needed any more afterwards.
//
//lab:task volume.1
func openInRoot(root, path string) (*os.File, error) {
	dir, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	fd, err := openat2(int(dir.Fd()), path, openHow{flags: oPath | syscall.O_DIRECTORY | syscall.O_CLOEXEC, resolve: resolveInRoot})
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", path, root, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Task volume.2: mountVolume shows folder, which is the host's, at place in root.
//
// Bind it on the *descriptor*: a path /proc/self/fd/N leads to what the descriptor stands for, whatever has
// happened to its name meanwhile.
//
//lab:task volume.2
func mountVolume(root, folder, place string) error {
	f, err := openInRoot(root, place)
	if err != nil {
		return err
	}
	defer f.Close()
	target := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if err := syscall.Mount(folder, target, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s on %s: %w", folder, place, err)
	}
	return nil
}
