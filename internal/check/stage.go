package check

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

// A check is this same program, started again under other names (see the package comment). Their first word says which.
const (
	stageName  = "jocker-check-stage"
	checksName = "jocker-check-checks"
	enterName  = "jocker-check-enter"
	peekName   = "jocker-check-peek"
)

// Main must be the first call of a program that uses Run: there the program's other lives branch off.
func Main() {
	lives := map[string]func() error{stageName: stage, checksName: checks, enterName: enter, peekName: peek}
	if life, ok := lives[os.Args[0]]; ok {
		runtime.LockOSThread() // namespaces belong to threads
		if err := life(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
			os.Exit(125)
		}
		os.Exit(0)
	}
}

// job is what the stage has to know.
type job struct {
	Exercise    string // "lab03"
	Binary      string // the built program, outside
	Store       string // lab06's images, outside; "" if the exercise needs none
	Tasks       []string
	Slow        bool
	Hierarchies []hierarchy
}

const (
	sandboxName = "workshop"   // the host name in the box
	binDir      = "/tmp/bin"   // where the program lies in the box
	storeDir    = "/tmp/store" // JOCKER_LABS in the box
	studentDir  = "student"    // the cgroup in which commands start
	stageRead   = 3            // the stage's fd for what it is told
	stageWrite  = 4            // and for what it tells
)

// stage is PID 1 of the box. By now it is in new namespaces; the message that it waits for comes when it is in the
// cgroups, too.
func stage() error {
	in, out := os.NewFile(stageRead, "in"), os.NewFile(stageWrite, "out")
	messages := json.NewDecoder(in)
	var j job
	if err := messages.Decode(&j); err != nil {
		return fmt.Errorf("no job: %w", err)
	}
	home, err := os.Open("/proc/thread-self/ns/cgroup")
	if err != nil {
		return err
	}
	if err := syscall.Unshare(syscall.CLONE_NEWCGROUP); err != nil {
		return os.NewSyscallError("unshare(CLONE_NEWCGROUP)", err)
	}
	if err := furnish(j); err != nil {
		return err
	}
	boxed, err := os.Open("/proc/thread-self/ns/cgroup")
	if err != nil {
		return err
	}
	// We ourselves, and the checks, stay outside of the limits. Only commands go in.
	if _, _, errno := syscall.Syscall(sysSetns, home.Fd(), syscall.CLONE_NEWCGROUP, 0); errno != 0 {
		return os.NewSyscallError("setns", errno)
	}
	fmt.Fprintln(out, `{"ready":true}`)
	var moved bool
	if err := messages.Decode(&moved); err != nil {
		return fmt.Errorf("not moved back: %w", err)
	}

	text, _ := json.Marshal(j)
	checks, err := os.StartProcess("/proc/self/exe", []string{checksName, string(text)}, &os.ProcAttr{
		Dir: "/tmp", Env: environment(), Files: []*os.File{nil, os.Stderr, os.Stderr, out, boxed},
	})
	if err != nil {
		return err
	}
	out.Close()
	for { // a PID 1 inherits every orphan, and must wait for it, or it stays as a zombie
		var ws syscall.WaitStatus
		if pid, err := syscall.Wait4(-1, &ws, 0, nil); pid == checks.Pid && err == nil {
			os.Exit(ws.ExitStatus())
		}
	}
}

func environment() []string {
	return []string{
		"PATH=" + binDir + ":" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "HOME=/tmp", "TERM=dumb", "LC_ALL=C",
		"JOCKER_LABS=" + storeDir, "LAB_SLOW=" + os.Getenv("LAB_SLOW"),
	}
}

