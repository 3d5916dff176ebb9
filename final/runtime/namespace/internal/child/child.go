// Package child makes a process that does nothing but system calls, from a list, until execve.
//
// A new process of a Go program is not a Go program. It has one thread out of many; locks are held
// by threads that are not there, and so is the garbage collector. Until it becomes another program,
// it must neither allocate nor grow its stack nor be scheduled. Go's own syscall.StartProcess lives
// under these rules in a function of 400 lines that can do what most programs want. A container
// wants other things (setns, a second fork, execveat), so here is the same in general form: the
// parent, which is free to do what it likes, writes a list of system calls, and the child works
// through the list in a loop of twenty instructions of assembly.
//
// These are the invariants, and they hold by construction, for there is no other code:
//
//   - The child uses registers, the list, and memory that the list points to. It calls no function
//     and never touches the stack, so nothing of Go's can be in an impossible state; and so it may
//     share the parent's memory (CLONE_VM|CLONE_VFORK, which spares the copy of the page tables):
//     the parent comes back to a stack as it left it.
//   - It leaves the list only by execve or exit_group: the list ends with either, and the list
//     Failed with exit_group.
//   - All that the list points to is on the heap, where Go moves nothing, and is kept alive by the
//     caller until Spawn returns. What the child writes (Op.Out, Errno, At) has no pointers to Go's
//     memory, so the garbage collector need not see it.
//   - Signals are blocked around the clone, since a handler would be Go code. They are unblocked by
//     the list's last call but one, when Clone.Flags (CLONE_CLEAR_SIGHAND) has left no handlers. The
//     parent cannot be moved to another thread in between, for Go preempts by a signal, or at the
//     beginning of functions that it has compiled.
//   - With shared memory the list must not change credentials: the kernel notes in the memory
//     whether it may be read by a debugger (PR_SET_DUMPABLE), and would do so for the parent too.
//
// This package imports nothing but unsafe, for the sake of Nofile.
package child

// An Op is one system call.
type Op struct {
	Nr   uintptr
	Arg  [6]uintptr
	Out  *uintptr // if not nil, the result is stored here, often an argument of a later Op
	Jump *Op      // if not nil, where to go on if the result is greater than 0
	Free uintptr  // if not 0, go on if the call fails
}

// CloneArgs is struct clone_args of clone3(2).
type CloneArgs struct {
	Flags, PidFD, ChildTID, ParentTID, ExitSignal, Stack, StackSize, TLS, SetTID, SetTIDSize, Cgroup uint64
}

// A Program is what a child does.
type Program struct {
	Ops    []Op    // in order, but for jumps
	Failed *Op     // what to do after a call has failed
	Errno  uintptr // the child notes here what error it was,
	At     uintptr // and here the address of the Op
	Mask   uint64  // Spawn notes here which signals were blocked before
	Clone  CloneArgs
}

// Spawn is clone3(2) with p.Clone, while all signals are blocked. In the parent it returns what the
// call returns, the child's pid or a negative errno; the child begins with p.Ops[0].
func Spawn(p *Program) int

// Rlimit is struct rlimit64.
type Rlimit struct{ Cur, Max uint64 }

// Nofile is the RLIMIT_NOFILE that this process was started with.
//
// Go raises the soft limit for itself when package syscall is initialised, and lowers it again in
// the children that it starts; but a child of ours is started by us. The old value is nowhere to be
// had later, so it is read before. Packages are initialised in the order of their import paths,
// dependencies first (section "Program initialization" of the language's specification), so that
// this one, which has no dependencies and whose path is before "sync", comes before syscall.
var Nofile = nofile()

func nofile() (r Rlimit) {
	getNofile(&r)
	return r
}

// getNofile is prlimit64(0, RLIMIT_NOFILE, NULL, r).
//
//go:noescape
func getNofile(r *Rlimit)
