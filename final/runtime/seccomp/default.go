package seccomp

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Default returns the profile for a container whose configuration brings none: what Docker's default
// profile of version 29 says on this architecture. It is a list of what is allowed; everything else
// fails with EPERM, as it would for an ordinary user.
//
// Left out is what reaches beyond the container (the clock, kernel modules, the kernel's keys, swap,
// reboot), what gave kernels trouble before (userfaultfd, io_uring, perf_event_open), and new name
// spaces, which open much of the kernel to a process. A capability brings back the calls that are
// its purpose: caps are the bounding set of the container, as "CAP_SYS_ADMIN".
//
// The result is the caller's to change. It has no flags (nil) and no listener. For an architecture
// that the package does not know, it lists none and leaves out what only some architectures have.
func Default(caps []string) *specs.LinuxSeccomp {
	native, _ := Native()
	return DefaultFor(native, caps)
}

// DefaultFor is Default for another architecture.
func DefaultFor(native specs.Arch, caps []string) *specs.LinuxSeccomp {
	eperm := uint(unix.EPERM)
	p := &specs.LinuxSeccomp{
		DefaultAction:   specs.ActErrno,
		DefaultErrnoRet: &eperm,
		Syscalls:        []specs.LinuxSyscall{{Names: strings.Fields(ordinaryCalls), Action: specs.ActAllow}},
	}
	d := draft{p, map[string]bool{}}
	for _, c := range caps {
		d.caps[c] = true
	}
	switch native {
	case specs.ArchX86_64:
		p.Architectures = []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}
		d.allow("arch_prctl modify_ldt")
	case specs.ArchX86:
		p.Architectures = []specs.Arch{specs.ArchX86}
		d.allow("modify_ldt")
	case specs.ArchAARCH64:
		p.Architectures = []specs.Arch{specs.ArchAARCH64, specs.ArchARM}
		d.allow(armCalls)
	case specs.ArchARM:
		p.Architectures = []specs.Arch{specs.ArchARM}
		d.allow(armCalls)
	}
	d.checked()
	d.privileged()
	return p
}

// A draft is a profile in the making.
type draft struct {
	*specs.LinuxSeccomp
	caps map[string]bool
}

func (d *draft) allow(names string, args ...specs.LinuxSeccompArg) {
	d.Syscalls = append(d.Syscalls, specs.LinuxSyscall{Names: strings.Fields(names), Action: specs.ActAllow, Args: args})
}

// newNamespaces are the flags of clone that make a name space.
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
	unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP

// checked allows the calls whose arguments matter.
func (d *draft) checked() {
	// Sockets of all families but two: AF_ALG (38), the kernel's cryptography, where CVE-2026-31431
	// was, and AF_VSOCK (40), which speaks to the machine that a virtual machine runs on. Two
	// conditions on one argument would be alternatives, so it takes three rules.
	d.allow("socket", specs.LinuxSeccompArg{Index: 0, Op: specs.OpLessThan, Value: unix.AF_ALG})
	d.allow("socket", specs.LinuxSeccompArg{Index: 0, Op: specs.OpEqualTo, Value: unix.AF_ALG + 1})
	d.allow("socket", specs.LinuxSeccompArg{Index: 0, Op: specs.OpGreaterThan, Value: unix.AF_VSOCK})

	// Personalities that change nothing dangerous: Linux, and with it a 32-bit machine name
	// (PER_LINUX32, 8) or the version number of 2.6 (UNAME26, 0x20000). 0xffffffff only asks.
	for _, persona := range []uint64{0, 8, 0x20000, 0x20008, 0xffffffff} {
		d.allow("personality", specs.LinuxSeccompArg{Index: 0, Op: specs.OpEqualTo, Value: persona})
	}

	// Processes and threads, but no name spaces. The flags of clone3 are in memory, where a filter
	// cannot look. ENOSYS makes the C library use clone; EPERM would make it give up.
	if !d.caps["CAP_SYS_ADMIN"] {
		d.allow("clone", specs.LinuxSeccompArg{Index: 0, Op: specs.OpMaskedEqual, Value: newNamespaces})
		enosys := uint(unix.ENOSYS)
		d.Syscalls = append(d.Syscalls, specs.LinuxSyscall{Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: &enosys})
	}
}

