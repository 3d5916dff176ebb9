package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/engine/event"
	"jocker/final/engine/shim"
)

// A container is the one that this shim is for.
type container struct {
	*shim.Options
	clients *clients
	log     *log
	io      atomic.Pointer[stdio] // nil between two runs
	limits  *limits
	health  *health                 // nil if nothing is probed, and between two runs
	exits   map[int]unix.WaitStatus // of children that nobody has asked for yet
	halted  atomic.Bool             // somebody stops it
	revived atomic.Bool             // it is stopped in order to be started again
	pid     atomic.Int64            // of its first process, for signals; 0 if there is none
	netns   *os.File                // when it is over
	wakes   int                     // restarts without a good run between them
	reaper  reaper

	state shim.State // while the container runs, the probes' to change
	lock  sync.Mutex // for what clients change: the name, the restart policy
}

// up creates and starts the container.
func (c *container) up() (err error) {
	done := c.explain("make pipes for standard input, output and error, or a socket for the terminal", "pipe2(O_CLOEXEC)")
	io, err := openStdio(c.Options)
	if done(); err != nil {
		return err
	}
	c.io.Store(io)
	pidFile := c.RunDir + "/pid"
	args := []string{"create", "--bundle", c.Dir, "--pid-file", pidFile}
	if c.TTY {
		args = append(args, "--console-socket", io.socketPath())
	}
	if c.Explain != "" && strings.HasSuffix(c.Runtime, "/jocker-runtime") {
		args = append(args, "--explain-to", c.Explain)
	}
	c.explain("execute the runtime: create; init gets ready, and waits", "execve(\""+c.Runtime+"\")")()
	if err = c.runtime(io.files(), append(args, c.ID)...); err != nil {
		return err
	}
	data, err := os.ReadFile(pidFile)
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return fmt.Errorf("the runtime's pid file: %w", err)
	}
	c.state.PidStart, _ = shim.StartTime(pid)
	c.limits = findLimits(pid)
	if err = io.created(); err != nil {
		return err
	}
	c.state.Pid = pid
	if err = c.save(); err != nil { // if we are killed, others know that there is a process
		return err
	}
	done = c.explain("execute the runtime: start; init lets go of what it still has, and becomes the program", "execve(\""+c.Runtime+"\"); in the container: execve(PROGRAM)")
	if err = c.runtime(nil, "start", c.ID); err != nil {
		return err
	}
	done()
	c.Explain = "" // one start is enough
	c.state.Status, c.state.Error = shim.Running, ""
	c.state.ExitCode, c.state.OOMKilled, c.state.KilledBy = 0, false, ""
	c.state.StartedAt, c.state.FinishedAt = time.Now(), time.Time{}
	c.pid.Store(int64(pid))
	if c.Health.Interval != 0 {
		c.state.Health, c.state.FailingStreak = shim.Starting, 0
	}
	if err = c.save(); err != nil {
		return err
	}
	c.event("start")
	if c.Health.Interval != 0 {
		c.health = startHealth(c)
	}
	return nil
}

// down waits for the end of the container, and says whether it is to be started again; by then it is time.
func (c *container) down() (again bool) {
	status := c.wait(c.state.Pid)
	c.pid.Store(0)
	if c.health != nil {
		c.health.end()
		c.health = nil
	}
	c.state.ExitCode = exitCode(status)
	c.state.FinishedAt = time.Now()
	c.state.OOMKilled, c.state.KilledBy = c.limits.verdict(status)
	if c.state.OOMKilled {
		c.event("oom")
	}
	c.cleanUp()
	c.state.Pid, c.state.PidStart = 0, 0
	c.state.Stopped = c.halted.Load()
	if c.state.Health != "" {
		c.state.Health = shim.Unhealthy // as Docker has it: who does not run is not well
	}
	again = c.restarts()
	if !again {
		c.state.Status = shim.Exited
		c.letGo()
	}
	c.event("die", "execDuration", strconv.Itoa(int(c.state.FinishedAt.Sub(c.state.StartedAt).Seconds())), "exitCode", strconv.Itoa(c.state.ExitCode))
	if !again {
		c.save()
		return false
	}
	c.state.Status = shim.Waiting
	c.state.Restarts++
	c.save()
	c.clients.broadcast([]byte{shim.Exit, byte(c.state.ExitCode), 1})
	select {
	case <-time.After(c.delay()):
	case <-c.clients.halt:
	}
	if c.halted.Load() {
		c.state.Status, c.state.Stopped = shim.Exited, true
		c.letGo()
		c.save()
		return false
	}
	return true
}

