package rootfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/bundle"
)

// pick keeps the mounts on and below a path.
func pick(all map[string]string, path string) map[string]string {
	some := map[string]string{}
	for place, line := range all {
		if place == path || strings.HasPrefix(place, path+"/") {
			// the file system under it differs from host to host
			some[place] = line[strings.Index(line, " ")+1 : strings.Index(line, " - ")]
		}
	}
	return some
}

// hostTree makes a directory on the host in which a tmpfs is mounted, nosuid, and below it another.
func (b *box) hostTree() string {
	b.t.Helper()
	tree := b.path("tree")
	require.NoError(b.t, os.Mkdir(tree, 0o755))
	require.NoError(b.t, unix.Mount("tree", tree, "tmpfs", unix.MS_NOSUID, ""))
	below := filepath.Join(tree, "below")
	require.NoError(b.t, os.Mkdir(below, 0o755))
	require.NoError(b.t, unix.Mount("below", below, "tmpfs", 0, ""))
	b.t.Cleanup(func() {
		require.NoError(b.t, unix.Unmount(tree, unix.MNT_DETACH))
	})
	return tree
}

func TestBind(t *testing.T) {
	for _, test := range []struct {
		options, want, below string
	}{
		{"bind", "rw,nosuid,relatime master", ""},
		{"rbind", "rw,nosuid,relatime master", "rw,relatime master"},
		{"rbind ro", "ro,nosuid,relatime master", "rw,relatime master"}, // as with mount(8): ro is about the top only
		{"rbind rro", "ro,nosuid,relatime master", "ro,relatime master"},
		{"rbind rro rw", "rw,nosuid,relatime master", "ro,relatime master"},
		{"rbind suid noexec nodev", "rw,nodev,noexec,relatime master", "rw,relatime master"},
		{"rbind rnoatime nodiratime", "rw,nosuid,noatime,nodiratime master", "rw,noatime master"},
		{"rbind rstrictatime rnosymfollow", "rw,nosuid,nosymfollow master", "rw,nosymfollow master"},
		{"rbind private", "rw,nosuid,relatime", "rw,relatime master"},
		{"rbind rprivate", "rw,nosuid,relatime", "rw,relatime"},
		{"rbind rslave", "rw,nosuid,relatime master", "rw,relatime master"},
		{"rbind rshared", "rw,nosuid,relatime shared master", "rw,relatime shared master"},
		{"rbind unbindable", "rw,nosuid,relatime unbindable", "rw,relatime master"},
	} {
		t.Run(test.options, func(t *testing.T) {
			b := newBox(t)
			b.mount(b.hostTree(), "/a/b", "none", strings.Fields(test.options)...)
			want := map[string]string{"/a/b": test.want}
			if test.below != "" {
				want["/a/b/below"] = test.below
			}
			require.Empty(t, cmp.Diff(want, pick(b.mountinfo(), "/a/b")))
		})
	}
}

func TestBindFile(t *testing.T) {
	b := newBox(t)
	b.write("hosts", "from outside")
	b.write("rootfs/etc/there", "from the image")
	b.mount("hosts", "/etc/there", "bind", "bind", "ro") // relative: in the bundle
	b.mount(b.path("hosts"), "/new/directory/file", "bind", "bind")
	require.Equal(t, "from outsidefrom outsideRead-only file system\n", b.must(
		`cat() { busybox cat "$@"; }; cat /etc/there /new/directory/file; (echo x >/etc/there) 2>&1 | busybox sed 's/.*: //'`))
	_, err := os.Stat(b.path("rootfs/new/directory/file"))
	require.NoError(t, err)
}

