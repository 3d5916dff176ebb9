// Jocker-runtime is an OCI runtime: it makes a container from a bundle. Its command line is runc's, so
// that Docker, containerd, Podman and people can call it in runc's place.
//
// Synopsis:
//
//	jocker-runtime [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]
//
// Description:
//
//	A bundle is a directory with a config.json and a rootfs; `jocker-runtime spec` makes a config.json
//	to start from. The life of a container: `create`, `start`, `kill`, `delete`, or `run` for all in one. Without
//	arguments it lists the commands; COMMAND --help lists a command's options.
//
// Global options:
//
//	--root DIR           where the containers' states are kept (/run/jocker-runtime)
//	--log FILE           where errors are written, besides standard error
//	--log-format FORMAT  text or json
//	--debug              write each step to the log too
//	--systemd-cgroup     let systemd make the cgroup: cgroupsPath is slice:prefix:name
//	--rootless MODE      true, false or auto: whether limits that an ordinary user can't set are an error
//
// Exit codes: that of the container's program for `run` and `exec`; 1 if the runtime failed, 255 if `exec` did.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"jocker/final/runtime/container"
)

// version is the runtime's own.
const version = "0.1.0"

func init() {
	// Init's steps are made by the main thread, for it is the one that execve leaves, and the one that
	// /proc/PID shows. The runtime has no need of that, and it would cost it a thread and some switches.
	if container.IsInit() {
		runtime.LockOSThread()
	}
}

func main() {
	if container.IsInit() { // with GOGC=off in its environment
		os.Exit(container.Init())
	}
	debug.SetGCPercent(-1) // gone before there is anything to collect
	os.Exit(run(os.Args[1:]))
}

// global are the global options.
type global struct {
	root      string
	log       string
	logFormat string
	debug     bool
	systemd   bool
	rootless  string
}

// A command is a command of the command line.
type command struct {
	name, args, what string
	// run carries it out. The exit code counts if there is no error.
	run func(g *global, f *flag.FlagSet, args []string) (int, error)
	// failed is the exit code after an error, if it is not 1.
	failed int
}

func commands() []command {
	return []command{
		{"create", "[OPTIONS] ID", "make a container from a bundle", create, 0},
		{"start", "ID", "start the program of a container that was created", start, 0},
		{"run", "[OPTIONS] ID", "create and start a container, and wait for its end", runContainer, 0},
		{"exec", "[OPTIONS] ID COMMAND [ARGUMENT...]", "run a further program in a container", execute, 255},
		{"state", "ID", "print the state of a container", printState, 0},
		{"kill", "[OPTIONS] ID [SIGNAL]", "send a signal to a container (TERM)", kill, 0},
		{"delete", "[OPTIONS] ID", "remove a container that has ended", remove, 0},
		{"list", "[OPTIONS]", "list the containers", list, 0},
		{"ps", "[OPTIONS] ID [PS OPTION...]", "list the processes of a container", ps, 0},
		{"pause", "ID", "freeze all processes of a container", pause, 0},
		{"resume", "ID", "thaw them", resume, 0},
		{"update", "[OPTIONS] ID", "change the limits of a container", update, 0},
		{"events", "[OPTIONS] ID", "print what a container uses, and when memory runs out", events, 0},
		{"spec", "[OPTIONS]", "write a config.json to start from", spec, 0},
		{"features", "", "print what this runtime knows, as JSON", printFeatures, 0},
	}
}

// run carries out a command line and returns the exit code.
func run(args []string) int {
	g := &global{}
	f := flag.NewFlagSet("jocker-runtime", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&g.root, "root", "", "where the containers' states are kept (default "+container.DefaultRoot()+")")
	f.StringVar(&g.log, "log", "", "a file to which errors are written, besides standard error")
	f.StringVar(&g.logFormat, "log-format", "text", "text or json")
	f.BoolVar(&g.debug, "debug", false, "write each step to the log too")
	f.BoolVar(&g.systemd, "systemd-cgroup", false, "let systemd make the cgroup: cgroupsPath is slice:prefix:name")
	f.StringVar(&g.rootless, "rootless", "auto", "true, false or auto: whether limits that an ordinary user can't set are an error")
	var showVersion bool
	f.BoolVar(&showVersion, "version", false, "print the version")
	f.BoolVar(&showVersion, "v", false, "print the version")
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		usage(os.Stdout, f)
		return 0
	case err == nil && showVersion:
		printVersion(os.Stdout)
		return 0
	case err == nil && f.NArg() == 0:
		usage(os.Stderr, f)
		return 1
	case err == nil && g.logFormat != "text" && g.logFormat != "json":
		err = fmt.Errorf("--log-format %s: it is text or json", g.logFormat)
	case err == nil && g.rootless != "auto" && g.rootless != "true" && g.rootless != "false":
		err = fmt.Errorf("--rootless %s: it is true, false or auto", g.rootless)
	}
	if err != nil {
		return g.fail("", err, 1)
	}
	if g.root == "" {
		g.root = container.DefaultRoot()
	}
	switch f.Arg(0) {
	case "help":
		usage(os.Stdout, f)
		return 0
	case "version":
		printVersion(os.Stdout)
		return 0
	}
	for _, c := range commands() {
		if c.name != f.Arg(0) {
			continue
		}
		flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		code, err := c.run(g, flags, f.Args()[1:])
		if errors.Is(err, flag.ErrHelp) {
			fmt.Printf("usage: jocker-runtime %s %s\n\n%s\n\n", c.name, c.args, c.what)
			flags.SetOutput(os.Stdout)
			flags.PrintDefaults()
			return 0
		}
		if err != nil {
			return g.fail(c.name, err, max(c.failed, 1))
		}
		return code
	}
	return g.fail("", fmt.Errorf("there is no command %q; without arguments, jocker-runtime lists them", f.Arg(0)), 1)
}

func usage(w io.Writer, f *flag.FlagSet) {
	fmt.Fprintln(w, "usage: jocker-runtime [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]")
	fmt.Fprintln(w)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s %-36s %s\n", c.name, c.args, c.what)
	}
	fmt.Fprintln(w, "\nGlobal options:")
	f.SetOutput(w)
	f.PrintDefaults()
}

// parse reads a command's options, which may stand before and behind its arguments, and checks how
// many of those there are. most is -1 if there is no limit.
func parse(f *flag.FlagSet, args []string, least, most int) ([]string, error) {
	var rest []string
	for {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		if f.NArg() == 0 {
			break
		}
		rest = append(rest, f.Arg(0))
		args = f.Args()[1:]
	}
	return rest, count(f.Name(), rest, least, most)
}

// count checks how many arguments there are.
func count(name string, args []string, least, most int) error {
	if len(args) < least || most >= 0 && len(args) > most {
		for _, c := range commands() {
			if c.name == name {
				return fmt.Errorf("%d arguments; usage: jocker-runtime %s %s", len(args), c.name, c.args)
			}
		}
	}
	return nil
}

// both gives an option a second, short name.
func both[T any](add func(p *T, name string, value T, usage string), p *T, long, short string, value T, usage string) {
	add(p, long, value, usage)
	add(p, short, value, "the same as --"+long)
}
