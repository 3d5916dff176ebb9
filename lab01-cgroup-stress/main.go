// Lab01 puts one workload into one cgroup with one memory limit. Nothing is isolated yet.
//
// A container runtime asks the kernel for two things: namespaces decide what a process can see,
// control groups (cgroups) decide how much it can use. This lab is about the second.
//
// A cgroup is a directory in a special file system. Making the directory makes the group, writing
// a number into one of its files sets a limit, writing a process number into cgroup.procs moves
// that process in, and rmdir removes the group again. There is no other interface: what this
// program does, a shell can do, and the guide beside this file does it by hand first.
//
//	lab01 run -m 100m stress --vm-bytes 200m --vm-keep -m 1
//
// goes through five steps, one function each:
//
//	memoryHierarchy  find the hierarchy that has the memory controller   (cgroup.go)
//	limit            write the limit                                     (cgroup.go)
//	command          start the workload so that it is in from the start  (main.go)
//	verdict          ask the kernel what happened                        (cgroup.go)
//	remove           kill, wait, rmdir                                   (cgroup.go)
//
// The other two commands are `lab01 hierarchy` (hierarchy.go), a tour of a hierarchy that has no
// controller, and `lab01 load` (load.go), a workload of the shape of stress.
//
// Further reading: cgroups(7), https://docs.kernel.org/admin-guide/cgroup-v2.html,
// https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// lab names this program in its messages and its cgroup.
const lab = "lab01"

const usage = `usage: lab01 run [-m 100m] [-swap] [-plot] [--] PROGRAM [ARGUMENT...]
       lab01 load --vm-bytes 200m [--step 10m --every 100ms]
       lab01 hierarchy`

func main() {
	if filepath.Base(os.Args[0]) == "stress" { // called through a link of that name
		exit(load(os.Args[1:]))
	}
	if len(os.Args) < 2 {
		exit(fail(125, "which command?\n%s", usage))
	}
	switch command, args := os.Args[1], os.Args[2:]; command {
	case "run":
		exit(run(args))
	case "load":
		exit(load(args))
	case "hierarchy":
		if len(args) > 0 {
			exit(fail(125, "hierarchy takes no arguments\n%s", usage))
		}
		exit(hierarchy())
	default:
		exit(fail(125, "there is no command %q\n%s", command, usage))
	}
}

// run makes a cgroup, runs the workload in it, tells what the kernel says of it, and removes it.
func run(args []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	size := flags.String("m", "max", "memory limit")
	swap := flags.Bool("swap", false, "leave swap unlimited")
	plot := flags.Bool("plot", false, "draw memory against the limit")
	if err := flags.Parse(args); err != nil {
		return fail(125, "%v\n%s", err, usage)
	}
	bytes, err := parseSize(*size)
	if err != nil {
		return err
	}
	program, err := workload(flags.Args())
	if err != nil {
		return err
	}

	cg, err := newCgroup()
	if err != nil {
		return err
	}
	defer cg.cleanUp()
	if err := cg.limit(bytes, *swap); err != nil {
		return err
	}

	cmd := command(cg, program)
	stop := func() {}
	if *plot {
		stop = drawMemory(cg, bytes)
	}
	if err := start(cmd); err != nil {
		return err
	}
	err = wait(cmd)
	stop()
	cg.report()
	return err
}

// workload finds the program to run. `load` stands for this program's own load, and so does
// `stress` where it isn't installed.
func workload(args []string) ([]string, error) {
	if len(args) == 0 {
		return nil, fail(125, "which program shall run?\n%s", usage)
	}
	path, err := findProgram(args[0])
	if args[0] == "load" || args[0] == "stress" && err != nil {
		if args[0] == "stress" {
			say("stress is not installed (apt-get install stress): lab01 load takes its place")
		}
		self, err := os.Executable()
		return append([]string{self, "load"}, args[1:]...), err
	}
	return append([]string{path}, args[1:]...), err
}

// Task 1.3: command prepares the workload so that it is in the cgroup before its first instruction.
//
// A process started first and moved afterwards runs free for a while, and whatever it
// starts in that time stays outside for good. So let a shell move itself, as you did by hand with
// `echo $$ > cgroup.procs`, and then become the workload: exec keeps the process, and with it the
// cgroup. Arguments must arrive as they are, also with spaces in them.
//
//lab:task 1.3
func command(cg *cgroup, program []string) *exec.Cmd {
	// $0 is the file and "$@" the program: passed as arguments, nothing needs quoting.
	script := `echo $$ > "$0" && exec "$@"`
	args := append([]string{"-c", script, filepath.Join(cg.dir, "cgroup.procs")}, program...)
	cmd := exec.Command("/bin/sh", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// drawMemory prints the cgroup's memory as a bar a line, ten times a second, until the function
// that it returns is called.
func drawMemory(cg *cgroup, limit int64) (stop func()) {
	const width = 50
	file := "memory.current"
	if !cg.v2 {
		file = "memory.usage_in_bytes"
	}
	quit, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for scale := limit; ; {
			select {
			case <-quit:
				return
			case <-time.After(100 * time.Millisecond):
			}
			used, _ := cg.number(file)
			scale = max(scale, used, 1)
			bar := int(used * width / scale)
			fmt.Fprintf(os.Stderr, "%10s |%-*.*s| %s\n", formatSize(used), width, bar, blocks, formatSize(scale))
		}
	}()
	return func() { close(quit); <-done }
}

const blocks = "##################################################"
