package rootfs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/step"
)

// The tests make containers' files for real. All of it happens in a mount namespace of the tests' own,
// with / shared as systemd leaves it, so that a mount that escapes from a container is seen, and is gone
// with the tests.
//
//	go test ── the tests: own mount namespace, / shared
//	            └─ a child per container: new namespaces, applies the steps, then executes a shell in it
const stageEnv = "ROOTFS_TEST_STAGE"

// children are what the test binary does when it is started again.
var children = map[string]func(){"container": childContainer, "rootless": childRootless}

func TestMain(m *testing.M) {
	runtime.LockOSThread()
	switch stage := os.Getenv(stageEnv); stage {
	case "":
		cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
		cmd.Env = append(os.Environ(), stageEnv+"=tests")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
		if os.Getuid() != 0 {
			cmd.SysProcAttr = nil // the tests that need root say so
		}
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(cmd.ProcessState.ExitCode())
	case "tests":
		if os.Getuid() == 0 {
			check(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
			check(unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""))
		}
		os.Exit(m.Run())
	default:
		children[stage]()
		os.Exit(0)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A box is a container's files in a test: a root file system with busybox, and a Config.
type box struct {
	t *testing.T
	Config
	dir   string // of the bundle
	stage string // the child
	files []*os.File
	times bool
	user  uint32   // who makes it, if not root
	join  []string // cgroup.procs of the cgroups that the container is in
}

// newBox returns a container with the mounts that every test needs.
func newBox(t *testing.T) *box {
	t.Helper()
	require.Zero(t, os.Getuid(), "this test makes mounts, and needs root: sudo go test")
	busybox, err := exec.LookPath("busybox")
	require.NoError(t, err, "this test needs busybox: apt-get install busybox-static")
	dir := scratch(t)
	root := filepath.Join(dir, "rootfs")
	for _, name := range []string{"bin", "proc", "dev", "sys", "tmp", "etc"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, name), 0o755))
	}
	binary, err := os.ReadFile(busybox)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root, "bin/busybox"), binary, 0o755))
	b := &box{t: t, dir: dir, stage: "container"}
	b.Config = Config{Root: root, Bundle: dir, Namespaces: []specs.LinuxNamespace{
		{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace},
		{Type: specs.UTSNamespace}, {Type: specs.MountNamespace}, {Type: specs.CgroupNamespace},
	}}
	b.mount("proc", "/proc", "proc")
	b.mount("tmpfs", "/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k")
	return b
}

// scratch is a directory for a test, which is gone afterwards. t.TempDir would be removed through what is still
// mounted in it.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rootfs-test-")
	require.NoError(t, err)
	t.Cleanup(func() {
		info, err := os.ReadFile("/proc/self/mountinfo")
		require.NoError(t, err)
		if bytes.Contains(info, []byte(dir)) {
			t.Errorf("a mount has leaked to the host:\n%s", info)
			return
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	return dir
}

// mount adds a mount.
func (b *box) mount(source, destination, kind string, options ...string) {
	b.Mounts = append(b.Mounts, specs.Mount{Source: source, Destination: destination, Type: kind, Options: options})
}

// path returns the host's path of a file in the bundle.
func (b *box) path(name string) string { return filepath.Join(b.dir, name) }

// write makes a file, and the directories on the way.
func (b *box) write(name, content string) {
	b.t.Helper()
	require.NoError(b.t, os.MkdirAll(filepath.Dir(b.path(name)), 0o755))
	require.NoError(b.t, os.WriteFile(b.path(name), []byte(content), 0o644))
}

// An order is what a child gets to know.
type order struct {
	Config Config
	Script string
	Files  int
	Times  bool // each step's time goes to stdout, in ns
	Join   []string
}

// run makes the container and runs a shell script in it. It returns what the script wrote, and an error in words.
func (b *box) run(script string) (out, failure string) {
	b.t.Helper()
	data, err := json.Marshal(order{b.Config, script, len(b.files), b.times, b.join})
	require.NoError(b.t, err)
	cmd := container(&b.Config, b.stage, string(data))
	if b.user != 0 { // an ordinary user makes the user namespace
		cmd = exec.Command("/proc/self/exe")
		cmd.Env = []string{stageEnv + "=rootless", "ORDER=" + string(data)}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: b.user, Gid: b.user}, Pdeathsig: syscall.SIGKILL}
	}
	cmd.ExtraFiles = b.files
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	failure = strings.TrimSuffix(stderr.String(), "\n")
	if failure == "" && err != nil {
		failure = err.Error()
	}
	return stdout.String(), failure
}