func TestTmpfs(t *testing.T) {
	b := newBox(t)
	require.NoError(t, unix.Chmod(b.path("rootfs/tmp"), 0o1711))
	b.mount("a", "/tmp", "tmpfs", "size=64k", "noatime", "sync", "dirsync")
	b.mount("b", "/new", "tmpfs", "nr_inodes=20")
	b.mount("c", "/etc", "tmpfs", "mode=700", "ro")
	b.mount("d", "/etc/inner", "tmpfs", "ro") // its place is made in a tmpfs that will be read-only
	out := b.must("busybox stat -c %a /tmp /new /etc; busybox cat /proc/self/mountinfo")
	require.True(t, strings.HasPrefix(out, "1711\n1777\n700\n"), out) // the image's directory is covered, but not its mode
	got := parseMountinfo(strings.TrimPrefix(out, "1711\n1777\n700\n"))
	want := map[string]string{
		"/tmp":       "/ rw,noatime - tmpfs a rw,sync,dirsync,size=64k,mode=1711",
		"/new":       "/ rw,relatime - tmpfs b rw,nr_inodes=20",
		"/etc":       "/ ro,relatime - tmpfs c rw,mode=700",
		"/etc/inner": "/ ro,relatime - tmpfs d rw",
	}
	for place, line := range want {
		require.Equal(t, line, got[place], place)
	}
}

func TestCopyUp(t *testing.T) {
	b := newBox(t)
	b.write("rootfs/data/dir/file", "content")
	b.write("secret", "the host's")
	require.NoError(t, os.Symlink(b.path("secret"), b.path("rootfs/data/link")))
	require.NoError(t, unix.Chmod(b.path("rootfs/data/dir"), 0o2750))
	require.NoError(t, os.Chown(b.path("rootfs/data/dir/file"), 12, 34))
	require.NoError(t, unix.Chmod(b.path("rootfs/data/dir/file"), 0o4711))
	require.NoError(t, unix.Mkfifo(b.path("rootfs/data/fifo"), 0o604))
	require.NoError(t, os.Chown(b.path("rootfs/data"), 56, 78))
	require.NoError(t, unix.Setxattr(b.path("rootfs/data/dir/file"), "security.capability", netRaw, 0))
	require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, b.path("rootfs/data/dir/file"), []unix.Timespec{{Sec: 1}, {Sec: 2}}, 0))
	b.mount("tmpfs", "/data", "tmpfs", "tmpcopyup", "nosuid")
	out := b.must(`cd /data; busybox stat -c '%n %F %a %u %g' . dir dir/file link fifo; busybox stat -c '%X %Y' dir/file
		busybox cat dir/file; busybox readlink link; echo new >dir/file; busybox rm fifo`)
	require.Equal(t, `. directory 755 56 78
dir directory 2750 0 0
dir/file regular file 4711 12 34
link symbolic link 777 0 0
fifo fifo 604 0 0
1 2
content`+b.path("secret")+"\n", out)
	content, err := os.ReadFile(b.path("rootfs/data/dir/file"))
	require.NoError(t, err)
	require.Equal(t, "content", string(content)) // the image is as it was

	// What a shell can't show: the capabilities of a program (here CAP_NET_RAW, as ping has it).
	from, err := unix.Open(b.path("rootfs/data"), unix.O_PATH, 0)
	require.NoError(t, err)
	defer unix.Close(from)
	tree, err := newMount("tmpfs", "t", nil, nil, 0)
	require.NoError(t, err)
	defer unix.Close(tree)
	require.NoError(t, fill(from, tree))
	fd, err := unix.Openat(tree, "dir/file", unix.O_RDONLY, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	value := make([]byte, 100)
	n, err := unix.Fgetxattr(fd, "security.capability", value)
	require.NoError(t, err)
	require.Equal(t, netRaw, value[:n])
}

// netRaw is a struct vfs_cap_data of linux/capability.h, revision 2: CAP_NET_RAW permitted, and effective.
var netRaw = []byte{0: 1, 3: 2, 5: 1 << 5, 19: 0}

func TestCopyUpTooSmall(t *testing.T) {
	b := newBox(t)
	b.write("rootfs/data/file", strings.Repeat("x", 100000))
	b.mount("tmpfs", "/data", "tmpfs", "tmpcopyup", "size=4k")
	_, failure := b.run("true")
	require.Equal(t, `mount tmpfs on /data: sendfile("file"): no space left on device (ENOSPC): `+
		`the tmpfs is too small for the image's files; give it a larger size=`, failure)
}

