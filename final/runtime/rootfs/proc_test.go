package rootfs

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func init() { children["fakeproc"] = childFakeProc }

func TestMasks(t *testing.T) {
	b := newBox(t)
	b.write("rootfs/data/file", "secret")
	b.write("rootfs/data/dir/file", "secret")
	b.write("rootfs/data/dir2/file", "secret")
	b.write("rootfs/keep/file", "x")
	b.write("rootfs/keep/sub/file", "x")
	require.NoError(t, os.Symlink("/data/file", b.path("rootfs/link")))
	b.mount("tmpfs", "/keep/sub", "tmpfs")
	b.MaskedPaths = []string{"/data/dir", "/link", "/data/dir2", "/not/there", "/link/below/a/file"}
	b.ReadonlyPaths = []string{"/keep", "/not/there", "/proc/sys"}
	require.Equal(t, `0
0
/data/dir 40
/data/dir2 40
sh: can't create /keep/file: Read-only file system
sh: can't create /data/dir/x: Read-only file system
sh: can't create /proc/sys/net/ipv4/ip_forward: Read-only file system
`, b.must(`busybox cat /data/file /link; busybox ls /data/dir /data/dir2 -A | busybox grep -c file; busybox wc -c </link
		busybox stat -c '%n %s' /data/dir /data/dir2
		for f in /keep/file /data/dir/x /proc/sys/net/ipv4/ip_forward; do (echo >$f) 2>&1; done; echo >/keep/sub/x`))
}

// CVE-2025-31133: the image's /dev/null is a link to something that is to be shown, writable, under another name.
func TestNullIsLink(t *testing.T) {
	b := newBox(t)
	b.Mounts = b.Mounts[:1]
	b.Mounts[0].Destination = "/proc"
	b.mount("dev", "/dev", "bind", "bind") // so that no devices are made
	b.write("dev/x", "")
	require.NoError(t, os.Symlink("/proc/sysrq-trigger", b.path("dev/null")))
	b.MaskedPaths = []string{"/proc/keys"}
	_, failure := b.run("true")
	require.Equal(t, `hide /proc/keys: mknodat("/dev/null", S_IFCHR|0666, makedev(1, 3)): file exists (EEXIST): `+
		`something else has this name in the image; remove it, or mount a tmpfs on /dev`, failure)
}

// Standard input is /dev/null, as with many engines: in the container it is the container's.
func TestOwnNull(t *testing.T) {
	b := newBox(t)
	var st unix.Stat_t
	require.NoError(t, unix.Stat("/dev/null", &st))
	out := b.must("busybox chmod 600 /proc/self/fd/0; busybox stat -L -c '%d %a' /proc/self/fd/0 /dev/null")
	lines := strings.Split(out, "\n")
	require.Equal(t, lines[0], lines[1])
	device, _, _ := strings.Cut(lines[0], " ")
	require.NotEqual(t, fmt.Sprint(st.Dev), device)
	var after unix.Stat_t
	require.NoError(t, unix.Stat("/dev/null", &after))
	require.Equal(t, st.Mode, after.Mode) // the host's is as it was
}

// A label for mounts is refused where the kernel has no labels.
func TestMountLabel(t *testing.T) {
	if exists("/sys/fs/selinux/enforce") {
		t.Skip("this kernel has SELinux")
	}
	b := newBox(t)
	b.MountLabel = "system_u:object_r:container_file_t:s0"
	_, failure := b.run("true")
	require.Equal(t, `mount tmpfs on /dev: fsconfig("tmpfs", "context=system_u:object_r:container_file_t:s0"): invalid argument (EINVAL): `+
		`the kernel says: tmpfs: Unknown parameter 'context'; the file system tmpfs does not take the option `+
		`"context=system_u:object_r:container_file_t:s0"; linux.mountLabel needs a kernel with SELinux`, failure)
}

