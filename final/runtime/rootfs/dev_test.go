package rootfs

import (
	"fmt"
	"os"
	"testing"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func init() { children["console"] = childConsole }

func TestDevices(t *testing.T) {
	b := newBox(t)
	mode, id := os.FileMode(0o640), uint32(1234)
	b.Devices = []specs.LinuxDevice{
		{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229, FileMode: &mode, UID: &id, GID: &id},
		{Path: "/dev/deep/er/disk", Type: "b", Major: 7, Minor: 300},
		{Path: "/elsewhere", Type: "p", FileMode: &mode},
		{Path: "/dev/null", Type: "u", Major: 1, Minor: 3, FileMode: &mode}, // in place of the default one
	}
	require.Equal(t, `/dev/fuse character special file 640 a:e5 1234 1234
/dev/deep/er/disk block special file 666 7:12c 0 0
/elsewhere fifo 640 0:0 0 0
/dev/null character special file 640 1:3 0 0
`, b.must("busybox stat -c '%n %F %a %t:%T %u %g' /dev/fuse /dev/deep/er/disk /elsewhere /dev/null"))
}

// An image that brings a /dev of its own.
func TestDevicesInTheImage(t *testing.T) {
	b := newBox(t)
	b.Mounts = b.Mounts[:1] // no tmpfs on /dev
	require.NoError(t, unix.Mknod(b.path("rootfs/dev/null"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
	require.NoError(t, os.Symlink("/etc/passwd", b.path("rootfs/dev/stdin")))
	require.NoError(t, unix.Mknod(b.path("rootfs/dev/ptmx"), unix.S_IFCHR|0o600, int(unix.Mkdev(5, 2))))
	require.Equal(t, "/etc/passwd\npts/ptmx\n/dev/null 600\n/dev/zero 666\n",
		b.must("busybox readlink /dev/stdin; busybox readlink /dev/ptmx; busybox stat -c '%n %a' /dev/null /dev/zero"))

	require.NoError(t, os.Remove(b.path("rootfs/dev/full")))
	b.write("rootfs/dev/full", "a file")
	_, failure := b.run("true")
	require.Equal(t, `make the devices /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty: `+
		`mknodat("/dev/full", S_IFCHR|0666, makedev(1, 7)): file exists (EEXIST): `+
		`something else has this name in the image; remove it, or mount a tmpfs on /dev`, failure)
}

// CVE-2026-41579: /dev is a link to a volume, and the devices would be made on the host.
func TestDevIsLink(t *testing.T) {
	b := newBox(t)
	b.Mounts = b.Mounts[:1]
	require.NoError(t, os.Mkdir(b.path("volume"), 0o755))
	require.NoError(t, os.Remove(b.path("rootfs/dev")))
	require.NoError(t, os.Symlink("/volume", b.path("rootfs/dev")))
	b.mount("volume", "/volume", "bind", "rbind")
	_, failure := b.run("true")
	require.Equal(t, `make the devices /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty: `+
		`openat2("/dev", O_PATH|O_DIRECTORY, RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS): too many levels of symbolic links (ELOOP): `+
		`the image's /dev is a symbolic link, and it must be a directory`, failure)
	list, err := os.ReadDir(b.path("volume"))
	require.NoError(t, err)
	require.Empty(t, list)
}

// A bound /dev is taken as it is.
func TestBoundDev(t *testing.T) {
	b := newBox(t)
	b.Mounts = b.Mounts[:1]
	require.NoError(t, os.Mkdir(b.path("dev"), 0o755))
	b.write("dev/file", "")
	b.mount("dev", "/dev", "bind", "rbind")
	require.Equal(t, "file\n", b.must("busybox ls /dev"))
}

func TestDevicesMissing(t *testing.T) {
	b := userBox(t)
	b.Devices = []specs.LinuxDevice{{Path: "/dev/nosuch", Type: "c", Major: 1, Minor: 3}}
	_, failure := b.run("true")
	require.Contains(t, failure, `open_tree("/dev/nosuch", OPEN_TREE_CLONE): no such file or directory (ENOENT)`)
	b.Devices = []specs.LinuxDevice{{Path: "/dev/full", Type: "c", Major: 1, Minor: 3}} // the host's is another
	_, failure = b.run("true")
	require.Contains(t, failure, `mknodat("/dev/full", S_IFCHR|0666, makedev(1, 3)): file exists (EEXIST)`)
}

func TestConsole(t *testing.T) {
	for _, before := range []string{"nothing", "a file", "a link"} {
		t.Run(before, func(t *testing.T) {
			b := newBox(t)
			b.Mounts = b.Mounts[:1]
			b.mount("devpts", "/dev/pts", "devpts", "newinstance", "ptmxmode=0666")
			switch before {
			case "a file":
				b.write("rootfs/dev/console", "")
			case "a link":
				b.write("rootfs/etc/passwd", "")
				require.NoError(t, os.Symlink("/etc/passwd", b.path("rootfs/dev/console")))
			}
			b.stage = "console"
			out, failure := b.run(`[ -c /dev/console ] && busybox stat -c %t:%T /dev/console; busybox cut -d ' ' -f 4,5 /proc/self/mountinfo | busybox grep console`)
			if before == "a link" {
				require.Contains(t, failure, `openat2("/dev/console", O_CREAT|O_EXCL, RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS): `+
					`too many levels of symbolic links (ELOOP): a link has this name in the image, and nothing is bound through links here`)
				return
			}
			require.Empty(t, failure)
			require.Equal(t, "88:0\n/0 /dev/console\n", out)
		})
	}
}

// childConsole is init with a terminal, which package process would open.
func childConsole() {
	between = func(r *Rootfs) {
		master, err := unix.Open("/dev/pts/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0) // left open: the terminal lives as long
		check(err)
		var unlock int32
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlock))); errno != 0 {
			check(errno)
		}
		slave, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY)
		if errno != 0 {
			check(fmt.Errorf("TIOCGPTPEER: %w", errno))
		}
		check(r.Console(func() int { return int(slave) }).Do())
	}
	childContainer()
}
