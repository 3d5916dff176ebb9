package process

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/step"
)

// personalities are the execution domains of config.json (linux/personality.h).
var personalities = [...]struct {
	domain specs.LinuxPersonalityDomain
	number uintptr
}{
	{specs.PerLinux, 0x0000},
	{specs.PerLinux32, 0x0008},
}

// checkPersonality looks for wrong values.
func checkPersonality(l *specs.LinuxPersonality) (uintptr, error) {
	if len(l.Flags) > 0 {
		return 0, fmt.Errorf("linux.personality.flags: the specification knows no flags, so %q can't be set", l.Flags)
	}
	for _, have := range personalities {
		if have.domain == l.Domain {
			return have.number, nil
		}
	}
	return 0, fmt.Errorf("linux.personality.domain: there is no %q; there are LINUX and LINUX32", l.Domain)
}

// personality sets what kind of machine the program believes to be on: with LINUX32, uname(2) tells
// of a 32-bit one.
func (p *Init) personality() step.Step {
	l := p.c.Personality
	call := func() string { return fmt.Sprintf("personality(PER_%s)", l.Domain) }
	return do("exec", 0,
		func() (string, string) { return "take the personality " + string(l.Domain), call() },
		func() error {
			n, err := checkPersonality(l)
			if err != nil {
				return err
			}
			if _, _, errno := unix.RawSyscall(unix.SYS_PERSONALITY, n, 0, 0); errno != 0 {
				return fail.Call(call(), errno, "the kernel does not have it")
			}
			return nil
		})
}