// CVE-2019-19921: the image's /proc is a link.
func TestProcIsLink(t *testing.T) {
	b := newBox(t)
	require.NoError(t, os.Remove(b.path("rootfs/proc")))
	require.NoError(t, os.MkdirAll(b.path("rootfs/fake/self/attr"), 0o755))
	require.NoError(t, os.Symlink("/fake", b.path("rootfs/proc")))
	_, failure := b.run("true")
	require.Equal(t, `mount proc on /proc: openat2("/proc", O_PATH, RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS): too many levels of symbolic links (ELOOP): `+
		`proc is mounted on an ordinary directory only, and here a link is on the way; remove it from the image`, failure)
}

// CVE-2019-16884: an image's volume covers /proc, or a part of it.
func TestProcIsCovered(t *testing.T) {
	b := newBox(t)
	require.NoError(t, os.MkdirAll(b.path("volume/self/attr"), 0o755))
	b.mount("volume", "/proc", "bind", "bind")
	_, failure := b.run("true")
	require.Equal(t, "bind "+b.path("volume")+" on /proc: the source "+b.path("volume")+" cannot be mounted on /proc, for it is not a procfs", failure)

	b.Mounts[2].Destination = "/etc/../proc"
	_, failure = b.run("true")
	require.Contains(t, failure, "cannot be mounted on /proc, for it is not a procfs")

	require.NoError(t, os.Symlink("/proc/self", b.path("rootfs/link"))) // and through a link
	b.Mounts[2].Destination = "/link"
	_, failure = b.run("true")
	require.Equal(t, "bind "+b.path("volume")+" on /link: links in the image lead from /link into /proc, where nothing can be mounted", failure)

	b.Mounts[2].Destination = "/proc" // the host's procfs is one
	b.Mounts[2].Source = "/proc"
	b.Mounts[2].Options = []string{"rbind"}
	b.must("true")

	b.write("meminfo", "MemTotal: 1 kB\n") // what lxcfs does
	b.Mounts[2].Destination, b.Mounts[2].Source, b.Mounts[2].Options = "/proc/meminfo", "meminfo", []string{"bind"}
	require.Equal(t, "MemTotal: 1 kB\n", b.must("busybox cat /proc/meminfo"))
}

func TestSysctl(t *testing.T) {
	b := newBox(t)
	b.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "net/ipv4/conf/lo/forwarding": "0", "kernel.msgmax": "4242", "fs.mqueue.msg_max": "11"}
	b.ReadonlyPaths = []string{"/proc/sys"}
	require.Equal(t, "1\n0\n4242\n11\n", b.must(
		"cd /proc/sys; busybox cat net/ipv4/ip_forward net/ipv4/conf/lo/forwarding kernel/msgmax fs/mqueue/msg_max"))

	b.Sysctl = map[string]string{"net.no.such": "1"}
	_, failure := b.run("true")
	require.Equal(t, `set net.no.such=1: openat2("/proc/sys/net/no/such", O_WRONLY): no such file or directory (ENOENT): `+
		`the kernel has no such setting, or not in a namespace; a module may bring it`, failure)
	b.Sysctl = map[string]string{"net.ipv4.ip_forward": "many"}
	_, failure = b.run("true")
	require.Equal(t, `set net.ipv4.ip_forward=many: write("/proc/sys/net/ipv4/ip_forward", "many"): invalid argument (EINVAL): `+
		`the kernel does not take this value`, failure)
}

// CVE-2025-52881: what is written to /proc is led elsewhere, here by a tmpfs over /proc/sys/net.
func TestSysctlIsRedirected(t *testing.T) {
	b := newBox(t)
	b.stage = "fakeproc"
	b.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
	require.Equal(t, "fake: 0\nreal: 1\n", b.must(
		"echo fake: $(busybox cat /proc/sys/net/ipv4/ip_forward); busybox umount /proc/sys/net; echo real: $(busybox cat /proc/sys/net/ipv4/ip_forward)"))
}

func childFakeProc() {
	between = func(*Rootfs) {
		check(unix.Mount("fake", "/proc/sys/net", "tmpfs", 0, ""))
		check(os.Mkdir("/proc/sys/net/ipv4", 0o755))
		check(os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0o644))
	}
	childContainer()
}