// restarts says whether the restart policy wants the container back.
func (c *container) restarts() bool {
	if c.halted.Load() {
		return false
	}
	if c.revived.Swap(false) {
		return true
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	switch c.Restart {
	case "always", "unless-stopped":
		return true
	case "on-failure":
		return c.state.ExitCode != 0 && (c.MaxRetries == 0 || c.state.Restarts < c.MaxRetries)
	}
	return false
}

// delay is how long to wait before a restart: 100 ms, twice that the next time, a minute at most; and from the beginning
// if the container has run for ten seconds. A program that can't start must not keep the machine busy.
func (c *container) delay() time.Duration {
	if c.state.FinishedAt.Sub(c.state.StartedAt) > 10*time.Second {
		c.wakes = 0
	}
	c.wakes++
	return min(100*time.Millisecond<<min(c.wakes-1, 10), time.Minute)
}

// cleanUp ends what is left of the container, and takes what it has written.
func (c *container) cleanUp() {
	if err := c.runtime(nil, "delete", "--force", c.ID); err != nil && c.state.Status == shim.Running {
		c.state.Error = err.Error()
	}
	if io := c.io.Swap(nil); io != nil {
		io.close()
	}
}

// letGo gives back what a container has only while it runs: ports of the host, and the network name space, with which the kernel
// removes interfaces and address.
func (c *container) letGo() {
	for i := 0; i < c.Held; i++ {
		unix.Close(firstHeld + i)
	}
	if len(c.Cables) > 0 {
		c.netns, _ = os.Open(c.RunDir + "/netns") // until we have removed the cable its name is ours
	}
	unix.Unmount(c.RunDir+"/netns", unix.MNT_DETACH)
}

// end tells everybody that it is over.
func (c *container) end() error {
	trash := c.remove()
	if trash != "" {
		c.event("destroy")
	}
	c.clients.close([]byte{shim.Exit, byte(c.state.ExitCode), 0})
	c.cutOff()
	if trash != "" { // nobody has to wait for this
		unix.Unmount(trash+"/rootfs", unix.MNT_DETACH)
		os.RemoveAll(trash)
	}
	return nil
}

// save writes the state down.
func (c *container) save() error { return c.state.Save(c.Dir + "/state.json") }

// event tells those who look on what has happened. That they can't be told stops nothing.
func (c *container) event(action string, more ...string) {
	c.lock.Lock()
	pairs := append([]string{"image", c.Image, "name", c.Name}, more...)
	c.lock.Unlock()
	event.Log(c.Events).Append(event.Event{Type: "container", Action: action, ID: c.ID, Attributes: event.Pairs(pairs...)})
}

// terminate asks the container to stop, and kills it when its time is over.
func (c *container) terminate() {
	pid := c.pid.Load()
	if pid == 0 {
		return
	}
	unix.Kill(int(pid), unix.Signal(c.StopSignal))
	if c.StopTimeout < 0 {
		return
	}
	time.AfterFunc(time.Duration(c.StopTimeout)*time.Second, func() {
		if c.pid.Load() == pid {
			unix.Kill(int(pid), unix.SIGKILL)
		}
	})
}

// remove removes the container, if it is to go with its end, and returns where its files are now.
func (c *container) remove() (trash string) {
	if c.Trash == "" {
		os.Remove(c.RunDir + "/shim.sock")
		return ""
	}
	// A command that has the lock is at work on the container.
	if lock, err := os.OpenFile(c.Dir+"/lock", os.O_RDWR|os.O_CREATE, 0o600); err == nil {
		unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	trash = c.Trash + "/" + c.ID
	os.Rename(c.Dir, trash)
	for _, path := range append(append([]string{}, c.Remove...), c.RunDir) {
		os.RemoveAll(path)
	}
	return trash
}

// runtime executes the OCI runtime. The error is what it has to say.
func (c *container) runtime(files []uintptr, args ...string) error {
	logFile := c.RunDir + "/runtime.log"
	os.Remove(logFile)
	argv := []string{c.Runtime, "--root", c.Root, "--log", logFile, "--log-format", "json"}
	if c.Systemd {
		argv = append(argv, "--systemd-cgroup")
	}
	pid, err := spawn(c.Runtime, append(argv, args...), files)
	if err != nil {
		return fmt.Errorf("the runtime %s: %w", c.Runtime, err)
	}
	if status := c.wait(pid); status != 0 {
		return &runtimeError{args[0], lastMessage(logFile, status)}
	}
	return nil
}

// A runtimeError is a failure of the runtime.
type runtimeError struct{ command, text string }

func (e *runtimeError) Error() string {
	return "OCI runtime " + e.command + " failed: " + e.text
}

// lastMessage returns the last message of a runtime's log, whose lines are JSON objects with a "msg".
func lastMessage(path string, status unix.WaitStatus) string {
	data, _ := os.ReadFile(path)
	const key = `"msg":`
	if i := bytes.LastIndex(data, []byte(key)); i >= 0 {
		rest := string(bytes.TrimLeft(data[i+len(key):], " "))
		if quoted, err := strconv.QuotedPrefix(rest); err == nil {
			if text, err := strconv.Unquote(quoted); err == nil {
				return strings.TrimSpace(text)
			}
		}
		return rest
	}
	return "it ended with code " + strconv.Itoa(exitCode(status)) + " and said nothing"
}
