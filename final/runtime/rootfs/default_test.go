package rootfs

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/bundle"
	"jocker/final/runtime/step"
)

// The container of `jocker-runtime spec`, seen from inside. What is masked depends on what the kernel
// has, so some lines may be missing, and cgroups look different on v1 and v2.
func TestDefault(t *testing.T) {
	b := newBox(t)
	spec := bundle.Default()
	namespaces := b.Namespaces
	b.Config = FromSpec(spec, b.dir)
	b.Namespaces = namespaces
	got := b.mountinfo()
	root := got["/"]
	require.Regexp(t, `^/.*/rootfs ro,`, root)
	delete(got, "/")
	delete(got, "/sys/fs/cgroup") // TestCgroup

	masked := map[string]bool{}
	for _, path := range spec.Linux.MaskedPaths {
		line, ok := got[path]
		if !ok {
			continue // the kernel has no such file, or hides it itself
		}
		masked[path] = true
		delete(got, path)
		if strings.HasPrefix(line, "/null ") {
			require.Equal(t, "/null rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755", line)
		} else {
			require.Equal(t, "/ ro,relatime - tmpfs tmpfs ro", line)
		}
	}
	require.True(t, masked["/proc/keys"], "%v", got)
	require.True(t, masked["/sys/firmware"], "%v", got)
	require.Contains(t, got, "/proc/sys")
	want := map[string]string{
		"/proc":       "/ rw,relatime - proc proc rw",
		"/dev":        "/ rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755",
		"/dev/pts":    "/ rw,nosuid,noexec,relatime - devpts devpts rw,gid=5,mode=620,ptmxmode=666",
		"/dev/shm":    "/ rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k",
		"/dev/mqueue": "/ rw,nosuid,nodev,noexec,relatime - mqueue mqueue rw",
		"/sys":        "/ ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro",
	}
	for _, path := range spec.Linux.ReadonlyPaths {
		if _, ok := got[path]; ok {
			want[path] = strings.TrimPrefix(path, "/proc") + " ro,relatime - proc proc rw"
		}
	}
	require.Empty(t, cmp.Diff(want, got))
}

func TestDefaultDev(t *testing.T) {
	b := newBox(t)
	out := b.must(`cd /dev; umask; pwd; busybox stat -c '%n %F %a %t:%T %U' $(busybox ls); for l in fd stdin stdout stderr ptmx; do busybox readlink $l; done
		cd /; echo x >/dev/null; (echo gone >/dev/full) 2>/dev/null || echo full`)
	out = regexp.MustCompile(`(?m)^core.*\n`).ReplaceAllString(out, "") // where the kernel has /proc/kcore
	require.Equal(t, `0022
/dev
fd symbolic link 777 0:0 UNKNOWN
full character special file 666 1:7 UNKNOWN
null character special file 666 1:3 UNKNOWN
ptmx symbolic link 777 0:0 UNKNOWN
random character special file 666 1:8 UNKNOWN
stderr symbolic link 777 0:0 UNKNOWN
stdin symbolic link 777 0:0 UNKNOWN
stdout symbolic link 777 0:0 UNKNOWN
tty character special file 666 5:0 UNKNOWN
urandom character special file 666 1:9 UNKNOWN
zero character special file 666 1:5 UNKNOWN
/proc/self/fd
/proc/self/fd/0
/proc/self/fd/1
/proc/self/fd/2
pts/ptmx
full
`, out)
}

// The plan needs neither root nor the files that it is about, and every step can say what it does.
func TestPlan(t *testing.T) {
	c := FromSpec(bundle.Default(), "/no/such/bundle")
	c.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
	r, err := New(&c)
	require.NoError(t, err)
	var lines []string
	for _, steps := range [][]step.Step{r.Sources(), r.Mount(), r.Enter(), {r.Console(nil)}, r.Protect()} {
		for _, s := range steps {
			what, call := s.Say()
			require.NotEmpty(t, call)
			require.Equal(t, step.Init, s.Actor)
			lines = append(lines, s.Stage+": "+what)
		}
	}
	require.Empty(t, cmp.Diff([]string{
		"mounts: set the propagation of all mounts",
		"mounts: make the root file system a mount of its own",
		"mounts: mount proc on /proc",
		"mounts: mount tmpfs on /dev",
		"mounts: mount devpts on /dev/pts",
		"mounts: mount tmpfs on /dev/shm",
		"mounts: mount mqueue on /dev/mqueue",
		"mounts: mount sysfs on /sys",
		"mounts: show the container its cgroups on /sys/fs/cgroup",
		"mounts: make the devices /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty",
		"mounts: make the links fd stdin stdout stderr ptmx in /dev",
		"root: make it the root, and let go of the host's",
		"root: use the container's own /dev/null, where the host's was given",
		"console: bind the terminal on /dev/console",
		"sysctl: set net.ipv4.ip_forward=1",
		"masks: make read-only: /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger",
		"masks: hide " + strings.Join(c.MaskedPaths, " "),
		"masks: make read-only: /",
	}, lines))
	_, call := r.Mount()[2+3].Say()
	require.Equal(t, `fsopen("tmpfs"); fsconfig("mode=1777"); fsconfig("size=65536k"); `+
		`fsmount(MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC); move_mount("/dev/shm")`, call)
}

// mountinfo runs the container and returns its mounts: where they are, and the line without the numbers.
func (b *box) mountinfo() map[string]string {
	b.t.Helper()
	return parseMountinfo(b.must("busybox cat /proc/self/mountinfo"))
}

func parseMountinfo(text string) map[string]string {
	lines := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.Fields(line)
		rest := strings.Join(f[5:], " ")
		rest = regexp.MustCompile(` (master|shared|propagate_from):\d+`).ReplaceAllString(rest, " $1")
		lines[f[4]] = f[3] + " " + strings.TrimSuffix(rest, ",inode64") // how a tmpfs is built on some kernels
	}
	return lines
}

// With / shared and a container that binds from it, nothing comes back.
func TestNothingEscapes(t *testing.T) {
	before := hostMounts(t)
	b := newBox(t)
	b.Propagation = "rshared"
	b.mount(b.dir, "/tmp", "bind", "rbind")
	b.must("busybox mkdir /etc/x; busybox mount -t tmpfs x /etc/x")
	require.Empty(t, cmp.Diff(before, hostMounts(t)))
}

func hostMounts(t *testing.T) map[string]string {
	fd, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	b := make([]byte, 1<<20)
	n := 0
	for {
		m, err := unix.Read(fd, b[n:])
		require.NoError(t, err)
		if m == 0 {
			return parseMountinfo(string(b[:n]))
		}
		n += m
	}
}
