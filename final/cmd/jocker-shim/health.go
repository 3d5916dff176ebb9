package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/engine/shim"
)

// A health asks a container from time to time how it is, by a program in it: exit code 0 is well. That a process runs says
// little; a web server that hangs does so too.
//
// It does what Docker's daemon does for its containers (HEALTHCHECK in a Dockerfile), and what to do about an unhealthy one
// besides telling (--health-on-failure) is Podman's. The probe is executed by the OCI runtime, like `jocker exec`, so that it is in
// the container's name spaces and under its limits; between two probes there is nothing but a timer.
type health struct {
	c     *container
	over  chan struct{} // closed when the container has ended
	done  chan struct{} // closed when nothing of the health is left
	log   [][]byte      // the last probes, as JSON
	acted bool          // what is to be done about an unhealthy container has been
}

const (
	maxOutput = 4096 // bytes of a probe's output that are kept
	maxProbes = 5    // as many probes are remembered
)

func startHealth(c *container) *health {
	h := &health{c: c, over: make(chan struct{}), done: make(chan struct{})}
	os.Remove(c.Dir + "/health.json")
	go h.run()
	return h
}

// end ends it with the container. It does not wait for a probe that is running: who calls is the one that reaps it.
func (h *health) end() {
	close(h.over)
	<-h.done
}

func (h *health) run() {
	defer close(h.done)
	begun := time.Now()
	for {
		starting := h.c.state.Health == shim.Starting && time.Since(begun) < h.c.Health.StartPeriod
		interval := h.c.Health.Interval
		if starting {
			interval = h.c.Health.StartInterval
		}
		select {
		case <-time.After(interval):
		case <-h.over:
			return
		}
		if _, err := os.Stat(h.c.Dir + "/paused"); err == nil {
			continue // a probe would freeze, too
		}
		start := time.Now()
		code, output, ok := h.probe()
		if !ok {
			return
		}
		h.remember(start, time.Now(), code, output)
		h.judge(code, starting)
	}
}

// probe executes the probe. ok is false if the container has ended meanwhile.
func (h *health) probe() (code int, output string, ok bool) {
	c := h.c
	r, w, err := os.Pipe()
	if err != nil {
		return -1, err.Error(), true
	}
	defer r.Close()
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		w.Close()
		return -1, err.Error(), true
	}
	pidFile := c.RunDir + "/probe.pid"
	os.Remove(pidFile)
	pid, ended, err := c.reaper.spawn(c.Runtime, []string{c.Runtime, "--root", c.Root, "exec", "--process", c.Dir + "/" + shim.ProbeFile, "--pid-file", pidFile, c.ID},
		[]uintptr{null.Fd(), w.Fd(), w.Fd()})
	null.Close()
	w.Close()
	if err != nil {
		return -1, err.Error(), true
	}
	text := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(io.LimitReader(r, maxOutput))
		text <- string(b)
		io.Copy(io.Discard, r)
	}()
	timeout := time.NewTimer(c.Health.Timeout)
	defer timeout.Stop()
	select {
	case status := <-ended:
		// Something that the probe has left running may still hold the pipe.
		r.SetReadDeadline(time.Now().Add(patience))
		return exitCode(status), <-text, true
	case <-h.over:
		unix.Kill(pid, unix.SIGKILL)
		return 0, "", false
	case <-timeout.C:
	}
	// Its own process goes first: when the runtime has gone nobody would know which it was.
	if data, err := os.ReadFile(pidFile); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && pid > 0 {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
	unix.Kill(pid, unix.SIGKILL)
	r.SetReadDeadline(time.Now())
	select {
	case <-ended:
	case <-h.over:
		return 0, "", false
	}
	return -1, "Health check exceeded timeout (" + c.Health.Timeout.String() + "): " + <-text, true
}

// remember keeps the last probes in health.json, for `inspect`.
func (h *health) remember(start, end time.Time, code int, output string) {
	b := append(start.AppendFormat([]byte(`{"Start":"`), time.RFC3339Nano), `","End":"`...)
	b = append(end.AppendFormat(b, time.RFC3339Nano), `","ExitCode":`...)
	b = append(strconv.AppendInt(b, int64(code), 10), `,"Output":`...)
	b = append(shim.AppendString(b, output), '}')
	if h.log = append(h.log, b); len(h.log) > maxProbes {
		h.log = h.log[1:]
	}
	all := []byte{'['}
	for i, probe := range h.log {
		if i > 0 {
			all = append(all, ',')
		}
		all = append(all, probe...)
	}
	path := h.c.Dir + "/health.json"
	if os.WriteFile(path+".new", append(all, ']', '\n'), 0o600) == nil {
		os.Rename(path+".new", path)
	}
}

// judge decides how the container is, and does something about it.
func (h *health) judge(code int, starting bool) {
	c, s := h.c, &h.c.state
	before := s.Health
	switch {
	case code == 0:
		s.Health, s.FailingStreak = shim.Healthy, 0
		h.acted = false
	case starting:
	default:
		if s.FailingStreak++; s.FailingStreak >= c.Health.Retries {
			s.Health = shim.Unhealthy
		}
	}
	c.save()
	if s.Health != before {
		c.event("health_status: " + s.Health)
	}
	if s.Health != shim.Unhealthy || h.acted {
		return
	}
	h.acted = true
	switch c.Health.OnFailure {
	case "kill":
		if pid := c.pid.Load(); pid != 0 {
			unix.Kill(int(pid), unix.SIGKILL)
		}
	case "restart":
		c.revived.Store(true)
		c.terminate()
	case "stop":
		c.halted.Store(true)
		c.terminate()
	}
}
