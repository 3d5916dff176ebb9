package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"

	"jocker/final/runtime/bundle"
	"jocker/final/runtime/container"
)

// words is an option that may be there several times.
type words []string

func (w *words) String() string { return fmt.Sprint(*w) }

func (w *words) Set(text string) error {
	*w = append(*w, text)
	return nil
}

func execute(g *global, f *flag.FlagSet, args []string) (int, error) {
	o := &container.ExecOptions{}
	var process string
	var env, caps, groups words
	var explain bool
	both(f.StringVar, &process, "process", "p", "", "a file with the process, as in config.json")
	both(func(p *words, name string, _ words, usage string) { f.Var(p, name, usage) }, &env, "env", "e", nil, "a variable more, `NAME=VALUE`")
	both(func(p *words, name string, _ words, usage string) { f.Var(p, name, usage) }, &caps, "cap", "c", nil, "a capability more")
	both(func(p *words, name string, _ words, usage string) { f.Var(p, name, usage) }, &groups, "additional-gids", "g", nil, "a group more, by its number")
	f.StringVar(&o.Cwd, "cwd", "", "the working directory in the container")
	both(f.StringVar, &o.User, "user", "u", "", "who to be: `UID[:GID]` or names of the container's")
	both(f.BoolVar, &o.Tty, "tty", "t", false, "give it a terminal")
	both(f.BoolVar, &o.Detach, "detach", "d", false, "do not wait for the end")
	f.BoolVar(&o.NoNewPrivs, "no-new-privs", false, "let it gain no privileges")
	f.BoolVar(&o.IgnorePaused, "ignore-paused", false, "also in a paused container, where it waits for resume")
	f.StringVar(&o.Apparmor, "apparmor", "", "its AppArmor profile")
	f.StringVar(&o.ProcessLabel, "process-label", "", "its SELinux label")
	f.StringVar(&o.Cgroup, "cgroup", "", "a cgroup below the container's own, in which it is to run")
	f.StringVar(&o.ConsoleSocket, "console-socket", "", "a unix socket that receives the master side of its terminal")
	f.StringVar(&o.PidFile, "pid-file", "", "a file into which its process id is written")
	f.IntVar(&o.PreserveFDs, "preserve-fds", 0, "hand `N` more file descriptors to it, from 3 on")
	f.BoolVar(&explain, "explain", false, "print each step as it is made")
	if err := f.Parse(args); err != nil { // what follows the id is the command
		return 0, err
	}
	if err := count("exec", f.Args(), 1, -1); err != nil {
		return 0, err
	}
	o.Env, o.Caps, o.Args = env, caps, f.Args()[1:]
	for _, text := range groups {
		gid, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("--additional-gids %s: a number is wanted", text)
		}
		o.Groups = append(o.Groups, uint32(gid))
	}
	switch {
	case process != "":
		p, err := bundle.LoadProcess(process)
		if err != nil {
			return 0, fmt.Errorf("--process: %w", err)
		}
		o.Process = p
	case len(o.Args) == 0:
		return 0, errors.New("which command shall run? usage: jocker-runtime exec [OPTIONS] ID COMMAND [ARGUMENT...]")
	}
	if explain {
		o.Explain = &container.Explain{W: os.Stderr}
	}
	c, err := container.Open(g.root, f.Arg(0))
	if err != nil {
		return 0, err
	}
	return c.Exec(o)
}