func TestRemount(t *testing.T) {
	b := newBox(t)
	b.mount("a", "/tmp", "tmpfs", "size=64k")
	b.mount("", "/tmp", "none", "bind", "remount", "ro", "nosuid")
	b.mount("b", "/etc", "tmpfs", "size=64k")
	b.mount("", "/etc", "tmpfs", "remount", "size=128k", "nodev")
	got := b.mountinfo()
	require.Equal(t, "/ ro,nosuid,relatime - tmpfs a rw,size=64k", strings.Replace(got["/tmp"], ",mode=755", "", 1))
	require.Equal(t, "/ rw,nodev,relatime - tmpfs b rw,size=128k", strings.Replace(got["/etc"], ",mode=755", "", 1))

	b.mount("", "/bin", "none", "bind", "remount", "ro")
	_, failure := b.run("true")
	require.Equal(t, "change the mount on /bin: mount_setattr(MOUNT_ATTR_RDONLY): invalid argument (EINVAL): "+
		"nothing is mounted right there, or the kernel does not know the attribute", failure)
}

// The options of an overlay with many layers are longer than fsconfig(2) takes a value to be.
func TestOverlay(t *testing.T) {
	b := newBox(t)
	require.NoError(t, os.Mkdir(b.path("o"), 0o755))
	require.NoError(t, unix.Mount("o", b.path("o"), "tmpfs", 0, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(b.path("o"), unix.MNT_DETACH)) })
	var lower []string
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		name = "o/" + strings.Repeat(name, 40)
		b.write(name+"/"+name[2:3], "x")
		lower = append(lower, b.path(name))
	}
	for _, dir := range []string{"o/upper", "o/work"} {
		require.NoError(t, os.Mkdir(b.path(dir), 0o755))
	}
	b.mount("overlay", "/tmp", "overlay", "nosuid", "private",
		"lowerdir="+strings.Join(lower, ":"), "upperdir="+b.path("o/upper"), "workdir="+b.path("o/work"))
	b.mount("overlay", "/etc", "overlay", "ro", "noexec", "lowerdir="+lower[0]+":"+lower[1])
	out := b.must("busybox ls /tmp /etc; echo new >/tmp/i; busybox cat /proc/self/mountinfo")
	require.True(t, strings.HasPrefix(out, "/etc:\na\nb\n\n/tmp:\na\nb\nc\nd\ne\nf\ng\nh\n"), out)
	require.Contains(t, out, " /tmp rw,nosuid,relatime - overlay overlay rw,")
	require.Contains(t, out, " /etc ro,noexec,relatime - overlay overlay ro,")
	_, err := os.Stat(b.path("o/upper/i"))
	require.NoError(t, err)
}

// A user namespace: what init may not open or mount itself.
func userBox(t *testing.T) *box {
	b := newBox(t)
	b.Namespaces = append(b.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	b.UIDMappings, b.GIDMappings = ids, ids
	chown(t, b.path("rootfs"), 100000)
	require.NoError(t, os.Chmod(b.dir, 0o755))
	return b
}

func chown(t *testing.T, dir string, id int) {
	require.NoError(t, filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, id, id)
	}))
}

// sources makes the runtime's steps.
func (b *box) sources() error {
	r, err := New(&b.Config)
	require.NoError(b.t, err)
	for _, s := range r.Sources() {
		s.Say()
		if err := s.Do(); err != nil {
			return err
		}
	}
	b.files = r.Files()
	b.t.Cleanup(func() {
		for _, f := range b.files {
			f.Close()
		}
	})
	return nil
}