// privileged allows the calls that belong to a capability.
func (d *draft) privileged() {
	for _, p := range []struct{ capability, names string }{
		{"CAP_DAC_READ_SEARCH", "open_by_handle_at"},
		{"CAP_SYS_ADMIN", `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie
			lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount
			open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog
			umount umount2 unshare`},
		{"CAP_SYS_BOOT", "reboot"},
		{"CAP_SYS_CHROOT", "chroot"},
		{"CAP_SYS_MODULE", "delete_module finit_module init_module"},
		{"CAP_SYS_PACCT", "acct"},
		{"CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"},
		{"CAP_SYS_RAWIO", "ioperm iopl"},
		{"CAP_SYS_TIME", "clock_settime clock_settime64 settimeofday stime"},
		{"CAP_SYS_TTY_CONFIG", "vhangup"},
		{"CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
		{"CAP_SYSLOG", "syslog"},
		{"CAP_BPF", "bpf"},
		{"CAP_PERFMON", "perf_event_open"},
	} {
		if d.caps[p.capability] {
			d.allow(p.names)
		}
	}
}

// armCalls are calls of arm alone.
const armCalls = "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2"

// ordinaryCalls are allowed to everybody: files, extended attributes, waiting for events, sockets,
// memory, processes and their identity, signals, talk between processes, time. Names that end in 32,
// 64 or time64 are mostly those of 32-bit architectures. socketcall and ipc come first because they
// stand for others (multiplex.go), for which x86 then needs no rules of its own.
const ordinaryCalls = `
	ipc socketcall

	access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat
	faccessat2 fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32
	fchownat fcntl fcntl64 fdatasync flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate
	ftruncate64 futimesat getcwd getdents getdents64 ioctl lchown lchown32 link linkat listmount
	_llseek lseek lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat
	openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
	rename renameat renameat2 rmdir sendfile sendfile64 splice stat stat64 statfs statfs64 statmount
	statx symlink symlinkat sync sync_file_range syncfs tee truncate truncate64 umask unlink unlinkat
	utime utimensat utimensat_time64 utimes vmsplice write writev

	fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat
	llistxattr lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat

	epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
	epoll_wait_old eventfd eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1
	inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup
	io_submit _newselect pipe pipe2 poll ppoll ppoll_time64 pselect6 pselect6_time64 select

	accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg
	recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketpair

	brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2
	mlockall mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free
	pkey_mprotect process_mrelease remap_file_pages

	capget capset execve execveat exit exit_group fork getcpu getegid getegid32 geteuid geteuid32
	getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid getpriority getresgid
	getresgid32 getresuid getresuid32 getrlimit get_robust_list getrusage getsid get_thread_area
	gettid getuid getuid32 ioprio_get ioprio_set landlock_add_rule landlock_create_ruleset
	landlock_restrict_self pidfd_open prctl prlimit64 process_vm_readv process_vm_writev ptrace rseq
	sched_getaffinity sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min
	sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity
	sched_setattr sched_setparam sched_setscheduler sched_yield seccomp setfsgid setfsgid32 setfsuid
	setfsuid32 setgid setgid32 setgroups setgroups32 setpgid setpriority setregid setregid32 setresgid
	setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid
	set_thread_area set_tid_address setuid setuid32 ugetrlimit uretprobe vfork wait4 waitid waitpid

	kill pause pidfd_send_signal restart_syscall rt_sigaction rt_sigpending rt_sigprocmask
	rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64
	rt_tgsigqueueinfo sigaltstack signalfd signalfd4 sigprocmask sigreturn tgkill tkill

	futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake mq_getsetattr mq_notify
	mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl
	msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget

	adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime
	clock_gettime64 clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer
	time timer_create timer_delete timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
	timerfd_settime64 timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
	times

	getrandom riscv_hwprobe sysinfo uname`
