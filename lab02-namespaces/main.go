// Lab02 gives the workload a world of its own: namespaces.
//
// A cgroup limits how much a process can use; a namespace decides what it can see. The kernel
// keeps its global things, such as the host name, the table of processes, the table of mounts and
// the network devices, in namespaces, and every process points to one of each kind. A process in
// a new namespace has a table of its own, and what it changes there nobody else sees.
//
//	lab02 -uts -pid -mnt -m 100m stress --vm-bytes 200m --vm-keep -m 1
//
// clone(2) makes a process, and its flags make it in new namespaces. But somebody has to do things
// inside before the workload starts, and Go can't run code between clone and exec. So the program
// clones *itself*: the parent starts /proc/self/exe, which is this same program, with the same
// arguments, and the child knows by its name that it is the child.
//
//	parent                                child (os.Args[0] is "/proc/self/exe")
//	  clone with flags  ----------------->  waits at the barrier
//	  moves the child into the cgroup       :
//	  opens the barrier  ---------------->  finishes its namespaces, shows the table
//	  waits                                 runs the workload and waits
//	  verdict, remove                       exits with the workload's code
//
// New in this lab: main.go, namespace.go and barrier.go. The cgroup is lab01's.
//
// Further reading: namespaces(7), clone(2), user_namespaces(7), mount_namespaces(7)
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
const lab = "lab02"

const usage = "usage: " + lab + " [-uts] [-ipc] [-pid] [-mnt] [-net] [-user] [-cgroup] [-m 100m] [-swap] [--] PROGRAM [ARGUMENT...]"

const needsRoot = "new namespaces need root; an ordinary user adds -user, unless the machine forbids that too"

// options is the command line. Parent and child read the same one.
type options struct {
	own     map[string]*bool // the namespaces asked for, by kind
	memory  int64            // bytes, 0 for no limit
	swap    bool
	program []string
}

func main() {
	opts, err := parse(os.Args[1:])
	if err != nil {
		exit(err)
	}
	if os.Args[0] == "/proc/self/exe" {
		exit(child(opts)) // exit ends the child here: it must not go on as a parent
	}
	exit(parent(opts))
}

// parse reads the command line.
func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet(lab, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	o.own = map[string]*bool{}
	for _, kind := range kinds {
		o.own[kind] = flags.Bool(kind, false, "")
	}
	size := flags.String("m", "max", "memory limit")
	flags.BoolVar(&o.swap, "swap", false, "leave swap unlimited")
	if err := flags.Parse(args); err != nil {
		return o, fail(125, "%v\n%s", err, usage)
	}
	if o.memory, err = parseSize(*size); err != nil {
		return o, err
	}
	if flags.NArg() == 0 {
		return o, fail(125, "which program shall run?\n%s", usage)
	}
	path, err := findProgram(flags.Arg(0))
	o.program = append([]string{path}, flags.Args()[1:]...)
	return o, err
}

// parent makes the child, moves it into its cgroup, lets it go, and waits for it.
func parent(o options) error {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), outside+"="+inodes())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: cloneFlags(o.own)}
	if *o.own["user"] {
		mapUser(cmd.SysProcAttr, os.Getuid(), os.Getgid())
	}

	// Without -pid the cgroup is also the only complete list of what the workload has started, and
	// what we need to end all of it. An ordinary user can't make one.
	var cgs []*cgroup
	if o.memory > 0 || !*o.own["pid"] && os.Getuid() == 0 {
		cg, err := newCgroup()
		if err != nil {
			return err
		}
		defer cg.cleanUp()
		if err := cg.limit(o.memory, o.swap); err != nil {
			return err
		}
		defer cg.report()
		cgs = append(cgs, cg)
	}

	b, err := newBarrier(cmd)
	if err != nil {
		return err
	}
	if err := start(cmd); err != nil {
		return fail(125, "%v: "+needsRoot, err)
	}
	return cmp.Or(b.open(cgs, cmd.Process.Pid), wait(cmd)) // wait also after an error: the child ends by itself then
}

// child is the program's second life, in the new namespaces.
func child(o options) error {
	table := os.Getenv(outside)
	os.Unsetenv(outside)
	if err := waitAtBarrier(); err != nil {
		return err
	}
	if err := finishNamespaces(o.own); err != nil {
		return err
	}
	showNamespaces(table, inodes())

	cmd := exec.Command(o.program[0], o.program[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := start(cmd); err != nil {
		return fail(126, "%v", err)
	}
	return wait(cmd)
}
