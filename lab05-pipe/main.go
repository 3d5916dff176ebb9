// Lab05 sends the arguments through a pipe: `lab05 run -ti -e GREETING=hello /bin/sh`.
//
// Up to here the user's program and its arguments were arguments of init, and its environment was
// ours. The barrier pipe carried one byte. Now it carries everything:
//
//	lab05 run ...                         lab05 init           (no arguments)
//	  clone with five namespaces  ------->  reads file descriptor 3, and so waits
//	  moves init into its cgroups           :
//	  writes arguments, environment  ---->  reads to the end of the file
//	  closes the pipe                       mounts /proc, execve with just these
//	  waits
//
// What this gives: structure (lists stay lists, whatever is in them), a barrier, an environment made
// for the container, and some privacy: ps shows nothing while init is at work. (Then it shows the
// program's own arguments, as for any program. And what you typed is the command line of `lab05 run`
// itself, which ps shows as long as it runs, -e and all: a secret is better kept in a file.) What it
// doesn't: arguments could carry blanks before, too, and execve's limit of 128 KiB for each argument
// stays. runc sends its init a whole JSON file in this way.
//
// New in this lab: pipe.go in place of barrier.go, and environment.go.
//
// Further reading: pipe(7), execve(2), environ(7), close_range(2)
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
const lab = "lab05"

const usage = "usage: " + lab + " run [-ti] [-m 100m] [-swap] [-cpuset 1] [-cpushare 512] [-e KEY=VALUE]... [--] PROGRAM [ARGUMENT...]"

func main() {
	if len(os.Args) < 2 {
		exit(fail(125, "which command?\n%s", usage))
	}
	switch command, args := os.Args[1], os.Args[2:]; command {
	case "run":
		exit(run(args))
	case "init":
		exit(initContainer())
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
	var extra variables
	flags.Var(&extra, "e", "a variable for the environment, KEY=VALUE")
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
	cmd := containerProcess()
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if *ti {
		cmd.Stdin = os.Stdin
		defer foreground(cmd)()
	}
	p, err := newPipe(cmd)
	if err != nil {
		return err
	}
	if err := start(cmd); err != nil {
		return fail(125, "%v: namespaces need root (and at most 32 PID namespaces in one another)", err)
	}
	err = cmp.Or(p.send(cgs, cmd.Process.Pid, spec{flags.Args(), containerEnv(*ti, extra)}),
		wait(cmd)) // wait also after an error: init ends by itself then
	cgs[0].report()
	return err
}

// containerProcess prepares the process that will be the container's first.
//
// It is this same program, /proc/self/exe, called with the word init alone, in new namespaces.
func containerProcess() *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", "init")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS |
			syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
	}
	return cmd
}

// initContainer is what the container's first process does before it becomes the user's program.
func initContainer() error {
	if os.Getpid() != 1 {
		return fail(125, "init is for the inside of a container, `run` calls it: outside, it would remount your /proc")
	}
	s, err := receive()
	if err != nil {
		return err
	}
	if err := mountProc(); err != nil {
		return err
	}
	return become(s)
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
