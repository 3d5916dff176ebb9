package lookup

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Why says what kept the kernel from executing the file at path with args and env, when execve(2)
// returned err. It is a clause for the end of an error, with what to do behind a semicolon; and empty
// if nothing can be found.
func Why(path string, args, env []string, err error) string {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return ""
	}
	if cause := whyFile(path, errno, 0); cause != "" {
		return cause
	}
	switch errno {
	case unix.E2BIG:
		return tooLong(args, env)
	case unix.EAGAIN:
		return "the user has as many processes as RLIMIT_NPROC allows; raise it in process.rlimits"
	case unix.ENOMEM:
		return "memory is short, or RLIMIT_AS or the memory limit of the cgroup is too low for the program"
	case unix.EMFILE, unix.ENFILE:
		return "too many files are open for one more, the program; see RLIMIT_NOFILE"
	case unix.EPERM:
		return "a seccomp filter or a security module forbids it"
	}
	return ""
}

// maxDepth is how many times a script's interpreter may be a script (fs/exec.c).
const maxDepth = 5

// whyFile is Why, as far as it is the file's fault. depth counts interpreters.
func whyFile(path string, errno unix.Errno, depth int) string {
	if depth > maxDepth {
		return ""
	}
	switch errno {
	case unix.ENOENT:
		return whyMissing(path, depth)
	case unix.EACCES:
		return whyDenied(path, depth)
	case unix.ENOEXEC:
		return whyFormat(path)
	case unix.EISDIR:
		if isDirectory(path) {
			return "name a program in it"
		}
		return throughInterpreter(path, errno, depth)
	case unix.ENOTDIR:
		return whyNotDirectory(path)
	case unix.ELIBBAD:
		if f := open(path); f != nil {
			defer f.close()
			if e, ok := parseELF(f.at); ok && e.interpreter != "" {
				return fmt.Sprintf("its loader %s is no program for this machine", e.interpreter)
			}
		}
		return throughInterpreter(path, errno, depth)
	case unix.ELOOP:
		return fmt.Sprintf("symbolic links that lead in a circle, or a script whose #! line leads to more than %d other scripts", maxDepth)
	case unix.ETXTBSY:
		return "somebody has the file open for writing; wait until it is written"
	case unix.ENAMETOOLONG:
		return "a path has at most 4095 bytes, and a name in it 255"
	}
	return ""
}

// whyMissing explains ENOENT.
func whyMissing(path string, depth int) string {
	var st unix.Stat_t
	if unix.Stat(path, &st) == nil {
		return throughInterpreter(path, unix.ENOENT, depth)
	}
	if unix.Lstat(path, &st) == nil {
		return fmt.Sprintf("it is a symbolic link to %s, which the container does not have", readlink(path))
	}
	if dir := firstMissing(path); dir != path {
		return fmt.Sprintf("the container has no %s", dir)
	}
	return "the container has no such file"
}

// throughInterpreter explains an errno that was not about the file itself, but about what is needed
// to run it: a script's interpreter, a program's loader.
func throughInterpreter(path string, errno unix.Errno, depth int) string {
	f := open(path)
	if f == nil {
		return ""
	}
	defer f.close()
	if s, ok := parseScript(f.head()); ok {
		return whyScript(path, s, errno, depth)
	}
	e, ok := parseELF(f.at)
	if !ok || e.interpreter == "" {
		return ""
	}
	var st unix.Stat_t
	if errno == unix.ENOENT && unix.Stat(e.interpreter, &st) != nil {
		return fmt.Sprintf("it needs the loader %s, which the container does not have: %s", e.interpreter, whichLibrary(e.interpreter))
	}
	if cause := whyFile(e.interpreter, errno, depth+1); cause != "" {
		return fmt.Sprintf("it needs the loader %s, and of that: %s", e.interpreter, cause)
	}
	return ""
}

// whichLibrary says which C library a loader belongs to, and what to do.
func whichLibrary(loader string) string {
	switch musl := muslLoader(); {
	case strings.Contains(loader, "/ld-linux") && musl != "":
		return "it was linked with glibc, and this is a musl system (" + musl + "); link it statically, or take an image with glibc"
	case strings.Contains(loader, "/ld-linux"):
		return "it was linked with glibc; link it statically, or take an image with glibc"
	case strings.Contains(loader, "/ld-musl"):
		return "it was linked with musl; link it statically, or take an image with musl, such as Alpine's"
	}
	return "link it statically, or take an image that has it"
}

func muslLoader() string {
	for _, arch := range [...]string{"x86_64", "aarch64", "i386", "armhf"} {
		if path := "/lib/ld-musl-" + arch + ".so.1"; unix.Access(path, unix.F_OK) == nil {
			return path
		}
	}
	return ""
}

// whyNotDirectory names the part of a path that is a file.
func whyNotDirectory(path string) string {
	for i := 1; i < len(path); i++ {
		if path[i] == '/' && !isDirectory(path[:i]) {
			return path[:i] + " is a file"
		}
	}
	return ""
}

// firstMissing returns the shortest beginning of a path that leads to nothing, which may be all of it.
func firstMissing(path string) string {
	for i := 1; i < len(path); i++ {
		if path[i] == '/' && unix.Access(path[:i], unix.F_OK) == unix.ENOENT {
			return path[:i]
		}
	}
	return path
}

func isDirectory(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

func readlink(path string) string {
	var buf [unix.PathMax]byte
	n, _ := unix.Readlink(path, buf[:])
	return string(buf[:max(n, 0)])
}
