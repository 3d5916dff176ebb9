// Jocker-shim stays with one container: it keeps its output, waits for its end, restarts it, and writes down how it ended.
//
// Synopsis:
//
//	jocker-shim -id ID -dir DIR -run DIR -runtime PROGRAM -root DIR [OPTIONS]
//	jocker-shim init -- PROGRAM [ARGUMENT...]
//	jocker-shim drain <TERMINAL
//
// Description:
//
//	`jocker run` and `jocker start` start it; nobody else has reason to. DIR is an OCI bundle whose root file system is
//	mounted. The shim executes an OCI runtime on it: create, start, and delete in the end. It is the parent of the container's
//	first process without having made it: the runtime makes it and exits, and orphans go to the nearest ancestor that is a
//	"child subreaper" (prctl(2)). Only a parent learns an exit code.
//
//	File descriptor 3 is a socket to whoever started it: it tells that the container runs, or why not, and is then a client like
//	those that connect to shim.sock (see package shim, which also has all options). File descriptor 4 is the container's lock,
//	until the container runs.
//
// How to read it:
//
//	life.go    create, start, wait, delete, again
//	reap.go    children and their ends
//	health.go  how it is: probes
//	stdio.go   pipes and terminals
//	log.go     the log and its rotation
//	client.go  who is attached
//	limit.go   which limit killed it
//	init.go    something else: the first process of a container with --init
//	linger.go  what is left to do when the container is gone
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"jocker/final/engine/shim"
)

func main() {
	// There are as many shims as containers: garbage is collected early.
	debug.SetGCPercent(20)
	if len(os.Args) > 1 && os.Args[1] == "init" {
		os.Exit(initProcess(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "drain" {
		// Somebody pressed the detach keys of an `exec`: the program would be hung up on if nobody had its terminal.
		io.Copy(io.Discard, os.Stdin)
		return
	}
	o, err := shim.Parse(os.Args[1:])
	if err == nil {
		keep(o.Held)
		if err = run(o); err == nil {
			err = linger(o)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "jocker-shim:", err)
		os.Exit(1)
	}
}

// lockFD is the container's lock, as the command that started us has it.
const lockFD = 4

// run is the whole life of the shim.
func run(o *shim.Options) error {
	// What ends a terminal's session, or the command that started us, is not meant for us. It is caught and not
	// ignored, because a program inherits what is ignored, and the container would not hear SIGTERM either.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGTSTP)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl(PR_SET_CHILD_SUBREAPER)", err)
	}
	unix.CloseOnExec(lockFD)
	c := &container{Options: o, clients: newClients(), exits: map[int]unix.WaitStatus{}}
	c.state.Status, c.state.Shim = shim.Created, os.Getpid()
	c.state.ShimStart, _ = shim.StartTime(c.state.Shim)
	c.state.Restarts = o.Restarts
	starter := c.clients.add(shim.NewConn(3), shim.WantOutput|shim.WantInput)
	if err := c.clients.listen(o.RunDir); err != nil {
		return c.giveUp(starter, err)
	}
	var err error
	if c.log, err = openLog(o.Dir+"/log", o.LogSize, o.LogFiles); err != nil {
		return c.giveUp(starter, err)
	}
	if err := c.up(); err != nil {
		return c.giveUp(starter, err)
	}
	unix.Close(lockFD)
	starter.send(append([]byte{shim.Started}, fmt.Sprint(c.state.Pid)...))
	go c.clients.serve(starter, c)
	go c.clients.accept(c)
	for {
		c.io.Load().copy(c.log, c.clients) // after Started: a client hears that first
		again := c.down()
		if !again {
			break
		}
		if err := c.up(); err != nil {
			c.cleanUp()
			c.state.Error, c.state.Status, c.state.Pid, c.state.PidStart = err.Error(), shim.Exited, 0, 0
			c.letGo()
			c.save()
			break
		}
	}
	return c.end()
}

// giveUp tells the starter why the container does not run, and leaves nothing running.
func (c *container) giveUp(starter *client, err error) error {
	c.cleanUp()
	c.letGo()
	c.state.Status, c.state.Error, c.state.ExitCode = shim.Created, err.Error(), shim.FailureCode(err.Error())
	c.state.Pid, c.state.PidStart = 0, 0
	c.save()
	os.Remove(c.RunDir + "/shim.sock")
	unix.Close(lockFD)
	// Whoever started us holds the container's lock, and removes the container if it is to go with its end.
	starter.send(append([]byte{shim.Failed, byte(c.state.ExitCode)}, err.Error()...))
	c.cutOff()
	return nil
}
