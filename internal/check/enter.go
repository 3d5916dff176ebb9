package check

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// entry is what a command needs besides its arguments. It travels in the environment.
type entry struct {
	Procs []string          // the files cgroup.procs to enter by
	User  int               // to become, 0 stays root
	Fake  map[string]string // files that take the place of /sys/fs/cgroup
}

const entryEnv = "JOCKER_CHECK_ENTRY"

// enter goes into the box's cgroups and cgroup namespace (file descriptor 3), and becomes the command.
func enter() error {
	var e entry
	if err := json.Unmarshal([]byte(os.Getenv(entryEnv)), &e); err != nil {
		return err
	}
	os.Unsetenv(entryEnv)
	for _, file := range e.Procs {
		if err := os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
			return err
		}
	}
	if _, _, errno := syscall.Syscall(sysSetns, 3, syscall.CLONE_NEWCGROUP, 0); errno != 0 {
		return os.NewSyscallError("setns", errno)
	}
	syscall.CloseOnExec(3)
	if e.Fake != nil {
		if err := fake(e.Fake); err != nil {
			return err
		}
	}
	if e.User != 0 {
		if err := syscall.Setgroups(nil); err != nil {
			return err
		}
		if err := syscall.Setresgid(e.User, e.User, e.User); err != nil {
			return err
		}
		if err := syscall.Setresuid(e.User, e.User, e.User); err != nil {
			return err
		}
	}
	path, err := exec.LookPath(os.Args[1])
	if err != nil {
		return err
	}
	return fmt.Errorf("execve %s: %w", path, syscall.Exec(path, os.Args[1:], os.Environ()))
}

// fake covers /sys/fs/cgroup by files, for a machine that isn't this one.
func fake(files map[string]string) error {
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return err
	}
	if err := mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := mount("tmpfs", "/sys/fs/cgroup", "tmpfs", 0, ""); err != nil {
		return err
	}
	for name, text := range files {
		path := filepath.Join("/sys/fs/cgroup", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// peek goes into the mount namespace of a process, as nsenter does, and says whether a path is there. It begins at the
// root of the namespace, which is not the process's own if that was merely changed with chroot.
func peek() error {
	ns, err := os.Open("/proc/" + os.Args[1] + "/ns/mnt")
	if err != nil {
		return err
	}
	if err := syscall.Unshare(syscall.CLONE_FS); err != nil { // other threads share our root until then
		return err
	}
	if _, _, errno := syscall.Syscall(sysSetns, ns.Fd(), syscall.CLONE_NEWNS, 0); errno != 0 {
		return os.NewSyscallError("setns", errno)
	}
	if _, err := os.Stat(os.Args[2]); err == nil {
		fmt.Println("there")
	}
	return nil
}
