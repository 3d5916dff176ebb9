// Robind shows a program a folder that it can't change: `robind /etc /mnt ls /mnt`.
//
// A bind mount shows a folder a second time, somewhere else. Engines make their volumes in this way, and -v A:B:ro
// makes one that is read-only: of the same files, one mount can be read-only and the other not. There is a trap in the
// making that has caught many: mount(2) takes the flag and ignores it.
//
// Level: easy. About 20 minutes.
//
// Further reading: mount(2), "Creating a bind mount" and "Remounting an existing mount"
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: robind FOLDER PLACE PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "robind:", err)
		os.Exit(1)
	}
}

// run makes the mount in a mount namespace of our own, and runs the program there.
func run(folder, place string, program []string) error {
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount --make-rprivate /", err)
	}
	if err := bindReadOnly(folder, place); err != nil {
		return err
	}
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// Task robind.1: bindReadOnly shows folder at place, with all that is mounted in it, read-only.
//
// Make the bind mount (MS_BIND), then make it read-only: a second call, with MS_REMOUNT and MS_BIND, that
// changes the flags of this one mount. The first call ignores MS_RDONLY. Set nosuid and nodev as well. If the
// second call fails, nothing may stay that can be written to: unmount it.
//
//lab:task robind.1
func bindReadOnly(folder, place string) error {
	if err := syscall.Mount(folder, place, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s on %s: %w", folder, place, err)
	}
	const flags = syscall.MS_REMOUNT | syscall.MS_BIND | syscall.MS_RDONLY | syscall.MS_NOSUID | syscall.MS_NODEV
	if err := syscall.Mount("", place, "", flags, ""); err != nil {
		syscall.Unmount(place, syscall.MNT_DETACH)
		return fmt.Errorf("make %s read-only: %w", place, err)
	}
	return nil
}
