package labtest

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// A tracer in one page. ptrace(2) lets a process stop another one at events of its choice: here at the entry and
// the exit of each system call. strace(1) prints what it finds there; this one counts, and kills.
//
// The traced command, its tracees: the threads of the one process that we start. Threads are followed
// (PTRACE_O_TRACECLONE), child processes are not: the kernel reports a clone(2) as the event FORK or VFORK, not CLONE,
// if it makes a child that signals SIGCHLD, and we don't ask for these. So children run at full speed, untouched.
//
// All requests must come from the thread that started the command: for the kernel, that thread is the tracer.
const (
	ptraceOExitKill      = 0x100000 // PTRACE_O_EXITKILL: if the tests die, the command does
	ptraceGetSiginfo     = 0x4202
	ptraceGetSyscallInfo = 0x420e // since Linux 5.3
	syscallStop          = syscall.SIGTRAP | 0x80
)

// syscallInfo is struct ptrace_syscall_info: the same on every architecture, unlike registers.
type syscallInfo struct {
	Op     uint8 // 1: entry, 2: exit
	_      [3]uint8
	Arch   uint32
	IP, SP uint64
	Nr     uint64 // of an entry
	Args   [6]uint64
}

// outcome is how a traced command ended.
type outcome struct {
	Calls  int  // system calls it began, the one before which it was killed included
	Killed bool // by us, before call number killAt
	Last   int  // the number of that call in the kernel's table
	Code   int
}

// trace starts a command, follows its threads, and kills it before it begins system call number killAt (1 is the
// first after execve; 0 is never). It returns when the command has ended, and each of its threads has been waited for.
func trace(cmd *exec.Cmd, killAt int, limit time.Duration) (o outcome, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr.Ptrace = true  // PTRACE_TRACEME: stop at execve
	cmd.SysProcAttr.Setpgid = true // a group of its own, so that wait4 below gets no other child of ours
	if err := cmd.Start(); err != nil {
		return o, err
	}
	leader := cmd.Process.Pid
	defer cmd.Process.Release()

	late := time.AfterFunc(limit, func() { cmd.Process.Kill() })
	defer late.Stop()

	known := map[int]bool{}
	for {
		var ws syscall.WaitStatus
		tid, err := syscall.Wait4(-leader, &ws, syscall.WALL, nil)
		if err == syscall.EINTR {
			continue
		} else if err != nil {
			return o, fmt.Errorf("wait for the traced command (did it leave its process group?): %w", err)
		}
		if !ws.Stopped() {
			if tid != leader {
				continue // a thread ended; the leader is always the last
			}
			o.Code = codeOf(ws)
			if !o.Killed && !late.Stop() {
				return o, fmt.Errorf("it took more than %v, and %d system calls", limit, o.Calls)
			}
			return o, nil
		}

		signal := 0 // to deliver when the thread goes on
		switch s := ws.StopSignal(); {
		case s == syscallStop:
			if info, ok := getSyscallInfo(tid); ok && info.Op == 1 {
				o.Calls++
				if o.Calls == killAt {
					o.Killed, o.Last = true, int(info.Nr)
					cmd.Process.Kill() // wakes and ends all threads; the kernel then skips the call
					continue
				}
			}
		case !known[tid] && tid == leader: // the stop at execve
			const options = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE |
				syscall.PTRACE_O_TRACEEXEC | ptraceOExitKill
			if err := syscall.PtraceSetOptions(tid, options); err != nil && err != syscall.ESRCH {
				cmd.Process.Kill()
				return o, fmt.Errorf("PTRACE_SETOPTIONS: %w", err)
			}
		case !known[tid] && s == syscall.SIGSTOP: // how a new thread begins
		case s == syscall.SIGTRAP && ws.TrapCause() > 0: // an event: a thread was made, or execve
		case isGroupStop(tid, s): // it stops since a signal said so; we let it run on
		default:
			signal = int(s) // SIGURG is frequent: Go interrupts its own threads with it
		}
		known[tid] = true
		// ESRCH: somebody killed the thread where it stood. The next wait4 tells.
		if err := syscall.PtraceSyscall(tid, signal); err != nil && err != syscall.ESRCH {
			cmd.Process.Kill()
			return o, fmt.Errorf("PTRACE_SYSCALL: %w", err)
		}
	}
}

func getSyscallInfo(tid int) (info syscallInfo, ok bool) {
	_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, ptraceGetSyscallInfo, uintptr(tid),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	return info, errno == 0
}

// isGroupStop tells the two kinds of stop by a stopping signal apart. If it is about to be delivered, there is
// information about it; if it was delivered and the process stands still, there is none.
func isGroupStop(tid int, s syscall.Signal) bool {
	switch s {
	case syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		var info [128]byte
		_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, ptraceGetSiginfo, uintptr(tid),
			0, uintptr(unsafe.Pointer(&info)), 0, 0)
		return errno == syscall.EINVAL
	}
	return false
}
