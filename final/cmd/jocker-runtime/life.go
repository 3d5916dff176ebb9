package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/container"
	"jocker/final/runtime/state"
)

func kill(g *global, f *flag.FlagSet, args []string) (int, error) {
	var all bool
	both(f.BoolVar, &all, "all", "a", false, "send the signal to all processes of the container")
	args, err := parse(f, args, 1, 2)
	if err != nil {
		return 0, err
	}
	signal := unix.SIGTERM
	if len(args) == 2 {
		if signal, err = parseSignal(args[1]); err != nil {
			return 0, err
		}
	}
	c, err := container.Open(g.root, args[0])
	if err != nil {
		return 0, err
	}
	return 0, c.Kill(signal, all)
}

// parseSignal takes a number, or a name with or without SIG before it.
func parseSignal(text string) (unix.Signal, error) {
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 || n > 64 {
			return 0, fmt.Errorf("there is no signal %d: they are 1 to 64", n)
		}
		return unix.Signal(n), nil
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if s := unix.SignalNum(name); s != 0 {
		return s, nil
	}
	return 0, fmt.Errorf("there is no signal %q: a number, or a name such as TERM or SIGTERM, is wanted", text)
}

func remove(g *global, f *flag.FlagSet, args []string) (int, error) {
	var force bool
	both(f.BoolVar, &force, "force", "f", false, "end the container first if it has not ended")
	args, err := parse(f, args, 1, 1)
	if err != nil {
		return 0, err
	}
	c, err := container.Open(g.root, args[0])
	if err == nil {
		err = c.Delete(force, g.say)
	}
	if force && errors.Is(err, state.ErrNotExist) {
		return 0, nil
	}
	if force && c == nil && err != nil && state.CheckID(args[0]) == nil {
		// a state that cannot be read: at least what can be removed without it
		return 0, errors.Join(err, os.RemoveAll(filepath.Join(g.root, args[0])))
	}
	return 0, err
}

func pause(g *global, f *flag.FlagSet, args []string) (int, error) {
	c, err := open(g, f, args)
	if err != nil {
		return 0, err
	}
	return 0, c.Pause()
}

func resume(g *global, f *flag.FlagSet, args []string) (int, error) {
	c, err := open(g, f, args)
	if err != nil {
		return 0, err
	}
	return 0, c.Resume()
}
