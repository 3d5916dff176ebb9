package process

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/step"
)

// The classes and the layout of an I/O priority (ioprio_set(2), linux/ioprio.h).
var ioClasses = [...]specs.IOPriorityClass{1: specs.IOPRIO_CLASS_RT, 2: specs.IOPRIO_CLASS_BE, 3: specs.IOPRIO_CLASS_IDLE}

const (
	ioprioWhoProcess = 1
	ioprioClassShift = 13
)

// ioPriority turns config.json's process.ioPriority into the number that the kernel takes.
func ioPriority(io *specs.LinuxIOPriority) (int, error) {
	if io.Priority < 0 || io.Priority > 7 {
		return 0, fmt.Errorf("process.ioPriority.priority: %d is not within 0 to 7", io.Priority)
	}
	for n, name := range ioClasses {
		if name == io.Class && name != "" {
			return n<<ioprioClassShift | io.Priority, nil
		}
	}
	return 0, fmt.Errorf("process.ioPriority.class: there is no class %q; there are IOPRIO_CLASS_RT, IOPRIO_CLASS_BE and IOPRIO_CLASS_IDLE", io.Class)
}

// ioprio sets the I/O priority, which some of the kernel's I/O schedulers heed.
func (p *Init) ioprio() step.Step {
	io := p.c.Process.IOPriority
	call := func() string { return fmt.Sprintf("ioprio_set(IOPRIO_WHO_PROCESS, 0, %s, %d)", io.Class, io.Priority) }
	return do("identity", 0,
		func() (string, string) { return "set the I/O priority", call() },
		func() error {
			n, err := ioPriority(io)
			if err != nil {
				return err
			}
			if _, _, errno := unix.RawSyscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0, uintptr(n)); errno != 0 {
				cause := ""
				if errno == unix.EPERM {
					cause = "IOPRIO_CLASS_RT needs CAP_SYS_ADMIN or CAP_SYS_NICE in the initial user namespace"
				}
				return fail.Call(call(), errno, cause)
			}
			return nil
		})
}
