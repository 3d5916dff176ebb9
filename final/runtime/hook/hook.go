// Package hook runs hooks: programs of somebody else's that take part in the making of a container.
//
// A runtime cannot know all that a container may need. A network interface, a device of a GPU, a
// firewall rule: whoever knows how to make these writes a program, and config.json says at which
// moment the runtime runs it. There are six (config.md, "POSIX-platform Hooks"):
//
//	prestart          runtime's namespaces    `create`, the namespaces are there          (deprecated)
//	createRuntime     runtime's               `create`, right after prestart
//	createContainer   container's             `create`, before pivot_root: the host's files are still to be seen
//	startContainer    container's             `start`, before the program: the file is one of the container's
//	poststart         runtime's               `start`, after the program was started
//	poststop          runtime's               `delete`, after the container is gone
//
// A hook reads the container's state as JSON from its standard input, its pid above all: with that it
// finds the namespaces in /proc/PID/ns. If it fails, or takes longer than its time-out, the container
// is not made, or is stopped; only after poststop there is nothing to be stopped any more, so the
// others run all the same.
package hook

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// maxOutput is how much of what a failed hook wrote is shown, in bytes: its end.
const maxOutput = 4096

// Run runs hooks one after the other, each with state (JSON) as its standard input and with the
// environment that it names, and no more. It ends at the first that fails. kind is the name of the list,
// for the error, which says how the hook ended and what it wrote last.
//
// A hook that is not done in time is killed, and so is one whose runtime is. What it has started itself may go on.
func Run(kind string, hooks []specs.Hook, state []byte) error {
	for i := range hooks {
		if err := run(&hooks[i], state); err != nil {
			return fmt.Errorf("hooks.%s[%d] (%s): %w", kind, i, hooks[i].Path, err)
		}
	}
	return nil
}

func run(h *specs.Hook, state []byte) error {
	input, err := file("state", state)
	if err != nil {
		return err
	}
	defer input.Close()
	output, err := file("output", nil)
	if err != nil {
		return err
	}
	defer output.Close()
	args, env := h.Args, h.Env
	if len(args) == 0 {
		args = []string{h.Path}
	}
	if env == nil {
		env = []string{} // nil would be the runtime's own
	}
	// If we are killed, nobody is left to look at the time-out, so the kernel ends the hook. It watches the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, err := os.StartProcess(h.Path, args, &os.ProcAttr{Env: env, Files: []*os.File{input, output, output},
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}})
	if err != nil {
		return err
	}
	var late atomic.Bool
	if h.Timeout != nil {
		timer := time.AfterFunc(time.Duration(*h.Timeout)*time.Second, func() { late.Store(true); p.Kill() })
		defer timer.Stop()
	}
	ps, err := p.Wait()
	switch {
	case err != nil:
		return err
	case ps.Success():
		return nil
	case late.Load():
		return fmt.Errorf("was not done within its time-out of %d s, and was killed%s", *h.Timeout, lastOf(output))
	}
	return errors.New(ps.String() + lastOf(output))
}

// file makes a file in memory. Unlike a pipe it takes what a hook writes, and gives what it does not
// read, without anybody waiting at the other end; so a hook that leaves a child behind does not keep the runtime.
func file(name string, data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("hook-"+name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if len(data) > 0 {
		if _, err := f.WriteAt(data, 0); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

// lastOf returns the end of what a hook wrote, as text to go behind an error.
func lastOf(output *os.File) string {
	info, err := output.Stat()
	if err != nil || info.Size() == 0 {
		return ""
	}
	from := max(0, info.Size()-maxOutput)
	data := make([]byte, info.Size()-from)
	n, _ := output.ReadAt(data, from)
	return ": " + strings.ToValidUTF8(string(bytes.TrimSpace(data[:n])), "?")
}
