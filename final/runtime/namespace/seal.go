package namespace

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// CVE-2019-5736. Init is our own binary, executed inside of the container, where /proc/PID/exe leads
// to the binary's file on the host. A program in the container cannot write to it as long as it is
// executed (ETXTBSY), but it can open it for reading, wait, and then open /proc/self/fd/N, which is
// the same file, for writing. The next container is started by what it wrote, as root. It need not
// even be quick: a container's program may be a script that begins with "#!/proc/self/exe", and
// then init itself executes the binary, as the container's program. So what init is executed from
// must be something that cannot be written to, by root, at any time.

// sealCall is what Seal does, for --explain.
const sealCall = `open_tree("/proc/self/exe", OPEN_TREE_CLONE), mount_setattr(MOUNT_ATTR_RDONLY), open(O_PATH), close`

// Seal returns a file descriptor of our own binary, to be executed, through which its file can be
// neither written to nor otherwise changed. call tells how, as strace(1) prints it. It takes
// CAP_SYS_ADMIN and Linux 5.12; otherwise the binary is copied into memory, which costs ten times
// as much.
//
// What it is: a mount of the binary, read-only, that is in no mount namespace any more.
//
// A read-only mount alone is not enough: with CAP_SYS_ADMIN a container could make it writable again.
// Runc had such mounts once, and gave them up for copies, and these for a read-only overlay file
// system over the binary's directory (runc#4448). But to change a mount the kernel asks that it is in
// the caller's mount namespace, or in the nameless one that open_tree(2) makes for a clone. When the
// descriptor of the clone is closed, the clone is unmounted, with its namespace; what has been opened
// through it stays open, and stays read-only, since the flag is the mount's and is looked at on every
// open. From then on every call that takes a mount refuses this one: mount_setattr, mount (remount,
// bind, move), open_tree, move_mount (in the kernel's fs/namespace.c: check_mnt, is_mounted). Neither
// is there a way from a file to its directory and around the mount. TestSealed tries all of it, and
// TestSealMattersThatItIsClosed shows what the descriptor that is closed here would be good for.
//
// Measured with a binary of 1.2 MB: 45 µs, of which 40 are the kernel's wait for readers of the mount
// table, when the clone is unmounted. An overlay takes 75 µs here and 50 more when it goes, a copy
// 500 and 140 µs, and 2 ms for 4 MB, on which then also counts as the container's memory.
func Seal() (exe int, call string, err error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, "/proc/self/exe", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return copied("open_tree", err)
	}
	defer unix.Close(tree)
	readonly := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &readonly); err != nil {
		return copied("mount_setattr", err)
	}
	path := "/proc/self/fd/" + strconv.Itoa(tree)
	exe, err = unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, "", fail.Call(`open("`+path+`", O_PATH)`, err, "is /proc mounted?")
	}
	return exe, sealCall, nil
}

// copied returns a copy in memory with seals (memfd_create(2), fcntl(2) F_ADD_SEALS): whoever opens
// it can neither write to it nor take the seals off. why is the call that makes it necessary.
func copied(why string, because error) (exe int, call string, err error) {
	const self = "/proc/self/exe"
	from, err := unix.Open(self, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, "", fail.Call(`open("`+self+`")`, err, "the runtime's binary must be readable to be sealed, and /proc mounted")
	}
	defer unix.Close(from)
	var st unix.Stat_t
	if err := unix.Fstat(from, &st); err != nil {
		return -1, "", fail.Call(`fstat("`+self+`")`, err, "")
	}
	// Since Linux 6.3 it matters whether one says that it is to be executed; before, it is an error.
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	exe, err = unix.MemfdCreate("jocker-runtime", flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) {
		exe, err = unix.MemfdCreate("jocker-runtime", flags)
	}
	if err != nil {
		cause := ""
		if errors.Is(err, unix.EACCES) {
			cause = "the sysctl vm.memfd_noexec is 2; set it to 1"
		}
		return -1, "", fail.Call("memfd_create(MFD_ALLOW_SEALING|MFD_EXEC)", err, cause)
	}
	for left := st.Size; left > 0 && err == nil; {
		n := 0
		n, err = unix.Sendfile(exe, from, nil, int(left))
		if err == nil && n == 0 {
			err = errors.New("the file has become shorter")
		}
		left -= int64(n)
	}
	if err != nil {
		unix.Close(exe)
		return -1, "", fail.Call(`sendfile("`+self+`")`, err, "the binary is copied into memory, of which there may be too little")
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(uintptr(exe), unix.F_ADD_SEALS, seals); err != nil {
		unix.Close(exe)
		return -1, "", fail.Call("fcntl(F_ADD_SEALS, SEAL|SHRINK|GROW|WRITE)", err, "")
	}
	return exe, "memfd_create, sendfile, fcntl(F_ADD_SEALS), because of " + fail.Call(why, because, "").Error(), nil
}
