package namespace

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/proc"
)

func init() {
	children["ordinary"] = childOrdinary
	children["dying"] = childDying
}

// childOrdinary becomes nobody, in a mount namespace with /etc/subuid and /etc/subgid of the test's,
// and starts a container with a mapping of the ids from 300000 on, or of the own id alone.
func childOrdinary() {
	dir := os.Args[1]
	check := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(0)
		}
	}
	check(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	for _, file := range []string{"subuid", "subgid"} {
		check(unix.Mount(filepath.Join(dir, file), "/etc/"+file, "", unix.MS_BIND, ""))
	}
	check(syscall.Setgroups(nil))
	check(syscall.Setgid(65534))
	check(syscall.Setuid(65534))
	check(unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0))
	exe, _, err := Seal()
	check(err)
	c := &Config{New: unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS}
	if os.Args[2] == "one" {
		c.UIDs, c.GIDs = ids(0, 65534, 1), ids(0, 65534, 1)
	} else {
		c.UIDs = append(ids(0, 65534, 1), ids(1, 300000, 1000)...)
		c.GIDs = append(ids(0, 65534, 1), ids(1, 300000, 1000)...)
	}
	pid, pidfd, err := c.Start(&Command{Exe: exe, Args: []string{os.Args[3]}, Env: os.Environ(), Files: []int{0, 1, 2}, Cgroup: -1})
	check(err)
	if os.Args[3] == "sleep" { // for a second one, which enters
		started, _, err := proc.StartTime(pid)
		check(err)
		target, err := Open(pid, started)
		check(err)
		second, _, err := target.Enter(&Command{Exe: exe, Args: []string{"report"}, Env: os.Environ(), Files: []int{0, 1, 2}, Cgroup: -1})
		check(err)
		reap(second)
		check(unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0))
	}
	reap(pid)
}

// ordinary does so, with a line in both files.
func ordinary(t *testing.T, line string, args ...string) map[string]string {
	if lookPath("newuidmap") == "" {
		t.Fatal("newuidmap is missing: apt-get install uidmap")
	}
	dir := t.TempDir()
	for _, file := range []string{"subuid", "subgid"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(line+"\n"), 0o644))
	}
	return report(t, func(cmd *Command) (int, int, error) {
		cmd.Args = append([]string{"ordinary", dir}, args...)
		return (&Config{New: unix.CLONE_NEWNS}).Start(cmd)
	})
}

func TestOrdinary(t *testing.T) {
	flags := uintptr(unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS)
	seen := ordinary(t, "nobody:300000:1000", "one", "report")
	require.Empty(t, seen["error:"])
	requireNew(t, flags, seen)
	require.Equal(t, "0      65534          1", seen["uid_map"])
	require.Equal(t, "deny", seen["setgroups"])
	require.Equal(t, "0 0", seen["uid"])
	require.Equal(t, "000001ffffffffff", seen["CapEff"])

	for _, first := range []string{"report", "sleep"} {
		seen = ordinary(t, "nobody:300000:1000", "many", first)
		require.Empty(t, seen["error:"])
		requireNew(t, flags, seen)
		require.Equal(t, "0      65534          1; 1     300000       1000", seen["uid_map"])
		require.Equal(t, "0      65534          1; 1     300000       1000", seen["gid_map"])
		require.Equal(t, "allow", seen["setgroups"])
		require.Equal(t, "0 0", seen["uid"])
		require.Equal(t, "000001ffffffffff", seen["CapEff"])
	}
}

func TestOrdinaryWithoutSubordinates(t *testing.T) {
	seen := ordinary(t, "somebody:100000:65536", "many", "report")
	require.Regexp(t, `^newuidmap [0-9]+ 0 65534 1 1 300000 1000: exit status 1: newuidmap: .*: nobody has no subordinate ids; add the line nobody:196608:65536 to /etc/subuid$`, seen["error:"])
	seen = ordinary(t, "nobody:300000:500", "many", "report")
	require.True(t, strings.HasSuffix(seen["error:"], "the host's ids 300000 to 300999 are not all nobody's: /etc/subuid gives 300000 to 300499"), seen["error:"])
}

func TestHelperMissing(t *testing.T) {
	require.EqualError(t, helper("newxidmap", "/etc/subuid", 1, nil), "newxidmap is not installed, and only with it can an ordinary user map more than one id; "+
		"install the package uidmap (Debian, Ubuntu) or shadow-utils (Fedora)")
}

func FuzzSubordinate(f *testing.F) {
	f.Add("a:1:2\nb:100000:65536\n", uint32(100000), uint32(65536))
	f.Add("a:4294967295:4294967295\na:0:0\n::\n", uint32(0), uint32(1))
	f.Fuzz(func(t *testing.T, text string, host, size uint32) {
		said := subordinate(text, "/etc/subuid", "a", 5, ids(0, host, size))
		all := subordinate(text+"\na:0:4294967295", "/etc/subuid", "a", 5, ids(0, host, size))
		if uint64(host)+uint64(size) < 1<<32-1 && all != "" {
			t.Fatal("all ids are not enough: ", all)
		}
		if said == "" && !strings.Contains(text, ":") {
			t.Fatal("nothing is enough")
		}
	})
}

// childDying is a runtime that ends while the process in the new user namespace waits for its maps.
func childDying() {
	exe, _, err := Seal()
	if err == nil {
		var p *program
		if p, err = newProgram(30); err == nil {
			p.Clone.Flags |= unix.CLONE_NEWUSER
			p.await()
			_ = p.exec(&Command{Exe: exe, Args: []string{"sleep"}, Files: []int{0, 1, 2}, Cgroup: -1})
			_, err = p.run(func(pid int) error {
				fmt.Println("pid", pid)
				unix.Exit(0)
				return nil
			})
		}
	}
	fmt.Println("error:", err)
}

func TestRuntimeDies(t *testing.T) {
	// The pipe that the sleeper would hold ends only if it does not live.
	seen := report(t, func(cmd *Command) (int, int, error) {
		cmd.Args = []string{"dying"}
		return (&Config{}).Start(cmd)
	})
	require.Empty(t, seen["error:"])
	require.NotEmpty(t, seen["pid"])
}

// If the maps cannot be written there is no process, and the error says which map.
func TestStartMapFails(t *testing.T) {
	cmd, _ := command(t, "true")
	c := &Config{New: unix.CLONE_NEWUSER, UIDs: ids(0, 100000, 1), GIDs: append(ids(0, 100000, 2), ids(1, 200000, 2)...)}
	_, _, err := c.Start(cmd)
	require.ErrorContains(t, err, `/gid_map", "0 100000 2\n1 200000 2\n"): invalid argument (EINVAL): the lines overlap, or there are too many for this kernel: 5 before Linux 4.15`)
	var ws unix.WaitStatus
	_, err = unix.Wait4(-1, &ws, unix.WNOHANG, nil)
	require.Equal(t, unix.ECHILD, err)
}
