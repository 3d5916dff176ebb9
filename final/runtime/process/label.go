package process

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/process/procfs"
	"jocker/final/runtime/step"
)

// A Linux Security Module may confine a program by rules that name it. Init tells the kernel which
// rules by a text in a file of /proc, and they come into force at execve. A kernel without the
// module has the file too, so that the attempt must be made to find out.

// apparmor names the profile for the program (apparmor(7)). attr/exec is where all modules had their
// file once; since Linux 5.8 AppArmor has one of its own.
func (p *Init) apparmor() step.Step {
	profile := p.c.Process.ApparmorProfile
	call := func() string {
		return fmt.Sprintf("write(\"/proc/thread-self/attr/apparmor/exec\", \"exec %s\")", profile)
	}
	return do("identity", 0,
		func() (string, string) { return "confine the program by the AppArmor profile " + profile, call() },
		func() error {
			err := procfs.Write("thread-self/attr/apparmor/exec", "exec "+profile)
			missing := errors.Is(err, unix.ENOENT) && !isErrno(err)
			if missing {
				err = procfs.Write("thread-self/attr/exec", "exec "+profile)
			}
			switch {
			case err == nil:
				return nil
			case !isErrno(err):
				return err
			case err == unix.EINVAL && missing:
				return fail.Call(call(), err, "the kernel has no AppArmor, or it is not enabled; take out process.apparmorProfile")
			case err == unix.ENOENT:
				return fail.Call(call(), err, "the kernel has no profile of that name; load it with apparmor_parser(8)")
			}
			return fail.Call(call(), err, "the runtime's own profile may not change to that one")
		})
}

// selinux names the program's context.
func (p *Init) selinux() step.Step {
	return do("identity", 0,
		func() (string, string) {
			label := p.c.Process.SelinuxLabel
			return "run the program in the SELinux context " + label, writeLabel("exec", label)
		},
		func() error { return setLabel("exec", p.c.Process.SelinuxLabel) })
}

func writeLabel(file, label string) string {
	return fmt.Sprintf("write(\"/proc/thread-self/attr/%s\", %q)", file, label)
}

// setLabel writes a SELinux context: attr/exec is that of the next program, attr/keycreate that of keys.
func setLabel(file, label string) error {
	err := procfs.Write("thread-self/attr/"+file, label)
	switch {
	case err == nil:
		return nil
	case !isErrno(err):
		return err
	case err == unix.EINVAL:
		return fail.Call(writeLabel(file, label), err, "SELinux is not enabled in this kernel, or its policy does not know the context; "+
			"take out process.selinuxLabel, or correct it")
	}
	return fail.Call(writeLabel(file, label), err, "the runtime's own context may not change to that one")
}

// isErrno says whether an error is just a number, as write(2)'s is: see procfs.Write.
func isErrno(err error) bool {
	_, is := err.(unix.Errno)
	return is
}
