package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jocker/internal/labtest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestOverlayOptions(t *testing.T) {
	require.Equal(t, "lowerdir=/init:/b:/a,upperdir=/upper,workdir=/work", overlayOptions([]string{"/init", "/b", "/a"}, "/upper", "/work"))
	require.Equal(t, "lowerdir=/a,upperdir=/u,workdir=/w", overlayOptions([]string{"/a"}, "/u", "/w"))
}

// TestMounts lists the mounts that a container sees: these and no others. The old root isn't among them, and none
// gets news from a mount outside (shared or master would stand before the lone hyphen).
func TestMounts(t *testing.T) {
	begin(t)
	r := command(t, "", "cat", "/proc/self/mountinfo").Run(t)
	require.Equal(t, 0, r.Code, r)
	var mounts []string
	for _, line := range strings.Split(strings.TrimSpace(r.Stdout), "\n") {
		fields := strings.Fields(line)
		mounts = append(mounts, strings.Join(fields[3:8], " "))
	}
	require.Empty(t, cmp.Diff([]string{
		"/ / rw,relatime - overlay",
		"/ /proc rw,nosuid,nodev,noexec,relatime - proc",
		"/ /sys ro,nosuid,nodev,noexec,relatime - sysfs",
		"/ /dev rw,nosuid,relatime - tmpfs",
		"/ /dev/pts rw,nosuid,noexec,relatime - devpts",
		"/ /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs",
	}, mounts))
}

// TestNoWayOut: no file of the host is in reach, although the lab was started from a folder of it, and with
// the host's root open.
func TestNoWayOut(t *testing.T) {
	begin(t)
	dir, err := os.MkdirTemp("", "host-") // not in t.TempDir: that name may be long, and our store lies there, too
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	name := filepath.Base(dir) + "-sentinel"
	sentinel := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(sentinel, []byte("secret"), 0o644))

	c := script(t, "", `
		for way in "" /proc/1/root /proc/self/root /proc/1/cwd /proc/self/cwd /../../../.. /proc/1/cwd/../../../.. \
			/proc/1/fd/* /proc/self/fd/* /proc/1/task/1/fd/* /merged /old_root /.pivot_root /mnt /dev/fd/*; do
			for path in "`+sentinel+`" "/`+name+`" "/tmp/`+name+`"; do
				if [ -e "$way$path" ]; then echo "reached $way$path"; fi
			done
		done
		nsenter --mount=/proc/1/ns/mnt sh -c '[ -e "`+sentinel+`" ] && echo reached by setns, which begins at the root of the namespace'
		find / -xdev -name "`+name+`"
		find / -xdev -name lab06
		ls /`)
	c.Args = append([]string{"sh", "-c", `exec "$@" 7</ 8<. 9<"$0"`, sentinel, labtest.Bin(t, lab)}, c.Args[1:]...)
	c.Dir = dir
	r := c.Run(t)
	require.Equal(t, 0, r.Code, r)
	require.Equal(t, strings.Fields("bin dev etc home proc root sbin sys tmp usr var"), strings.Fields(r.Stdout))
	require.Empty(t, own(r.Stderr))
}

// TestReadOnlySys: what is in /sys is the host's.
func TestReadOnlySys(t *testing.T) {
	begin(t)
	r := script(t, "", "echo change >/sys/class/mem/null/uevent; mount -o remount,rw,bind /nowhere /sys 2>/dev/null; mkdir /sys/x; touch /sys/kernel/x").Run(t)
	require.NotEqual(t, 0, r.Code, r)
	require.Equal(t, 3, strings.Count(r.Stderr, "Read-only file system"), r)
}

// TestNames: host name, hosts, resolver.
func TestNames(t *testing.T) {
	begin(t)
	resolv, err := os.ReadFile("/etc/resolv.conf")
	require.NoError(t, err)
	r := script(t, "-name box", "hostname; cat /etc/hostname /etc/hosts; ping -c 1 -W 1 box >/dev/null 2>&1; cat /etc/resolv.conf").Run(t)
	require.Equal(t, "box\nbox\n127.0.0.1 localhost box\n::1 localhost\n"+string(resolv), r.Stdout, r)

	r = script(t, "", "hostname; cat /etc/hostname").Run(t)
	require.Regexp(t, `^([0-9a-f]{12})\n([0-9a-f]{12})\n$`, r.Stdout)
	require.Equal(t, r.Stdout[:13], r.Stdout[13:])
}

// TestPlaceOfStore: overlayfs takes a colon for the end of a layer, and a comma for the end of an option.
func TestPlaceOfStore(t *testing.T) {
	begin(t)
	for _, name := range []string{"a:b", "a,b"} {
		dir := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.Mkdir(dir, 0o755))
		require.NoError(t, os.Symlink(filepath.Join(madeImage, "images"), filepath.Join(dir, "images")))
		require.NoError(t, os.Symlink(filepath.Join(madeImage, "layers"), filepath.Join(dir, "layers")))
		t.Setenv("JOCKER_LABS", dir)
		r := command(t, "-name box", "true").Run(t)
		require.Equal(t, 125, r.Code, r)
		require.Regexp(t, `^lab06: mount overlay on `+dir+`/containers/box/merged: .*: the store must lie on a file system like ext4, xfs or tmpfs, `+
			`not on overlayfs or a shared folder, and without ':' or ',' in its path \(JOCKER_LABS=DIR moves it\)\n$`, own(r.Stderr))
		require.Empty(t, containers(t))
	}

	// Whatever else: a blank, a relative path, a backslash.
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a b"), 0o755))
	for _, link := range []string{"images", "layers"} {
		require.NoError(t, os.Symlink(filepath.Join(madeImage, link), filepath.Join(dir, "a b", link)))
	}
	c := command(t, "", "cat", "/etc/motd")
	c.Dir, c.Env = dir, []string{"JOCKER_LABS=a b"}
	r := c.Run(t)
	require.Equal(t, "This file lies in a read-only layer of the image.\n", r.Stdout, r)
}

// TestStrictUmask: yours is no business of the container, in which other users may live.
func TestStrictUmask(t *testing.T) {
	begin(t)
	c := script(t, "", `umask; stat -c '%a %n' / /etc /etc/hosts /etc/resolv.conf /dev /tmp; su nobody -s /bin/sh -c 'cat /etc/hostname >/dev/null && echo read'`)
	c.Args = append([]string{"sh", "-c", `umask 077; exec "$@"`, "sh", labtest.Bin(t, lab)}, c.Args[1:]...)
	r := c.Run(t)
	require.Equal(t, "0022\n755 /\n755 /etc\n644 /etc/hosts\n644 /etc/resolv.conf\n755 /dev\n1777 /tmp\nread\n", r.Stdout, r)
}
