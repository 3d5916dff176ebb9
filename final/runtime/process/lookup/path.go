package lookup

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// errNotFound has the words of Go's os/exec, hence of runc, for which engines search an error: see doc.go.
var errNotFound = errors.New("executable file not found in $PATH")

// Path finds the program that a name means: itself if there is a slash in it, and otherwise the
// first file in the directories of env's PATH that may be executed. It looks as the calling thread,
// with its user, rights, root and working directory.
//
// A file that may be executed may still turn out not to be executable: Why explains that.
func Path(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		if errno := executable(name); errno != 0 {
			return "", refused(name, errno)
		}
		return name, nil
	}
	if name != "" {
		for _, dir := range strings.Split(variable(env, "PATH"), ":") {
			if dir == "" {
				dir = "." // as POSIX has it
			}
			path := dir + "/" + name
			if executable(path) == 0 {
				return path, nil
			}
		}
	}
	return "", notInPath(name, env)
}

// variable returns the value of an environment variable; env sets each at most once.
func variable(env []string, name string) string {
	for _, e := range env {
		if len(e) > len(name) && e[len(name)] == '=' && e[:len(name)] == name {
			return e[len(name)+1:]
		}
	}
	return ""
}

// executable says whether a path leads to a file that the calling thread may execute: 0 if so. The
// kernel also looks whether the file system is mounted noexec.
func executable(path string) unix.Errno {
	// AT_EACCESS: with the rights that count for execve, capabilities among them
	err := unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
	if (err == nil || err == unix.EACCES) && isDirectory(path) {
		return unix.EISDIR
	}
	if err != nil {
		return err.(unix.Errno)
	}
	return 0
}

// refused is the error for a path that leads to no program. Its first words are runc's.
func refused(path string, errno unix.Errno) error {
	call := fmt.Sprintf("exec: %q", path)
	if errno != unix.EACCES && errno != unix.EISDIR {
		call += ": stat " + path
	}
	return fail.Call(call, errno, Why(path, nil, nil, errno))
}

// notInPath is the error for a name that PATH does not lead to.
func notInPath(name string, env []string) error {
	path := variable(env, "PATH")
	cause := fmt.Sprintf("no directory of PATH=%s has it", path)
	switch {
	case name == "":
		cause = "process.args[0] is empty"
	case path == "":
		cause = "process.env sets no PATH; set it, or name the program by its whole path"
	case strings.ContainsAny(name, " \t\n"):
		cause += "; it has a space in it: were the program's arguments meant to be strings of their own?"
	default:
		for _, dir := range strings.Split(path, ":") {
			found := dir + "/" + name
			if unix.Access(found, unix.F_OK) == nil && !isDirectory(found) {
				cause = fmt.Sprintf("%s is there, but can't be executed: %s", found, Why(found, nil, nil, executable(found)))
				break
			}
		}
	}
	return fail.Call(fmt.Sprintf("exec: %q", name), errNotFound, cause)
}
