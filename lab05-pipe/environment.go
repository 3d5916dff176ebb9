package main

import (
	"errors"
	"os"
	"strings"
	"syscall"
)

// variables are the -e KEY=VALUE options; see flag.Value.
type variables []string

func (v *variables) String() string { return "" }

func (v *variables) Set(s string) error {
	if strings.IndexByte(s, '=') < 1 {
		return errors.New("KEY=VALUE is wanted")
	}
	*v = append(*v, s)
	return nil
}

// Task 5.5: containerEnv makes an environment that owes nothing to ours: what is in yours, tokens and
// proxies and all, is no business of the container.
//
// Begin with PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin, HOME=/root
// and, for an interactive container, our TERM. Then each of extra replaces the variable of the same name, or is added: a name must not come twice.
//
//lab:task 5.5
func containerEnv(interactive bool, extra []string) []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	if interactive {
		env = append(env, "TERM="+os.Getenv("TERM"))
	}
next:
	for _, variable := range extra {
		name, _, _ := strings.Cut(variable, "=")
		for i := range env {
			if strings.HasPrefix(env[i], name+"=") {
				env[i] = variable
				continue next
			}
		}
		env = append(env, variable)
	}
	return env
}

// Task 5.6: become replaces this process by the user's program. It returns only if that fails.
//
// Make env our own environment first (os.Clearenv, os.Setenv), so that findProgram looks
// into the container's PATH. Mark what is open beyond stderr close-on-exec (closeOnExec), so that
// no file of the host stays within reach. Then call execve as in lab03.
//
//lab:task 5.6
func become(s spec) error {
	os.Clearenv()
	for _, variable := range s.env {
		name, value, _ := strings.Cut(variable, "=")
		os.Setenv(name, value)
	}
	path, err := findProgram(s.args[0])
	if err != nil {
		return err
	}
	if err := closeOnExec(3); err != nil {
		return err
	}
	err = syscall.Exec(path, s.args, s.env)
	if errors.Is(err, syscall.E2BIG) {
		return fail(126, "execve %s: %v: it takes 128 KiB in one argument, and a quarter of the stack limit in all", path, err)
	}
	return fail(126, "execve %s: %v", path, err)
}

// closeOnExec marks all file descriptors from first on: execve closes them. Go opens its own files
// so; this is about those that were open before, such as a log of the shell that started us.
func closeOnExec(first uintptr) error {
	const closeRange, flagCloexec = 436, 4 // close_range(2) is younger than package syscall
	if _, _, errno := syscall.Syscall(closeRange, first, ^uintptr(0), flagCloexec); errno != 0 {
		return fail(125, "close_range: %v: Linux 5.11 or later is needed", errno)
	}
	return nil
}
