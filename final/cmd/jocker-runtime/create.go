package main

import (
	"flag"
	"os"

	"jocker/final/runtime/container"
)

// createFlags are the options that create and run have in common.
func createFlags(g *global, f *flag.FlagSet) *container.Options {
	o := &container.Options{Root: g.root, Systemd: g.systemd, Rootless: g.rootless, Warn: g.warn, Say: g.say}
	both(f.StringVar, &o.Bundle, "bundle", "b", ".", "the directory with config.json")
	f.StringVar(&o.ConsoleSocket, "console-socket", "", "a unix socket that receives the master side of the container's terminal")
	f.StringVar(&o.PidFile, "pid-file", "", "a file into which the process id of the container's first process is written")
	f.BoolVar(&o.NoPivot, "no-pivot", false, "use chroot in place of pivot_root, which cannot be on a ramdisk; less safe")
	f.BoolVar(&o.NoNewKeyring, "no-new-keyring", false, "leave the container in the caller's session keyring")
	f.IntVar(&o.PreserveFDs, "preserve-fds", 0, "hand `N` more file descriptors to the container, from 3 on")
	var explain, dry bool
	var to string
	f.BoolVar(&explain, "explain", false, "print each step as it is made")
	f.StringVar(&to, "explain-to", "", "as --explain, but the steps are added to a file: standard error may be the container's")
	f.BoolVar(&dry, "dry-run", false, "print the steps, and make none")
	o.Explaining = func() *container.Explain {
		if !explain && !dry && to == "" {
			return nil
		}
		w := os.Stderr
		if to != "" {
			if f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err == nil {
				w = f // closed by our end
			}
		}
		if dry {
			w = os.Stdout // it is what was asked for
		}
		return &container.Explain{W: w, Dry: dry}
	}
	return o
}

func create(g *global, f *flag.FlagSet, args []string) (int, error) {
	o := createFlags(g, f)
	args, err := parse(f, args, 1, 1)
	if err != nil {
		return 0, err
	}
	o.ID = args[0]
	_, err = container.Create(o)
	return 0, err
}

func start(g *global, f *flag.FlagSet, args []string) (int, error) {
	c, err := open(g, f, args)
	if err != nil {
		return 0, err
	}
	return 0, c.Start()
}

func runContainer(g *global, f *flag.FlagSet, args []string) (int, error) {
	o := createFlags(g, f)
	var r container.RunOptions
	both(f.BoolVar, &r.Detach, "detach", "d", false, "do not wait for the end")
	f.BoolVar(&r.Keep, "keep", false, "do not remove the container when it has ended")
	f.BoolVar(&r.NoSubreaper, "no-subreaper", false, "do not inherit what the container's processes leave behind")
	args, err := parse(f, args, 1, 1)
	if err != nil {
		return 0, err
	}
	o.ID = args[0]
	return container.Run(o, r)
}

// open opens the container that is a command's only argument.
func open(g *global, f *flag.FlagSet, args []string) (*container.Container, error) {
	args, err := parse(f, args, 1, 1)
	if err != nil {
		return nil, err
	}
	return container.Open(g.root, args[0])
}