// furnish makes the mounts of the box.
func furnish(j job) error {
	binary, err := os.Open(j.Binary)
	if err != nil {
		return err
	}
	defer binary.Close()
	store := map[string]*os.File{}
	if j.Store != "" {
		for _, dir := range []string{"images", "layers"} {
			if store[dir], err = os.Open(filepath.Join(j.Store, dir)); err != nil {
				return fmt.Errorf("the image busybox is missing (make rootfs makes it): %w", err)
			}
		}
	}
	if err := syscall.Sethostname([]byte(sandboxName)); err != nil {
		return os.NewSyscallError("sethostname", err)
	}
	if err := mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := readOnly("/"); err != nil {
		return err
	}
	for _, old := range []string{"/sys", "/proc"} {
		syscall.Unmount(old, syscall.MNT_DETACH) // what we mount there is our own; that nothing was is fine, too
	}
	steps := []struct{ fstype, dir, options string }{
		{"proc", "/proc", ""}, {"sysfs", "/sys", ""},
		{"tmpfs", "/tmp", "mode=1777,size=96m"}, {"tmpfs", "/run", "mode=755,size=8m"}, {"tmpfs", "/mnt", "mode=755,size=32m"},
		{"tmpfs", "/dev/shm", "mode=1777,size=16m"}, {"tmpfs", "/var/tmp", "mode=1777,size=8m"},
	}
	for _, s := range steps {
		if _, err := os.Stat(s.dir); err != nil {
			continue
		}
		if err := mount(s.fstype, s.dir, s.fstype, syscall.MS_NOSUID, s.options); err != nil {
			return err
		}
	}
	if err := mountCgroups(j.Hierarchies); err != nil {
		return err
	}
	if err := install(binary, j.Exercise); err != nil {
		return err
	}
	for dir, from := range store {
		to := filepath.Join(storeDir, dir)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		if err := mount(fmt.Sprintf("/proc/self/fd/%d", from.Fd()), to, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
		from.Close()
	}
	// As systemd leaves it on most machines: a program that forgets to make its mounts private is then seen doing so.
	return mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, "")
}

// mountCgroups mounts the hierarchies where the host has them. They show the box alone, as if it were the whole tree.
func mountCgroups(list []hierarchy) error {
	const base = "/sys/fs/cgroup"
	if len(list) > 1 || list[0].Point != base {
		if err := mount("tmpfs", base, "tmpfs", 0, "mode=755,size=1m"); err != nil {
			return err
		}
	}
	for _, h := range list {
		if strings.HasPrefix(h.Point, base) {
			os.MkdirAll(h.Point, 0o755)
		}
		fstype, options := "cgroup2", ""
		if !h.V2 {
			fstype, options = "cgroup", h.Words
		}
		if err := mount(fstype, h.Point, fstype, 0, options); err != nil {
			return err
		}
		// Commands start in a cgroup below: on v2 one that has processes could not enable controllers.
		dir := filepath.Join(h.Point, studentDir)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if text := strings.TrimSpace(readFile(filepath.Join(h.Point, file))); text != "" && !h.V2 {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// install copies the program into the box.
func install(binary io.Reader, name string) error {
	if err := os.MkdirAll(binDir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(binDir, name), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, binary); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// mount is mount(2) with an error that says what was mounted.
func mount(source, target, fstype string, flags uintptr, options string) error {
	if err := syscall.Mount(source, target, fstype, flags, options); err != nil {
		return fmt.Errorf("mount(%q, %q, %q): %w", source, target, options, err)
	}
	return nil
}

// Calls that package syscall lacks, or has not on every architecture.
const (
	sysMountSetattr = 442 // Linux 5.12
	atRecursive     = 0x8000
)

// readOnly makes all mounts from dir on read-only, at once.
func readOnly(dir string) error {
	attr := struct{ set, clear, propagation, userns uint64 }{set: 1} // MOUNT_ATTR_RDONLY
	path, _ := syscall.BytePtrFromString(dir)
	_, _, errno := syscall.Syscall6(sysMountSetattr, ^uintptr(99), uintptr(unsafe.Pointer(path)), atRecursive, // ^99 is AT_FDCWD, -100
		uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return fmt.Errorf("mount_setattr(%q): %w: checks need Linux 5.12 or later", dir, errno)
	}
	return nil
}
