package rootfs

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// moveRoot is for machines where pivot_root does not work (--no-pivot): the tree is moved over /, and
// chroot goes into it. The host's tree stays below, out of sight, which is less: it may still count
// for the kernel. Where a proc or sysfs is mounted anywhere, a user namespace in the container may
// mount a new one, without what is masked. So the host's are taken off first.
func (r *Rootfs) moveRoot() error {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fail.Call(`read("/proc/self/mountinfo")`, err, "--no-pivot needs the host's /proc")
	}
	for _, place := range kernelMounts(string(info), r.cfg.Root) {
		if err := takeOff(place); err != nil {
			return err
		}
	}
	if err := unix.Fchdir(r.root); err != nil {
		return fail.Call("fchdir("+quote(r.cfg.Root)+")", err, "")
	}
	if err := unix.MoveMount(r.root, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fail.Call("move_mount("+quote(r.cfg.Root)+`, "/")`, err, "")
	}
	if err := unix.Chroot("."); err != nil {
		return fail.Call(`chroot(".")`, err, "")
	}
	return toRoot()
}

func (r *Rootfs) sayMoveRoot() (what, call string) {
	return "make it the root, on top of the host's", "move_mount(" + quote(r.cfg.Root) + `, "/"); chroot(".")`
}

// kernelMounts returns where proc and sysfs are mounted outside of root, the last mounted first.
func kernelMounts(info, root string) (places []string) {
	for _, line := range strings.Split(info, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 10 {
			continue
		}
		kind := ""
		for i := 6; i+1 < len(fields); i++ {
			if fields[i] == "-" {
				kind = fields[i+1]
				break
			}
		}
		place := unescape(fields[4])
		if (kind == "proc" || kind == "sysfs") && place != root && !strings.HasPrefix(place, root+"/") {
			places = append([]string{place}, places...)
		}
	}
	return places
}

// unescape reads a path of mountinfo, where blanks and backslashes are octal: \040.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// takeOff unmounts, or covers what a user namespace may not unmount.
func takeOff(place string) error {
	err := unix.Unmount(place, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	if err = unix.Mount("tmpfs", place, "tmpfs", 0, "size=0"); err != nil && err != unix.ENOENT {
		return fail.Call("umount2("+quote(place)+", MNT_DETACH)", err, "it could be neither unmounted nor covered")
	}
	return nil
}
