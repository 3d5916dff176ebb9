package process

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/process/capability"
	"jocker/final/runtime/process/user"
	"jocker/final/runtime/seccomp"
)

// Check looks for what is wrong in a Config, as far as that can be known without trying, so that the
// runtime can say so before it has made anything. filter is what Config.Filter was taken from, or nil.
// An error is one sentence that begins with the field.
func Check(c *Config, filter *seccomp.Filter) error {
	p := c.Process
	if _, err := capability.Parse(p.Capabilities); err != nil {
		return err
	}
	if err := checkRlimits(p.Rlimits); err != nil {
		return err
	}
	if s := p.Scheduler; s != nil {
		if _, err := schedAttr(s); err != nil {
			return err
		}
	}
	if io := p.IOPriority; io != nil {
		if _, err := ioPriority(io); err != nil {
			return err
		}
	}
	if a := p.ExecCPUAffinity; a != nil {
		for _, list := range [...][2]string{{"initial", a.Initial}, {"final", a.Final}} {
			if list[1] == "" {
				continue
			}
			if _, err := parseCPUs("process.execCPUAffinity."+list[0], list[1]); err != nil {
				return err
			}
		}
	}
	if c.Personality != nil {
		if _, err := checkPersonality(c.Personality); err != nil {
			return err
		}
	}
	if u := p.User.Umask; u != nil && *u > 0o777 {
		return fmt.Errorf("process.user.umask: %#o is more than 0777", *u)
	}
	if size := p.ConsoleSize; size != nil && (size.Height > math.MaxUint16 || size.Width > math.MaxUint16) {
		return fmt.Errorf("process.consoleSize: %d lines of %d columns are more than the 65535 of a terminal", size.Height, size.Width)
	}
	if c.User != "" {
		if _, err := user.Parse(c.User); err != nil {
			return err
		}
	}
	if filter != nil {
		return checkFilter(filter)
	}
	return nil
}

// checkFilter asks the filter about the calls that init still makes once it is loaded. One that is
// refused, or that waits for an answer of somebody who is not there yet, would end the container
// without a word.
func checkFilter(f *seccomp.Filter) error {
	if f.Flags&unix.SECCOMP_FILTER_FLAG_NEW_LISTENER != 0 && !f.Allows("sendmsg") {
		return fmt.Errorf("linux.seccomp: the filter does not simply allow sendmsg, by which init sends whoever listens at %q "+
			"the descriptor to answer with, when the filter is loaded already; allow it", f.ListenerPath)
	}
	if ret, _ := f.Ask("execve"); !f.Allows("execve") && ret&unix.SECCOMP_RET_ACTION_FULL != unix.SECCOMP_RET_USER_NOTIF {
		return fmt.Errorf("linux.seccomp: the filter does not allow execve, by which init becomes the container's program " +
			"when the filter is loaded; allow it")
	}
	return nil
}
