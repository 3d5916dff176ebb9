package check

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// decodeProbe finds a probe's answer in what a command printed.
func decodeProbe(out string, into any) {
	if _, text, ok := strings.Cut(out, "\x00probe:"); ok {
		json.Unmarshal([]byte(text), into)
	}
}

var reapChecks = map[string]taskCheck{"reap.1": {check: checkReap}, "reap.2": {check: checkForward, needs: []string{"reap.1"}}}

func checkReap(w *world) *Finding {
	const see = `man 2 wait; man 7 pid_namespaces`
	for _, c := range []struct {
		scripts    []string
		code       int
		name, what string
	}{
		{[]string{"exit 7"}, 7, "exit-code-lost", "the exit code is in the WaitStatus of the program"},
		{[]string{"sleep 0.3; exit 3", "exit 1", "exit 2"}, 3, "ends-too-early", "Any child may be the next to end: wait4 tells which it was, and only the program's own end counts"},
		{[]string{"kill -9 $$"}, 137, "signal-lost", "A process that was killed has no exit code. Shells, and docker run, say 128 and the number of the signal"},
		{nil, 125, "no-children", "wait4 fails with ECHILD if there is nobody to wait for: nobody ever will be"},
	} {
		var got struct{ Code, Left int }
		r := w.probe(command{}, &got, "reap", c.scripts...)
		if f := w.failed(r, see); f != nil {
			return f
		}
		if got.Code != c.code {
			return finding(c.name, fmt.Sprintf("of children that do %q, the first one being the program, reap made the exit code %d", c.scripts, got.Code), fmt.Sprint(c.code), c.what, see)
		}
		if got.Left > 0 {
			return finding("zombies-left", fmt.Sprintf("%d children had ended and were not waited for", got.Left), "none", "A dead process keeps its entry in the process table until its parent asks how it died. Number 1 is the parent of all who lost theirs", see)
		}
	}
	// With orphans, in a PID namespace.
	r := w.lab("sh", "-c", `for i in 1 2 3; do (sleep 0.05 & exit); done; sleep 0.4; cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z '; exit 5`)
	if strings.Contains(r.Stderr, " is yours: ") {
		return nil
	}
	if f := w.bad(r); f != nil {
		return f
	}
	if strings.TrimSpace(r.Stdout) != "0" || r.Code != 5 {
		return finding("zombies-left", fmt.Sprintf("of three orphans %s are zombies, exit code %d", strings.TrimSpace(r.Stdout), r.Code), "none, and 5", "Orphans are handed to number 1 of their PID namespace, which has to wait for children that it never started", see).with(r)
	}
	return nil
}

func checkForward(w *world) *Finding {
	const see = `man 7 pid_namespaces, "The namespace init process"; man 2 kill`
	p := w.hold(command{Args: []string{w.Exercise, "sh", "-c", `trap "echo got it; exit 9" TERM; echo ready; while :; do sleep 0.05; done`}})
	if !p.ready() {
		return w.failed(p.release(), see)
	}
	syscall.Kill(p.Pid, syscall.SIGTERM)
	r := p.release()
	if r.Late || !strings.Contains(r.Stdout, "got it") {
		return finding("signal-not-forwarded", "SIGTERM for number 1 did not reach the program", "the program gets it, and ends",
			"`docker stop` sends SIGTERM to number 1, waits ten seconds, and sends SIGKILL. A number 1 that keeps signals to itself makes every stop take ten seconds and end badly", see).with(r)
	}
	if r.Code != 9 {
		return finding("exit-code-lost", fmt.Sprintf("exit code %d", r.Code), "9, the program's own", "After a signal the program still decides how it ends", see).with(r)
	}
	// More than one.
	p = w.hold(command{Args: []string{w.Exercise, "sh", "-c", `n=0; trap "n=\$((n+1)); echo hup \$n" HUP; trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done`}})
	for i := 0; i < 2; i++ {
		syscall.Kill(p.Pid, syscall.SIGHUP)
		want := fmt.Sprintf("hup %d\n", i+1)
		w.until(1500*time.Millisecond, func() bool { return strings.Contains(p.out.String(), want) })
	}
	syscall.Kill(p.Pid, syscall.SIGTERM)
	r = p.release()
	if !strings.Contains(r.Stdout, "hup 1") {
		return finding("another-signal", "SIGHUP for number 1 did not reach the program as SIGHUP", "the same signal", "Which signal it is, is all that a signal says: SIGHUP asks many programs for something else than SIGTERM", see).with(r)
	}
	if !strings.Contains(r.Stdout, "hup 2") {
		return finding("only-one-signal", "of two SIGHUP one reached the program", "both", "The program lives on after a signal that it handles: daemons read their configuration anew at SIGHUP, every time", see).with(r)
	}
	return nil
}

var capsChecks = map[string]taskCheck{"caps.1": {check: checkKnown}, "caps.2": {check: checkDrop, needs: []string{"caps.1"}}}

func checkKnown(w *world) *Finding {
	const see = `man 2 prctl; man 7 capabilities`
	var got int
	if f := w.failed(w.probe(command{}, &got, "known"), see); f != nil {
		return f
	}
	var last int
	fmt.Sscan(readFile("/proc/sys/kernel/cap_last_cap"), &last)
	if got != last+1 {
		return finding("wrong-count", fmt.Sprintf("known says %d", got), fmt.Sprintf("%d: /proc/sys/kernel/cap_last_cap is %d, and they begin with 0", last+1, last), "0 as an answer means that the capability exists and isn't in the set; EINVAL means that there is none of this number", see)
	}
	return nil
}

func checkDrop(w *world) *Finding {
	const see = `man 7 capabilities, "Transformation of capabilities during execve()"; man 5 proc_pid_status`
	r := w.lab("grep", "^Cap", "/proc/self/status")
	if f := w.failed(r, see); f != nil {
		return f
	}
	sets := map[string]uint64{}
	for _, line := range strings.Split(r.Stdout, "\n") {
		var name string
		var set uint64
		if n, _ := fmt.Sscanf(line, "%s %x", &name, &set); n == 2 {
			sets[strings.TrimSuffix(name, ":")] = set
		}
	}
	const want = 0xa80425fb // the fourteen, as docker run shows them
	bound := sets["CapBnd"]
	switch {
	case bound&^uint64(want) != 0:
		return finding("not-dropped", fmt.Sprintf("the bounding set is %#x: %#x too much", bound, bound&^uint64(want)), fmt.Sprintf("%#x at most", want), "What stays in the bounding set root gets back at the next execve. Also those capabilities count that came with newer kernels", see)
	case bound&(1|1<<5) != 1|1<<5:
		return finding("too-much-dropped", fmt.Sprintf("the bounding set is %#x", bound), fmt.Sprintf("%#x", want), "A capability that was dropped never comes back, so those to keep must be left alone", see)
	case sets["CapEff"]&^uint64(want) != 0:
		return finding("effective-kept", fmt.Sprintf("the effective set is %#x", sets["CapEff"]), fmt.Sprintf("%#x at most", want), "execve computes it from the others", see)
	}
	r = w.lab("mount", "-t", "tmpfs", "none", "/mnt")
	if r.Code == 0 || len(r.Leaks) > 0 {
		return finding("not-dropped", "root could still mount", "it has no CAP_SYS_ADMIN", "The kernel asks for the capability, not for the user", see).with(r)
	}
	return nil
}
