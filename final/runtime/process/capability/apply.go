package capability

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// Current returns the effective, permitted and inheritable sets of the calling thread.
func Current() (Sets, error) {
	var data [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &data[0]); err != nil {
		return Sets{}, fail.Call("capget({_LINUX_CAPABILITY_VERSION_3, 0})", err, "")
	}
	return Sets{
		Effective:   join(data[0].Effective, data[1].Effective),
		Permitted:   join(data[0].Permitted, data[1].Permitted),
		Inheritable: join(data[0].Inheritable, data[1].Inheritable),
	}, nil
}

func join(low, high uint32) Set { return Set(high)<<32 | Set(low) }

// DropBounding takes everything but keep out of the bounding set of the calling thread, also what is
// newer than this package. It needs CAP_SETPCAP if there is something to take out. left is what
// there is of keep.
func DropBounding(keep Set) (left Set, err error) {
	for n := 0; n < 64; n++ {
		if !keep.Has(n) {
			if _, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(n), 0); errno == 0 {
				continue
			}
		}
		switch in, _, unknown := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_READ, uintptr(n), 0); {
		case unknown != 0: // past the kernel's last capability
			return left, nil
		case in != 0 && keep.Has(n):
			left |= 1 << n
		case in != 0: // and if it were not there, nothing would be wrong
			return left, fail.Call(fmt.Sprintf("prctl(PR_CAPBSET_DROP, %v)", Set(1)<<n), unix.EPERM,
				"it needs CAP_SETPCAP; start the runtime as root, or in a user namespace")
		}
	}
	return left, nil
}

// Keep makes the calling thread keep its permitted set when its user id changes from 0 to another.
// execve(2) takes that flag away again.
func Keep() error {
	if _, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1, 0); errno != 0 {
		return fail.Call("prctl(PR_SET_KEEPCAPS, 1)", errno, "the thread's securebits are locked; see capabilities(7)")
	}
	return nil
}

// Apply sets the calling thread's effective, permitted, inheritable and ambient sets. extra is added
// to effective and permitted: rights that the caller needs once more. They end with execve(2), which
// works both sets out anew, from the others.
func (s Sets) Apply(extra Set) error {
	if err := s.capset(extra); err != nil {
		return err
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0)
	if errno == unix.EINVAL && s.Ambient == 0 {
		return nil // Linux before 4.3 has no ambient set
	}
	if errno != 0 {
		return fail.Call("prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)", errno, "ambient capabilities came with Linux 4.3")
	}
	for n := 0; s.Ambient>>n != 0; n++ {
		if !s.Ambient.Has(n) {
			continue
		}
		_, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(n), 0, 0, 0)
		if errno != 0 {
			return fail.Call(fmt.Sprintf("prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, %v)", Set(1)<<n), errno,
				"it must be permitted and inheritable, and the securebits must not forbid it")
		}
	}
	return nil
}

func (s Sets) capset(extra Set) error {
	effective, permitted := s.Effective|extra, s.Permitted|extra
	data := [2]unix.CapUserData{
		{Effective: uint32(effective), Permitted: uint32(permitted), Inheritable: uint32(s.Inheritable)},
		{Effective: uint32(effective >> 32), Permitted: uint32(permitted >> 32), Inheritable: uint32(s.Inheritable >> 32)},
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fail.Call(fmt.Sprintf("capset(effective: %v, permitted: %v, inheritable: %v)", effective, permitted, s.Inheritable),
			err, "a set can only have what the thread's permitted set has")
	}
	return nil
}
