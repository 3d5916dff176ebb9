// Lab03 makes the user's program PID 1: `lab03 run -ti /bin/sh`.
//
// In lab02 a shell in a new PID namespace was not process 1, and ps still listed the whole host.
// Two things were missing. The child stayed between us and the program, as its parent and as
// PID 1; and /proc was still the host's: ps reads /proc, and a proc file system shows the PID
// namespace of the process that mounted it.
//
//	lab03 run ...                         lab03 init ...
//	  clone with five namespaces  ------->  waits at the barrier
//	  moves init into the cgroup            :
//	  opens the barrier  ---------------->  makes propagation private, mounts /proc
//	  waits                                 execve: the same process, now the user's program
//	  verdict, remove
//
// The parent starts this program again, as `init`, to do the work that only somebody inside can
// do. Then init doesn't start the program but *becomes* it: execve(2) replaces the code and keeps
// the process, and with it its number 1, its namespaces and its cgroup. Docker does the same, and
// its first process after clone is called `runc init`.
//
// New in this lab: main.go, and terminal.go for -ti. The set of namespaces is fixed from now on.
//
// Further reading: pid_namespaces(7), proc(5), execve(2), clone(2)
package main

import (
	"cmp"
	"flag"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// lab names this program in its messages and its cgroup.
const lab = "lab03"

const usage = "usage: " + lab + " run [-ti] [-m 100m] [-swap] [--] PROGRAM [ARGUMENT...]"

func main() {
	if len(os.Args) < 2 {
		exit(fail(125, "which command?\n%s", usage))
	}
	switch command, args := os.Args[1], os.Args[2:]; command {
	case "run":
		exit(run(args))
	case "init":
		exit(initContainer(args))
	default:
		exit(fail(125, "there is no command %q\n%s", command, usage))
	}
}

// run starts a container and waits for it.
func run(args []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	ti := flags.Bool("ti", false, "interactive: standard input, and the terminal if it is one")
	size := flags.String("m", "max", "memory limit")
	swap := flags.Bool("swap", false, "leave swap unlimited")
	if err := flags.Parse(args); err != nil {
		return fail(125, "%v\n%s", err, usage)
	}
	bytes, err := parseSize(*size)
	if err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return fail(125, "which program shall run?\n%s", usage)
	}

	cg, err := newCgroup()
	if err != nil {
		return err
	}
	defer cg.cleanUp()
	if err := cg.limit(bytes, *swap); err != nil {
		return err
	}
	cmd := containerProcess(flags.Args())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if *ti {
		cmd.Stdin = os.Stdin
		defer foreground(cmd)()
	}
	b, err := newBarrier(cmd)
	if err != nil {
		return err
	}
	if err := start(cmd); err != nil {
		return fail(125, "%v: namespaces need root (and at most 32 PID namespaces in one another)", err)
	}
	err = cmp.Or(b.open([]*cgroup{cg}, cmd.Process.Pid), wait(cmd)) // wait also after an error: init ends by itself then
	cg.report()
	return err
}

// Task 3.1: containerProcess prepares the process that will be the container's first.
//
// It is this same program, /proc/self/exe, called with the word init and then the user's
// program and arguments; it starts in new UTS, PID, mount, network and IPC namespaces.
//
//lab:task 3.1
func containerProcess(program []string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", append([]string{"init"}, program...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS |
			syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
	}
	return cmd
}

// initContainer is what the container's first process does before it becomes the user's program.
func initContainer(program []string) error {
	if os.Getpid() != 1 {
		return fail(125, "init is for the inside of a container, `run` calls it: outside, it would remount your /proc")
	}
	if err := waitAtBarrier(); err != nil {
		return err
	}
	if err := mountProc(); err != nil {
		return err
	}
	return become(program)
}

// Task 3.2: mountProc mounts a proc file system of our own PID namespace on /proc.
//
// First make the propagation of every mount private, or the new /proc covers the host's
// too, and ps and much else break there. Then mount "proc" without programs to execute, set-user-ID
// bits or devices in it (noexec, nosuid, nodev).
//
//lab:task 3.2
func mountProc() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount --make-rprivate /", err)
	}
	const flags = syscall.MS_NOEXEC | syscall.MS_NOSUID | syscall.MS_NODEV
	return os.NewSyscallError("mount proc on /proc", syscall.Mount("proc", "/proc", "proc", flags, ""))
}

// Task 3.3: become replaces this process by the user's program. It returns only if that fails.
//
// Look the program up in PATH (findProgram): the kernel's execve wants a path and knows
// nothing of PATH. Then call execve, with the arguments as the user gave them and our environment.
// What execve refuses has the exit code 126.
//
//lab:task 3.3
func become(program []string) error {
	path, err := findProgram(program[0])
	if err != nil {
		return err
	}
	err = syscall.Exec(path, program, os.Environ())
	return fail(126, "execve %s: %v", path, err)
}