func TestUserNamespace(t *testing.T) {
	b := userBox(t)
	b.write("closed/secret", "for root only")
	require.NoError(t, os.Chmod(b.path("closed"), 0o700)) // init could not enter it
	b.mount("devpts", "/dev/pts", "devpts", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
	b.mount("mqueue", "/dev/mqueue", "mqueue", "nosuid")
	b.mount("sysfs", "/sys", "sysfs", "ro")
	b.mount("closed", "/data/x", "bind", "rbind", "ro")
	b.write("rootfs/data/x/y", "")
	chown(t, b.path("rootfs/data"), 100000)
	b.MaskedPaths = []string{"/proc/keys", "/sys/firmware"}
	b.ReadonlyPaths = []string{"/proc/sys"}
	b.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.msgmax": "4242"}
	b.Readonly = true
	require.NoError(t, b.sources())
	out := b.must(`busybox stat -c '%n %u %a' /data/x; busybox cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/keys
		busybox stat -c '%n %t:%T' /dev/null /dev/tty; echo >/dev/null && busybox ls /sys/firmware && echo writes
		busybox cat /proc/self/mountinfo`)
	shown, info, _ := strings.Cut(out, "writes\n")
	require.Equal(t, "/data/x 65534 700\n1\n4242\n/dev/null 1:3\n/dev/tty 5:0\n", shown)
	got := parseMountinfo(info)
	require.Contains(t, got["/data/x"], " ro,relatime master - ") // not shared with the host, of which the view is
	require.Contains(t, got["/dev/null"], "/null rw")
	require.Contains(t, got["/sys"], "/ ro,relatime - sysfs sysfs ro")
}

func TestUserNamespaceSharesNetwork(t *testing.T) {
	b := userBox(t)
	b.Namespaces = without(b.Namespaces, specs.NetworkNamespace)
	b.mount("sysfs", "/sys", "sysfs", "nosuid", "noexec", "nodev", "ro")
	got := b.mountinfo()
	require.Regexp(t, "^/ ro,nosuid,nodev,noexec,relatime (master )?- sysfs ", got["/sys"])
	require.Contains(t, got, "/sys/fs/cgroup") // what the host sees
}

// An ordinary user, without a network namespace and with one mapped id: `jocker-runtime spec --rootless`.
func TestRootless(t *testing.T) {
	b := newBox(t)
	chown(t, b.dir, 1000)
	spec := bundle.Default()
	bundle.Rootless(spec, 1000, 1000)
	b.Config = FromSpec(spec, b.dir)
	b.Rootless, b.user = true, 1000
	b.write("rootfs/data/file", "")
	require.NoError(t, os.Chown(b.path("rootfs/data"), 1000, 1000))
	b.mount("/etc", "/data", "bind", "rbind", "ro")
	out := b.must(`busybox id -u; (echo >/etc/x) 2>/dev/null || echo ro; echo >/dev/null; busybox stat -c %t:%T /dev/zero
		[ -e /data/passwd ] && echo bound; busybox cat /proc/self/mountinfo`)
	shown, info, _ := strings.Cut(out, "bound\n")
	require.Equal(t, "0\nro\n1:5\n", shown)
	got := parseMountinfo(info)
	require.Contains(t, got["/sys"], "ro,nosuid,nodev,noexec")
	require.Contains(t, got["/proc/sys"], "/sys ro,")
	require.Contains(t, got, "/proc/keys")
}

// With the same, but a sysfs and a cgroup asked for, the container gets what the host sees.
func TestRootlessFallsBack(t *testing.T) {
	b := newBox(t)
	chown(t, b.dir, 1000)
	b.Rootless, b.user = true, 1000
	b.Namespaces = append(without(without(b.Namespaces, specs.NetworkNamespace), specs.IPCNamespace), specs.LinuxNamespace{Type: specs.UserNamespace})
	b.UIDMappings = []specs.LinuxIDMapping{{HostID: 1000, Size: 1}}
	b.GIDMappings = b.UIDMappings
	b.mount("sysfs", "/sys", "sysfs", "nosuid", "noexec", "nodev", "ro")
	b.mount("mqueue", "/dev/mqueue", "mqueue", "nosuid")
	out, failure := b.run("busybox cat /proc/self/mountinfo")
	if !exists("/dev/mqueue") { // the host has none that could be bound
		require.Contains(t, failure, `mount mqueue on /dev/mqueue: fsconfig("mqueue", FSCONFIG_CMD_CREATE): operation not permitted (EPERM)`)
		b.Mounts = b.Mounts[:len(b.Mounts)-1]
		out = b.must("busybox cat /proc/self/mountinfo")
	}
	require.Regexp(t, "^/ ro,nosuid,nodev,noexec,relatime (master )?- sysfs ", parseMountinfo(out)["/sys"])
}

func without(list []specs.LinuxNamespace, kind specs.LinuxNamespaceType) (rest []specs.LinuxNamespace) {
	for _, ns := range list {
		if ns.Type != kind {
			rest = append(rest, ns)
		}
	}
	return rest
}

// Ids are translated: what belongs to host user 0 belongs to 0 inside, and the other way round.
func TestIdmap(t *testing.T) {
	if !kernelAtLeast(t, 6, 3) {
		t.Skip("before Linux 6.3 the ids of a tmpfs could not be mapped")
	}
	b := userBox(t)
	require.NoError(t, os.Mkdir(b.path("t"), 0o755))
	require.NoError(t, unix.Mount("t", b.path("t"), "tmpfs", 0, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(b.path("t"), unix.MNT_DETACH)) })
	b.write("t/file", "x")
	require.NoError(t, os.Mkdir(b.path("t/inner"), 0o755))
	require.NoError(t, unix.Mount("i", b.path("t/inner"), "tmpfs", 0, ""))
	b.write("t/inner/file", "x")
	require.NoError(t, os.Chown(b.path("t/inner/file"), 7, 8))
	b.mount("t", "/plain", "bind", "rbind")
	b.mount("t", "/mapped", "bind", "rbind", "idmap")
	b.mount("t", "/all", "bind", "rbind", "ridmap", "ro")
	b.mount("t", "/own", "bind", "bind")
	own := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000 + 1000, Size: 10}}
	b.Mounts[len(b.Mounts)-1].UIDMappings, b.Mounts[len(b.Mounts)-1].GIDMappings = own, own
	require.NoError(t, b.sources())
	out := b.must("busybox stat -c '%n %u %g' /*/file /*/inner/file; echo new >/mapped/new; (echo >/all/new) 2>/dev/null || echo ro")
	require.Equal(t, `/all/file 0 0
/mapped/file 0 0
/own/file 1000 1000
/plain/file 65534 65534
/all/inner/file 7 8
/mapped/inner/file 65534 65534
/plain/inner/file 65534 65534
ro
`, out)
	var st unix.Stat_t
	require.NoError(t, unix.Stat(b.path("t/new"), &st))
	require.Zero(t, st.Uid)
}

