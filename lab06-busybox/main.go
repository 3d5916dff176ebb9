// Lab06 gives the container a root of its own: `lab06 run -ti busybox sh`.
//
// Up to here the container still saw, and could change, every file of the host. An image is a stack
// of read-only directories, its layers. overlayfs shows a stack as one tree and puts what is
// written into one more directory on top. So a hundred containers share the files of an image, and
// each of them has just its own changes; that is why starting one takes no time and hardly any disk.
//
//	upper        what this container has written, deleted, changed     (read-write)
//	init         its /etc/hostname, /etc/hosts, /etc/resolv.conf
//	image layer  passwd and other settings
//	image layer  busybox
//
// init mounts the layers, /proc, /sys and a small /dev on top of them, and calls pivot_root(2): the
// merged tree becomes /, and the host's old / is unmounted, out of sight and out of reach. A
// container with a -name stays when it ends: `start` runs it again, `rm` removes it, and `layers`
// shows what is where.
//
// New in this lab: store.go (images and containers on disk), root.go (overlayfs, pivot_root),
// dev.go (a small /dev), layers.go (what each layer holds).
//
// Further reading: pivot_root(2), mount_namespaces(7),
// https://docs.kernel.org/filesystems/overlayfs.html
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
const lab = "lab06"

const usage = "usage: " + lab + ` run [-ti] [-m 100m] [-swap] [-cpuset 1] [-cpushare 512] [-e KEY=VALUE]... [-name NAME] [--] IMAGE [PROGRAM [ARGUMENT...]]
       ` + lab + ` start NAME    runs a container again
       ` + lab + ` layers NAME   shows what its layers hold
       ` + lab + ` rm NAME       removes it`

func main() {
	if len(os.Args) < 3 {
		exit(fail(125, "which command, on what?\n%s", usage))
	}
	if os.Getuid() != 0 {
		exit(fail(125, "images and containers belong to root: try sudo"))
	}
	syscall.Umask(0o022) // yours may be stricter, but a container has users of its own
	switch command, args := os.Args[1], os.Args[2:]; command {
	case "run":
		exit(run(args, nil))
	case "init":
		exit(initContainer(args[0]))
	case "start", "layers", "rm":
		if len(args) > 1 {
			exit(fail(125, "%s takes one name\n%s", command, usage))
		}
		c, err := openContainer(args[0])
		if err == nil {
			err = map[string]func(*container) error{"start": startAgain, "layers": showLayers, "rm": remove}[command](c)
		}
		exit(err)
	default:
		exit(fail(125, "there is no command %q\n%s", command, usage))
	}
}

// run starts a container and waits for it. Without a container c it makes one.
func run(args []string, c *container) (err error) {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	ti := flags.Bool("ti", false, "interactive: standard input, and the terminal if it is one")
	size := flags.String("m", "max", "memory limit")
	swap := flags.Bool("swap", false, "leave swap unlimited")
	cpus := flags.String("cpuset", "all", "processors to run on")
	shares := flags.String("cpushare", "usual", "share of the processors, a number; 1024 is the usual")
	var extra variables
	flags.Var(&extra, "e", "a variable for the environment, KEY=VALUE")
	name := flags.String("name", ".", "a name, to run the container again")
	if err := flags.Parse(args); err != nil {
		return fail(125, "%v\n%s", err, usage)
	}
	bytes, err := parseSize(*size)
	if err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return fail(125, "which image shall run?\n%s", usage)
	}
	img, err := openImage(flags.Arg(0))
	if err != nil {
		return err
	}
	program := flags.Args()[1:]
	if len(program) == 0 {
		program = img.Command
	}
	if len(program) == 0 {
		return fail(125, "which program shall run? The image %s names none\n%s", flags.Arg(0), usage)
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

	if c == nil {
		if c, err = createContainer(*name, flags.Arg(0), args); err != nil {
			return err
		}
		defer func() { c.forget(err) }()
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
	cmd := containerProcess(c.name)
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
	err = cmp.Or(p.send(cgs, cmd.Process.Pid, spec{program, containerEnv(*ti, extra)}),
		wait(cmd)) // wait also after an error: init ends by itself then
	cgs[0].report()
	return err
}

// startAgain runs an existing container with the arguments that it was made with.
func startAgain(c *container) error {
	args, err := c.command()
	if err != nil {
		return err
	}
	return run(args, c)
}

// containerProcess prepares the process that will be the container's first.
//
// It is this same program, /proc/self/exe, called with the word init, in new namespaces.
func containerProcess(name string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", "init", name)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS |
			syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
	}
	return cmd
}

// initContainer is what the container's first process does before it becomes the user's program.
func initContainer(name string) error {
	if os.Getpid() != 1 {
		return fail(125, "init is for the inside of a container, `run` calls it: outside, it would remount your /proc")
	}
	s, err := receive()
	if err != nil {
		return err
	}
	if err := (&container{name: name}).enterRoot(); err != nil {
		return err
	}
	return become(s)
}
