package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/step"
)

// A terminal is a pair of files (pty(7)): the program reads and writes the slave as if it were a
// screen and a keyboard, and whoever has the master sees the one and types on the other. The pair
// must come from the container's own devpts, for there the slave has a name, /dev/pts/0, and tty(1)
// and sudo look for it; so it is init that makes it, and then hands the master out over a socket.
//
// All of /dev belongs to the container, and its author may have put anything there. Init therefore
// opens ptmx in a directory that is a devpts, which no image can make up, and asks the master for its
// slave (TIOCGPTPEER), instead of opening /dev/pts/0 by name: between the making and the opening that
// name could come to mean something else, which the runtime would then bind to /dev/console and give
// away to the user (CVE-2025-52565).

// ptmxDevice is the device number of ptmx: 5, 2 (Documentation/admin-guide/devices.txt of the kernel).
var ptmxDevice = unix.Mkdev(5, 2)

// terminal makes the terminal of the process, from which it reads and writes from now on.
func (p *Init) terminal() step.Step {
	return do("terminal", 0,
		func() (string, string) {
			return "make a terminal", `openat2("/dev/pts", "ptmx"); ioctl(TIOCGPTPEER); sendmsg(...)`
		},
		func() error {
			master, err := openMaster()
			if err != nil {
				return err
			}
			defer unix.Close(master)
			slave, err := openSlave(master)
			if err != nil {
				return err
			}
			p.Slave = slave
			if err := p.resize(master); err != nil {
				return err
			}
			if err := sendMaster(p.c.ConsoleSocket, master); err != nil {
				return err
			}
			for fd := 0; fd < 3; fd++ {
				if err := unix.Dup3(slave, fd, 0); err != nil {
					return fail.Call(fmt.Sprintf("dup3(%d, %d, 0)", slave, fd), err, "")
				}
			}
			if _, _, errno := unix.RawSyscall(unix.SYS_IOCTL, 0, unix.TIOCSCTTY, 0); errno != 0 {
				return fail.Call("ioctl(0, TIOCSCTTY, 0)", errno, "the process must lead a session that has no terminal yet")
			}
			return nil
		})
}

// openMaster opens ptmx in the container's devpts.
func openMaster() (int, error) {
	const mountIt = "; add a mount of type devpts at /dev/pts to config.json"
	dir, err := unix.Open("/dev/pts", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fail.Call(`open("/dev/pts", O_PATH|O_DIRECTORY)`, err, "process.terminal needs a devpts in the container"+mountIt)
	}
	defer unix.Close(dir)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(dir, &fs); err != nil {
		return -1, fail.Call(`fstatfs("/dev/pts")`, err, "")
	}
	if fs.Type != unix.DEVPTS_SUPER_MAGIC {
		return -1, fmt.Errorf("process.terminal: /dev/pts in the container is no devpts (its file system has the magic number %#x)"+mountIt, fs.Type)
	}
	master, err := unix.Openat2(dir, "ptmx", &unix.OpenHow{
		Flags:   unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err != nil {
		cause := ""
		switch err {
		case unix.EXDEV:
			cause = "something is mounted over it"
		case unix.EACCES:
			cause = "give the mount of devpts the option ptmxmode=0666"
		case unix.ENOSPC:
			cause = "there are as many terminals as /proc/sys/kernel/pty/max, or the mount's option max, allow"
		case unix.EIO:
			cause = "the devpts is not mounted with newinstance, and there are no terminals left"
		}
		return -1, fail.Call(`openat2("/dev/pts", "ptmx", O_RDWR|O_NOCTTY, RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_XDEV)`, err, cause)
	}
	var st unix.Stat_t
	if err := unix.Fstat(master, &st); err != nil || st.Rdev != ptmxDevice {
		unix.Close(master)
		return -1, fmt.Errorf("process.terminal: /dev/pts/ptmx in the container is not the device 5:2")
	}
	return master, nil
}

// openSlave returns the other side of a master.
func openSlave(master int) (int, error) {
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return -1, fail.Call("ioctl(master, TIOCSPTLCK, 0)", err, "")
	}
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, flags)
	if errno != 0 {
		return -1, fail.Call("ioctl(master, TIOCGPTPEER, O_RDWR|O_NOCTTY)", errno, "the call came with Linux 4.13")
	}
	return int(fd), nil
}

// resize gives the terminal the size that config.json says.
func (p *Init) resize(master int) error {
	size := p.c.Process.ConsoleSize
	if size == nil || size.Height == 0 && size.Width == 0 {
		return nil
	}
	ws := unix.Winsize{Row: uint16(size.Height), Col: uint16(size.Width)}
	if err := unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, &ws); err != nil {
		return fail.Call(fmt.Sprintf("ioctl(master, TIOCSWINSZ, {%d, %d})", ws.Row, ws.Col), err, "")
	}
	return nil
}

// sendMaster hands the master over. The bytes beside it are a name for the file, which the engines
// expect to be some.
func sendMaster(socket, master int) error {
	if err := unix.Sendmsg(socket, []byte("/dev/ptmx"), unix.UnixRights(master), nil, unix.MSG_NOSIGNAL); err != nil {
		return fail.Call(fmt.Sprintf("sendmsg(%d, \"/dev/ptmx\", {SCM_RIGHTS, master})", socket), err,
			"whoever listens at the console socket (--console-socket) has gone")
	}
	return nil
}
