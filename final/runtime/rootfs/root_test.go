package rootfs

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// After pivot_root nothing of the host's tree is left: the container's mounts are all that it knows.
func TestPivot(t *testing.T) {
	b := newBox(t)
	b.write("outside", "")
	out := b.must("busybox cut -d ' ' -f 5 /proc/self/mountinfo; busybox ls /; pwd; busybox ls -d /../../outside 2>&1; true")
	require.Equal(t, "/\n/proc\n/dev\nbin\ndev\netc\nproc\nsys\ntmp\n/\nls: /../../outside: No such file or directory\n", out)
}

// Without pivot_root the host's tree stays below, but no proc or sysfs of it, so that a user namespace
// inside may not mount one that is not masked.
func TestNoPivot(t *testing.T) {
	b := newBox(t)
	b.NoPivot = true
	b.MaskedPaths = []string{"/proc/keys"}
	b.Readonly = true
	before := hostMounts(t)
	require.Equal(t, "bin\ndev\netc\nproc\nsys\ntmp\n/\nro\nmasked\nrefused\n", b.must(`busybox ls /; pwd
		(echo >/etc/x) 2>/dev/null || echo ro; [ -c /proc/keys ] && echo masked
		busybox unshare -Urmpf busybox mount -t proc x /etc 2>/dev/null || echo refused`))
	require.Empty(t, cmp.Diff(before, hostMounts(t)))
}

// The control of the test above: where nothing is masked, the user namespace gets its proc.
func TestNoPivotControl(t *testing.T) {
	b := newBox(t)
	require.Equal(t, "mounted\n", b.must(`busybox unshare -Urmpf busybox mount -t proc x /etc && echo mounted`))
}

func TestNoMountNamespace(t *testing.T) {
	b := newBox(t)
	b.Mounts = nil
	b.Namespaces = without(b.Namespaces, specs.MountNamespace)
	require.Equal(t, "bin\ndev\netc\nproc\nsys\ntmp\n/\n", b.must("busybox ls /; pwd"))
}

func TestReadonly(t *testing.T) {
	b := newBox(t)
	b.Readonly = true
	b.mount("tmpfs", "/tmp", "tmpfs")
	b.mount("tmpfs", "/new/place", "tmpfs") // made before the root was read-only
	require.Equal(t, "sh: can't create /etc/x: Read-only file system\n1\n", b.must("echo 1 >/tmp/x; echo 1 >/dev/x; (echo 1 >/etc/x) 2>&1; busybox cat /tmp/x"))
}

func TestPropagation(t *testing.T) {
	for propagation, want := range map[string]string{
		"":            "master",
		"slave":       "", // its mount was made private before, so it has no master
		"private":     "",
		"rprivate":    "",
		"rslave":      "master",
		"shared":      "shared",
		"rshared":     "shared",
		"unbindable":  "unbindable",
		"runbindable": "unbindable",
	} {
		t.Run(propagation, func(t *testing.T) {
			before := hostMounts(t)
			b := newBox(t)
			b.Propagation = propagation
			root := b.mountinfo()["/"]
			options := strings.Fields(root[:strings.Index(root, " - ")])[2:]
			require.Equal(t, want, strings.Join(options, " "))
			require.Empty(t, cmp.Diff(before, hostMounts(t)))
		})
	}
}

// With a shared / the container's mounts in a volume come out to the host, as Docker's :shared promises.
func TestSharedVolume(t *testing.T) {
	b := newBox(t)
	tree := b.hostTree()
	b.Propagation = "rshared"
	b.mount(tree, "/a", "bind", "rbind", "rshared")
	b.must("busybox mkdir /a/inner; busybox mount -t tmpfs inner /a/inner")
	require.Contains(t, hostMounts(t), tree+"/inner")
	require.NoError(t, unix.Unmount(tree+"/inner", unix.MNT_DETACH))

	b.Propagation = "" // as slaves, they stay inside
	b.must("busybox mount -t tmpfs inner /a/inner")
	require.NotContains(t, hostMounts(t), tree+"/inner")
}

func TestRootErrors(t *testing.T) {
	b := newBox(t)
	b.Root = b.path("missing")
	_, failure := b.run("true")
	require.Equal(t, `make the root file system a mount of its own: open("`+b.Root+`", O_PATH|O_DIRECTORY): no such file or directory (ENOENT): `+
		`there is no root file system; root.path in config.json names it, relative to the bundle`, failure)
	b.write("file", "")
	b.Root = b.path("file")
	_, failure = b.run("true")
	require.Equal(t, `make the root file system a mount of its own: open("`+b.Root+`", O_PATH|O_DIRECTORY): not a directory (ENOTDIR): `+
		`root.path names a file; it must be a directory`, failure)

	b = userBox(t)
	require.NoError(t, os.Chmod(b.dir, 0o700))
	b.write("rootfs/x", "")
	_, failure = b.run("true")
	require.Equal(t, `make the root file system a mount of its own: open("`+b.Root+`", O_PATH|O_DIRECTORY): permission denied (EACCES): `+
		`a directory on the way may not be searched by the container's root user; chmod o+x it, or let it belong to a mapped user`, failure)
}
