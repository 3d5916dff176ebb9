package main

import (
	"os"
	"os/exec"
	"syscall"
)

// lastWill empties and removes the cgroups given as "$@", and those below them, as soon as its standard
// input ends, unless a line comes first. Signals that end us don't end it: it has work to do then.
const lastWill = `trap "" HUP INT TERM
read _ && exit
empty() {
	for child in "$1"/*/; do [ ! -d "$child" ] || empty "${child%/}"; done
	kill -9 $(cat "$1/cgroup.procs") 2>/dev/null
	rmdir "$1" 2>/dev/null
}
for dir do
	n=0
	while [ -d "$dir" ] && ! empty "$dir" && [ $((n += 1)) -le 100 ]; do sleep 0.05; done
done`

// guard sees to it that the cgroups in dirs go when we go, even after SIGKILL, which no program
// can catch. A workload starts processes of its own, as stress does; the signal that start asks for
// reaches the first one alone, and the others would stay and eat memory. So a shell waits at a pipe
// whose only write end is ours: when we end, in whatever way, the kernel closes that end, the
// shell's read returns, and it cleans up. After an ordinary end we have done so ourselves, and
// release tells it with a line.
func guard(dirs ...string) (release func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", lastWill, lab + "-guard"}, dirs...)...)
	cmd.Stdin = r
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // out of reach of Ctrl-C
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r.Close()
	return func() { w.WriteString("\n"); w.Close(); cmd.Wait() }, nil
}
