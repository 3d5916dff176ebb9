package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// These tests ask the kernel, as root. A process to be limited is the test binary itself, started again.
const childEnv = "CGROUP_TEST_CHILD"

var children = map[string]func(){
	"wait": func() { os.Stdin.Read(make([]byte, 1)) },
	"join": childJoin,
	"spin": func() {
		go func() { os.Stdin.Read(make([]byte, 1)); os.Exit(0) }()
		for i := 0; ; i++ { // an empty loop would look like a mistake
		}
	},
	"hog":  childHog,
	"hold": childHold,
	"lost": childLost,
	"hide": childHide,
}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		runtime.LockOSThread()
		children[name]()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var groups atomic.Int32

// newGroup locates a group of the test's own, and removes it in the end.
func newGroup(t testing.TB) *Group {
	t.Helper()
	require.Zero(t, os.Geteuid(), "these tests need root: sudo go test")
	g, err := Locate(fmt.Sprintf("/cgroup-test-%d-%d", os.Getpid(), groups.Add(1)), "unused")
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, g.Delete())
		require.False(t, g.Exists())
	})
	return g
}

// create makes such a group.
func create(t testing.TB) *Group {
	t.Helper()
	g := newGroup(t)
	require.NoError(t, g.Create())
	return g
}

// spawn prepares a child. It ends when its standard input does.
func spawn(t testing.TB, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"="+name)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return cmd
}

// waiting starts a child that waits, and moves it into the group.
func waiting(t testing.TB, g *Group) *exec.Cmd {
	t.Helper()
	cmd := spawn(t, "wait")
	require.NoError(t, cmd.Start())
	require.NoError(t, g.Add(cmd.Process.Pid))
	return cmd
}

// inside requires that a process is in the group, in each hierarchy.
func inside(t testing.TB, g *Group, pid int) {
	t.Helper()
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	require.NoError(t, err)
	for i := range g.Hierarchies {
		h := &g.Hierarchies[i]
		require.Equal(t, h.Path, h.place(table), "%v in\n%s", h.Controllers, table)
	}
}

func TestAdd(t *testing.T) {
	g := create(t)
	cmd := waiting(t, g)
	inside(t, g, cmd.Process.Pid)
	pids, err := g.Pids()
	require.NoError(t, err)
	require.Equal(t, []int{cmd.Process.Pid}, pids)

	beside, err := g.Beside(cmd.Process.Pid)
	require.NoError(t, err)
	require.Equal(t, dirs(g), dirs(beside))
}

func dirs(g *Group) (list []string) {
	for i := range g.Hierarchies {
		list = append(list, g.Hierarchies[i].Dir())
	}
	return list
}

// A child comes into v2 by birth, and into v1 through the doors. What it executes is inside completely.
func TestJoin(t *testing.T) {
	g := create(t)
	fd, err := g.FD()
	require.NoError(t, err)
	doors, err := g.Doors()
	require.NoError(t, err)
	cmd := spawn(t, "join")
	if fd >= 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd}
		defer unix.Close(fd)
	}
	for _, d := range doors {
		cmd.ExtraFiles = append(cmd.ExtraFiles, os.NewFile(uintptr(d), "door"))
	}
	cmd.Args = []string{"child", fmt.Sprint(len(doors))}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	out.Read(make([]byte, 1)) // cat is running
	inside(t, g, cmd.Process.Pid)
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", cmd.Process.Pid))
	require.NoError(t, err)
	require.Len(t, tasks, 1)
	for i := range g.Hierarchies {
		h := &g.Hierarchies[i]
		procs, err := h.read("cgroup.procs")
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(cmd.Process.Pid), strings.TrimSpace(procs))
	}
}

// childJoin joins and becomes another program.
func childJoin() {
	n, _ := strconv.Atoi(os.Args[1])
	var doors []int
	for i := 0; i < n; i++ {
		doors = append(doors, 3+i)
	}
	err := Join(doors)
	if err == nil {
		err = syscall.Exec("/bin/sh", []string{"sh", "-c", "echo; read x"}, nil)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// A hierarchy that something lies upon is not taken.
func TestHidden(t *testing.T) {
	g, err := Locate("/box", "box")
	require.NoError(t, err)
	hide := func(where string) string {
		cmd := spawn(t, "hide")
		cmd.Args = []string{"child", where}
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS} // Go makes / private then
		out, err := cmd.Output()
		require.NoError(t, err)
		return string(out)
	}
	for i := range g.Hierarchies {
		others := ""
		for j := range g.Hierarchies {
			if j != i {
				others += g.Hierarchies[j].Mount + "\n"
			}
		}
		if others == "" {
			others = "no cgroup hierarchy is mounted: mount one with mount -t cgroup2 none /sys/fs/cgroup\n"
		}
		require.Equal(t, others, hide(g.Hierarchies[i].Mount))
	}
}

// childHide mounts a tmpfs, and prints the hierarchies that are left.
func childHide() {
	if err := unix.Mount("none", os.Args[1], "tmpfs", 0, ""); err != nil {
		fmt.Println(err)
	}
	list, err := hierarchies()
	if err != nil {
		fmt.Println(err)
	}
	for i := range list {
		fmt.Println(list[i].Mount)
	}
}

// childHog waits until its standard input is closed, and uses memory.
func childHog() {
	os.Stdin.Read(make([]byte, 1))
	var all [][]byte
	for i := 0; i < 64; i++ {
		mib := make([]byte, 1<<20)
		for j := 0; j < len(mib); j += 4096 {
			mib[j] = 1
		}
		all = append(all, mib)
	}
	fmt.Println(len(all))
}

// childHold waits for a byte, uses 8 MiB and says so, until its standard input ends.
func childHold() {
	os.Stdin.Read(make([]byte, 1))
	mem, err := syscall.Mmap(-1, 0, 8<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		os.Exit(1)
	}
	for i := 0; i < len(mem); i += 4096 {
		mem[i] = 1
	}
	fmt.Println()
	os.Stdin.Read(make([]byte, 1))
}