// container prepares a child in new namespaces.
func container(c *Config, stage, order string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{stageEnv + "=" + stage, "ORDER=" + order, "PATH=/bin"}
	flags := map[specs.LinuxNamespaceType]uintptr{
		specs.PIDNamespace: unix.CLONE_NEWPID, specs.NetworkNamespace: unix.CLONE_NEWNET, specs.IPCNamespace: unix.CLONE_NEWIPC,
		specs.UTSNamespace: unix.CLONE_NEWUTS, specs.MountNamespace: unix.CLONE_NEWNS, specs.UserNamespace: unix.CLONE_NEWUSER,
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	for _, ns := range c.Namespaces {
		if ns.Path == "" {
			cmd.SysProcAttr.Cloneflags |= flags[ns.Type]
		}
	}
	if c.has(specs.UserNamespace) {
		cmd.SysProcAttr.UidMappings = sysMappings(c.UIDMappings)
		cmd.SysProcAttr.GidMappings = sysMappings(c.GIDMappings)
		cmd.SysProcAttr.GidMappingsEnableSetgroups = os.Getuid() == 0
		cmd.SysProcAttr.Credential = &syscall.Credential{NoSetGroups: os.Getuid() != 0}
	}
	return cmd
}

// childRootless is an ordinary user who makes a container.
func childRootless() {
	var o order
	check(json.Unmarshal([]byte(os.Getenv("ORDER")), &o))
	cmd := container(&o.Config, "container", os.Getenv("ORDER"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	_ = cmd.Run() // the child says on stderr what failed
}

// must runs a script in a container that has to come up.
func (b *box) must(script string) string {
	b.t.Helper()
	out, failure := b.run(script)
	require.Empty(b.t, failure)
	return out
}

func sysMappings(list []specs.LinuxIDMapping) (ids []syscall.SysProcIDMap) {
	for _, m := range list {
		ids = append(ids, syscall.SysProcIDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)})
	}
	return ids
}

// between is what a child does between Enter and Protect.
var between func(r *Rootfs)

// childContainer is init.
func childContainer() {
	var o order
	check(json.Unmarshal([]byte(os.Getenv("ORDER")), &o))
	for _, procs := range o.Join {
		check(os.WriteFile(procs, []byte("0"), 0))
	}
	if o.Config.has(specs.CgroupNamespace) && !joinsCgroup(&o.Config) {
		check(unix.Unshare(unix.CLONE_NEWCGROUP)) // its root is the cgroup that we are in
	}
	r, err := New(&o.Config)
	check(err)
	var files []*os.File
	for i := 0; i < o.Files; i++ {
		files = append(files, os.NewFile(uintptr(3+i), "source"))
	}
	r.Take(files)
	var report step.Report
	if o.Times {
		report = func(_ int, s *step.Step, took time.Duration, err error) error {
			what, _ := s.Say()
			fmt.Printf("%8d %s\n", took.Nanoseconds(), what)
			return nil
		}
	}
	check(step.Apply(r.Mount(), step.Init, nil, report))
	check(step.Apply(r.Enter(), step.Init, nil, report))
	if between != nil {
		between(r)
	}
	check(step.Apply(r.Protect(), step.Init, nil, report))
	check(syscall.Exec("/bin/busybox", []string{"sh", "-c", o.Script}, []string{"PATH=/bin"}))
}
