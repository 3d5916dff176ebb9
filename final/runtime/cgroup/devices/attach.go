package devices

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// name marks our programs, as bpftool prog shows them, among others that may be attached to the same cgroup.
const name = "jocker_devices"

// A Program is a list of rules for v2, compiled but not loaded.
type Program struct{ code []byte }

// Compile turns rules into a program.
func Compile(rules []Rule) (*Program, error) {
	p, err := compile(rules)
	if err != nil {
		return nil, err
	}
	return &Program{assemble(p)}, nil
}

// Attach loads the program into the kernel and attaches it to a v2 cgroup, in place of one that was attached by this
// function before. The exchange is atomic since Linux 5.6; earlier kernels have both for a moment, when
// only what both allow is allowed. A cgroup's programs stay as long as the cgroup.
//
// Programs of others, such as systemd's, stay. The kernel asks all, in the cgroups above, too, and one no is enough.
func (p *Program) Attach(dir string) error {
	cgroup, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail.Call(fmt.Sprintf("open(%q, O_RDONLY|O_DIRECTORY)", dir), err, "")
	}
	defer unix.Close(cgroup)
	program, err := p.load()
	if err != nil {
		return err
	}
	defer unix.Close(program)
	old, err := attached(cgroup)
	if err != nil {
		return err
	}
	defer closeAll(old)

	a := attachAttr{target: uint32(cgroup), program: uint32(program), kind: unix.BPF_CGROUP_DEVICE, flags: unix.BPF_F_ALLOW_MULTI}
	if len(old) > 0 {
		a.flags |= unix.BPF_F_REPLACE
		a.replace = uint32(old[0])
	}
	_, err = bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err == unix.EINVAL && len(old) > 0 { // before Linux 5.6
		a.flags, a.replace = unix.BPF_F_ALLOW_MULTI, 0
		_, err = bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&a), unsafe.Sizeof(a))
	} else if len(old) > 0 {
		old = old[1:]
	}
	if err != nil {
		return fail.Call(fmt.Sprintf("bpf(BPF_PROG_ATTACH, {%q, BPF_CGROUP_DEVICE})", dir), err, attachCause(err))
	}
	for _, fd := range old {
		d := attachAttr{target: uint32(cgroup), program: uint32(fd), kind: unix.BPF_CGROUP_DEVICE}
		if _, err := bpf(unix.BPF_PROG_DETACH, unsafe.Pointer(&d), unsafe.Sizeof(d)); err != nil {
			return fail.Call(fmt.Sprintf("bpf(BPF_PROG_DETACH, {%q, BPF_CGROUP_DEVICE})", dir), err, "")
		}
	}
	return nil
}

func attachCause(err error) string {
	switch err {
	case unix.EPERM:
		return "a cgroup above forbids a second program (it was attached without BPF_F_ALLOW_MULTI), or we lack CAP_SYS_ADMIN"
	case unix.EINVAL:
		return "the kernel has no device programs for cgroups (CONFIG_CGROUP_BPF)"
	case unix.E2BIG:
		return "64 programs are attached already"
	}
	return ""
}

// The arguments of bpf(2), each the beginning of a union bpf_attr (linux/bpf.h), on a machine of 64 bits. Addresses in them
// are Go pointers and not numbers, so that they stay right when a goroutine's stack is moved.
type (
	loadAttr struct {
		kind, count        uint32
		code, license      unsafe.Pointer
		logLevel, logSize  uint32
		log                uint64
		kernel, flags      uint32
		name               [16]byte
		ifindex, attachFor uint32
	}
	attachAttr struct{ target, program, kind, flags, replace uint32 }
	queryAttr  struct {
		target, kind, flags, attachFlags uint32
		ids                              unsafe.Pointer
		count, _                         uint32
	}
	idAttr   struct{ id, next, flags uint32 }
	infoAttr struct {
		program, size uint32
		info          unsafe.Pointer
	}
	// The beginning of struct bpf_prog_info.
	progInfo struct {
		kind, id            uint32
		_                   [8]byte
		jitedLen, xlatedLen uint32
		_, _                uint64
		_                   uint64
		uid, maps           uint32
		_                   uint64
		name                [16]byte
	}
)

func bpf(command int, attr unsafe.Pointer, size uintptr) (int, error) {
	for {
		n, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(attr), size)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR, unix.EAGAIN: // the verifier was interrupted by a signal
			continue
		}
		return -1, errno
	}
}

// load gives the program to the kernel, which verifies and compiles it.
func (p *Program) load() (fd int, err error) {
	license := []byte("Apache-2.0\x00")
	a := loadAttr{kind: unix.BPF_PROG_TYPE_CGROUP_DEVICE, count: uint32(len(p.code) / 8), attachFor: unix.BPF_CGROUP_DEVICE,
		code: unsafe.Pointer(&p.code[0]), license: unsafe.Pointer(&license[0])}
	copy(a.name[:], name)
	fd, err = bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil {
		cause := ""
		switch err {
		case unix.EPERM:
			cause = "loading a program needs root in the initial user namespace (CAP_SYS_ADMIN or CAP_BPF), and no seccomp filter against bpf(2)"
		case unix.EINVAL, unix.ENOSYS:
			cause = "the kernel has no device programs for cgroups: it is older than 4.15, or built without CONFIG_CGROUP_BPF"
		}
		return -1, fail.Call(fmt.Sprintf("bpf(BPF_PROG_LOAD, {BPF_PROG_TYPE_CGROUP_DEVICE, %d instructions})", a.count), err, cause)
	}
	return fd, nil
}

// attached opens our programs at a cgroup: as a rule none or one.
func attached(cgroup int) (fds []int, err error) {
	var ids [64]uint32 // the kernel attaches no more
	q := queryAttr{target: uint32(cgroup), kind: unix.BPF_CGROUP_DEVICE, ids: unsafe.Pointer(&ids), count: uint32(len(ids))}
	_, err = bpf(unix.BPF_PROG_QUERY, unsafe.Pointer(&q), unsafe.Sizeof(q))
	if err != nil {
		return nil, fail.Call("bpf(BPF_PROG_QUERY, {BPF_CGROUP_DEVICE})", err, "")
	}
	for _, id := range ids[:min(int(q.count), len(ids))] {
		a := idAttr{id: id}
		fd, err := bpf(unix.BPF_PROG_GET_FD_BY_ID, unsafe.Pointer(&a), unsafe.Sizeof(a))
		if err == unix.ENOENT {
			continue
		} else if err != nil {
			closeAll(fds)
			return nil, fail.Call(fmt.Sprintf("bpf(BPF_PROG_GET_FD_BY_ID, %d)", id), err, "")
		}
		var info progInfo
		i := infoAttr{program: uint32(fd), size: uint32(unsafe.Sizeof(info)), info: unsafe.Pointer(&info)}
		_, err = bpf(unix.BPF_OBJ_GET_INFO_BY_FD, unsafe.Pointer(&i), unsafe.Sizeof(i))
		if err != nil || string(info.name[:len(name)]) != name {
			unix.Close(fd)
			continue
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