func kernelAtLeast(t *testing.T, major, minor int) bool {
	var name unix.Utsname
	require.NoError(t, unix.Uname(&name))
	var a, b int
	_, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &a, &b)
	require.NoError(t, err)
	return a > major || a == major && b >= minor
}

func TestIdmapRefused(t *testing.T) {
	b := userBox(t)
	b.mount("/proc/self", "/mapped", "bind", "bind", "idmap")
	require.EqualError(t, b.sources(), `mount_setattr("/proc/self", MOUNT_ATTR_IDMAP): invalid argument (EINVAL): `+
		`the file system of the source (or one below, with ridmap) does not know ids that differ between mounts, or not in this kernel`)
}

// What a user reads when a mount fails.
func TestMountErrors(t *testing.T) {
	for _, test := range []struct {
		name string
		m    specs.Mount
		want string
	}{
		{"unknown type", specs.Mount{Destination: "/tmp", Type: "nosuchfs"},
			`mount nosuchfs on /tmp: fsopen("nosuchfs"): no such device (ENODEV): the kernel knows no file system of this type; ` +
				`/proc/filesystems lists those it knows, and modprobe nosuchfs may add it`},
		{"unknown option", specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "t", Options: []string{"nosuid", "size=1m", "sise=2m"}},
			`mount tmpfs on /tmp: fsconfig("tmpfs", "sise=2m"): invalid argument (EINVAL): the kernel says: tmpfs: Unknown parameter 'sise'; ` +
				`the file system tmpfs does not take the option "sise=2m"`},
		{"bad value", specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "t", Options: []string{"size=lots"}},
			`mount tmpfs on /tmp: fsconfig("tmpfs", "size=lots"): invalid argument (EINVAL): the kernel says: tmpfs: Bad value for 'size'; ` +
				`the file system tmpfs does not take the option "size=lots"`},
		{"no source", specs.Mount{Destination: "/tmp", Type: "bind", Source: "/no/such", Options: []string{"rbind"}},
			`bind /no/such on /tmp: open_tree("/no/such", OPEN_TREE_CLONE|AT_RECURSIVE): no such file or directory (ENOENT): ` +
				`the source does not exist on the host; make it, or correct the mount's source`},
		{"file on directory", specs.Mount{Destination: "/tmp", Type: "bind", Source: "/proc/version", Options: []string{"bind"}},
			`bind /proc/version on /tmp: move_mount(tree, "/tmp"): invalid argument (EINVAL): ` +
				`the source is not a directory, and /tmp in the container is one`},
		{"directory on file", specs.Mount{Destination: "/bin/busybox", Type: "tmpfs", Source: "t"},
			`mount tmpfs on /bin/busybox: move_mount(tree, "/bin/busybox"): invalid argument (EINVAL): ` +
				`the source is a directory, and /bin/busybox in the container is not a directory`},
		{"below a file", specs.Mount{Destination: "/bin/busybox/x", Type: "tmpfs", Source: "t"},
			`mount tmpfs on /bin/busybox/x: openat2("/bin/busybox/x", O_PATH, RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS): not a directory (ENOTDIR): ` +
				`a part of the path is a file, not a directory`},
		{"no device", specs.Mount{Destination: "/tmp", Type: "ext4", Source: "/no/such", Options: []string{"ro"}},
			`mount ext4 on /tmp: fsconfig("ext4", FSCONFIG_CMD_CREATE): no such file or directory (ENOENT): KERNEL` +
				`the source "/no/such" does not exist, or there is no such device`},
		{"a directory, not bound", specs.Mount{Destination: "/tmp", Type: "ext4", Source: "/etc"},
			`mount ext4 on /tmp: fsconfig("ext4", FSCONFIG_CMD_CREATE): block device required (ENOTBLK): KERNEL` +
				`the source "/etc" is not a block device; a directory is mounted with the option bind`},
		{"in /proc", specs.Mount{Destination: "/link/net", Type: "tmpfs", Source: "t"},
			`mount tmpfs on /link/net: links in the image lead from /link/net into /proc, where nothing can be mounted`},
		{"in sysfs", specs.Mount{Destination: "/sys/new", Type: "tmpfs", Source: "t"},
			`mount tmpfs on /sys/new: mkdirat("/sys/new", 0755): operation not permitted (EPERM): it does not exist, and can't be made: the directory belongs to ` +
				`a user whom the container's user namespace does not map, or the file system takes no new files (as /proc); make it in the image, or on the host`},
		{"not a procfs", specs.Mount{Destination: "/proc", Type: "bind", Source: "/etc", Options: []string{"bind"}},
			`bind /etc on /proc: the source /etc cannot be mounted on /proc, for it is not a procfs`},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBox(t)
			b.mount("sysfs", "/sys", "sysfs")
			require.NoError(t, os.Symlink("/proc", b.path("rootfs/link")))
			b.Mounts = append(b.Mounts, test.m)
			_, failure := b.run("true")
			// What the kernel itself says of ext4 depends on its version.
			if i := strings.Index(failure, "the kernel says: "); i >= 0 && strings.Contains(test.want, "KERNEL") {
				failure = failure[:i] + failure[strings.LastIndex(failure, "the source"):]
			}
			require.Equal(t, strings.Replace(test.want, "KERNEL", "", 1), failure)
		})
	}
}

func TestUserNamespaceErrors(t *testing.T) {
	b := userBox(t)
	b.mount("devpts", "/dev/pts", "devpts", "gid=70000")
	_, failure := b.run("true")
	if strings.Contains(failure, "CMD_CREATE") { // before Linux 6.13 devpts looked at its options later
		require.Equal(t, `mount devpts on /dev/pts: fsconfig("devpts", FSCONFIG_CMD_CREATE): invalid argument (EINVAL): the file system devpts `+
			`does not take one of the options gid=70000, or not the source "devpts"; in a user namespace the id must be one that is mapped`, failure)
		return
	}
	require.Equal(t, `mount devpts on /dev/pts: fsconfig("devpts", "gid=70000"): invalid argument (EINVAL): the kernel says: devpts: Invalid gid '70000'; `+
		`the file system devpts does not take the option "gid=70000"; in a user namespace the id must be one that is mapped`, failure)
}
