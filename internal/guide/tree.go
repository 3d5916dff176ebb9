package guide

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// family is what the player started: bash, whose session is its own, and all descendants. Those whose parents died
// come to the player itself, for it is a child subreaper while it plays; they are told from processes that the
// player's program started otherwise by their session, which isn't the program's.
type family struct {
	self, session int
	bash          int
	strangers     map[int]bool // children that were there before
	stop          func()
}

// process is a line of /proc/PID/stat.
type process struct {
	pid, parent, session int
	name                 string
	zombie               bool
}

func (p process) String() string { return fmt.Sprintf("%s (%d)", p.name, p.pid) }

const (
	prSetChildSubreaper = 36
	prGetChildSubreaper = 37
)

// adopt makes the calling program the one to which orphans come.
func adopt() (*family, error) {
	var was int32
	_, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prGetChildSubreaper, uintptr(unsafe.Pointer(&was)), 0)
	if errno == 0 {
		_, _, errno = syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0)
	}
	if errno != 0 {
		return nil, fmt.Errorf("become a child subreaper: prctl: %w", errno)
	}
	f := &family{self: os.Getpid(), strangers: map[int]bool{}}
	for _, p := range processes() {
		if p.pid == f.self {
			f.session = p.session
		} else if p.parent == f.self {
			f.strangers[p.pid] = true
		}
	}
	f.stop = func() { syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, uintptr(was), 0) }
	return f, nil
}

// watch begins to bury orphans as soon as they are dead, as init would, so that they don't show up in a guide's
// process lists.
func (f *family) watch(bash int) {
	f.bash = bash
	deaths, done, reset := make(chan os.Signal, 1), make(chan struct{}), f.stop
	signal.Notify(deaths, syscall.SIGCHLD)
	var gone sync.WaitGroup
	gone.Add(1)
	go func() {
		defer gone.Done()
		for {
			select {
			case <-deaths:
				f.members()
			case <-done:
				return
			}
		}
	}()
	f.stop = func() {
		signal.Stop(deaths)
		close(done)
		gone.Wait()
		reset()
	}
}

// members lists the living family, and buries its dead orphans. Bash itself is left to whoever started it.
func (f *family) members() []process {
	all := processes()
	ours := map[int]bool{}
	for _, p := range all {
		if p.parent == f.self && p.session != f.session && !f.strangers[p.pid] || p.session == f.bash && f.bash > 0 {
			ours[p.pid] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if ours[p.parent] && !ours[p.pid] {
				ours[p.pid], grown = true, true
			}
		}
	}
	var alive []process
	for _, p := range all {
		switch {
		case !ours[p.pid]:
		case !p.zombie:
			alive = append(alive, p)
		case p.parent == f.self && p.pid != f.bash:
			syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil)
		}
	}
	return alive
}

// end ends the family: first with SIGTERM, for programs that clean up; then with SIGHUP, for shells; then with
// SIGKILL. It returns who was there besides bash.
func (f *family) end() (left []process, err error) {
	for _, p := range f.members() {
		if p.pid != f.bash {
			left = append(left, p)
		}
	}
	for _, stage := range []struct {
		signal  syscall.Signal
		patient time.Duration
	}{{syscall.SIGTERM, 3 * time.Second}, {syscall.SIGHUP, time.Second / 4}, {syscall.SIGKILL, 5 * time.Second}} {
		alive := f.members()
		for _, p := range alive {
			syscall.Kill(p.pid, stage.signal)
			syscall.Kill(p.pid, syscall.SIGCONT)
		}
		for until := time.Now().Add(slowly(stage.patient)); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
			alive = f.members()
			if len(alive) == 0 {
				return left, nil
			}
			if stage.signal == syscall.SIGTERM && len(alive) == 1 && alive[0].pid == f.bash {
				break // an interactive bash doesn't care for SIGTERM
			}
			for _, p := range alive {
				if stage.signal == syscall.SIGKILL { // again, for those that were born meanwhile
					syscall.Kill(p.pid, stage.signal)
				}
			}
		}
	}
	if alive := f.members(); len(alive) > 0 {
		return left, fmt.Errorf("these processes outlive SIGKILL (frozen, or stuck in the kernel): %v: look at /proc/PID/cgroup and /proc/PID/stack", alive)
	}
	return left, nil
}

// processes reads /proc.
func processes() []process {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var all []process
	for _, file := range files {
		text, err := os.ReadFile(file)
		open, end := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
		if err != nil || open < 0 || end < open {
			continue
		}
		fields := strings.Fields(string(text[end+1:]))
		if len(fields) < 4 {
			continue
		}
		p := process{name: string(text[open+1 : end]), zombie: fields[0] == "Z" || fields[0] == "X"}
		p.pid, _ = strconv.Atoi(strings.TrimSpace(string(text[:open])))
		p.parent, _ = strconv.Atoi(fields[1])
		p.session, _ = strconv.Atoi(fields[3])
		all = append(all, p)
	}
	return all
}
