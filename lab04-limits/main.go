// Lab04 limits memory, processors and their shares: `lab04 run -ti -m 100m -cpuset 1 -cpushare 512 /bin/sh`.
//
// Up to here the cgroup was looked for at one of two customary places, and that was luck. Each
// controller may be on v1 or on v2, a v1 hierarchy can be mounted anywhere and can carry several
// controllers, and a hybrid host has both versions at once. The kernel tells where they are:
// /proc/self/mountinfo lists every mount that this process sees, one a line.
//
//	-m        memory  \                  / v1: memory.limit_in_bytes, cpu.shares, cpuset.cpus
//	-cpushare cpu      > a subsystem each
//	-cpuset   cpuset  /                  \ v2: memory.max, cpu.weight, cpuset.cpus
//
// So the container is in as many cgroups as its controllers have hierarchies: in one on v2, in up
// to three on v1. For the rest the lab is lab03.
//
// New in this lab: mountinfo.go finds the hierarchies, subsystem.go knows the limits of each
// controller. cgroup.go makes a cgroup in each hierarchy that is needed.
//
// Further reading: proc_pid_mountinfo(5), cgroups(7), cpuset(7),
// https://docs.kernel.org/admin-guide/cgroup-v2.html#controllers
package main

import (
	"cmp"
	"flag"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// lab names this program in its messages and its cgroup.
const lab = "lab04"

const usage = "usage: " + lab + " run [-ti] [-m 100m] [-swap] [-cpuset 1] [-cpushare 512] [--] PROGRAM [ARGUMENT...]"

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
	cpus := flags.String("cpuset", "all", "processors to run on")
	shares := flags.String("cpushare", "usual", "share of the processors, a number; 1024 is the usual")
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

	subsystems := []subsystem{memory{bytes, *swap}}
	if *shares != "usual" {
		n, err := strconv.ParseUint(*shares, 10, 64)
		if err != nil || n < 2 || n > 262144 {
			return fail(125, "-cpushare %s: a number from 2 to 262144 is wanted, 1024 is the usual", *shares)
		}
		subsystems = append(subsystems, cpu{n})
	}
	if *cpus != "all" {
		if err := checkCPUs(*cpus); err != nil {
			return err
		}
		subsystems = append(subsystems, cpuset{*cpus})
	}

	var cgs []*cgroup
	for _, s := range subsystems {
		cg, err := newCgroup(s.controller(), cgs)
		if err != nil {
			return err
		}
		defer cg.cleanUp()
		if err := limit(cg, s); err != nil {
			return err
		}
		cgs = append(cgs, cg)
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
	err = cmp.Or(b.open(cgs, cmd.Process.Pid), wait(cmd)) // wait also after an error: init ends by itself then
	cgs[0].report()
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
