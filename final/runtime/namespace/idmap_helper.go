package namespace

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// helper lets newuidmap(1) or newgidmap(1) write a map, which check it against file, /etc/subuid or
// /etc/subgid (subuid(5)).
func helper(program, file string, pid int, m []specs.LinuxIDMapping) error {
	path := lookPath(program)
	if path == "" {
		return fmt.Errorf("%s is not installed, and only with it can an ordinary user map more than one id; "+
			"install the package uidmap (Debian, Ubuntu) or shadow-utils (Fedora)", program)
	}
	args := []string{program, strconv.Itoa(pid)}
	for _, l := range m {
		args = append(args, strconv.FormatUint(uint64(l.ContainerID), 10), strconv.FormatUint(uint64(l.HostID), 10), strconv.FormatUint(uint64(l.Size), 10))
	}
	said, status, err := output(path, args)
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	if status == 0 {
		return nil
	}
	cause := said
	user, other := userName(os.Geteuid()), ""
	if text, err := os.ReadFile(file); err != nil {
		other = fmt.Sprintf("%s cannot be read (%v)", file, errors.Unwrap(err))
	} else {
		other = subordinate(string(text), file, user, os.Geteuid(), m)
	}
	if other == "" {
		other = setuid(path)
	}
	if other != "" {
		cause += ": " + other
	}
	return fmt.Errorf("%s: exit status %d: %s", strings.Join(args, " "), status, cause)
}

// output runs a program and returns what it said on both outputs, without the line ends.
func output(path string, args []string) (said string, status int, err error) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return "", 0, err
	}
	defer unix.Close(pipe[0])
	pid, _, err := syscall.StartProcess(path, args, &syscall.ProcAttr{Files: []uintptr{0, uintptr(pipe[1]), uintptr(pipe[1])}})
	unix.Close(pipe[1])
	if err != nil {
		return "", 0, err
	}
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(pipe[0], buf)
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			break
		}
		said += string(buf[:n])
	}
	var ws unix.WaitStatus
	for {
		if _, err = unix.Wait4(pid, &ws, 0, nil); err != unix.EINTR {
			break
		}
	}
	if ws.Signaled() {
		return "", 0, fmt.Errorf("killed by %v", ws.Signal())
	}
	return strings.ReplaceAll(strings.TrimSpace(said), "\n", "; "), ws.ExitStatus(), err
}

// lookPath returns where a program is, or "".
func lookPath(program string) string {
	for _, dir := range strings.Split(os.Getenv("PATH")+":/usr/bin:/bin", ":") {
		if path := dir + "/" + program; strings.HasPrefix(dir, "/") && unix.Access(path, unix.X_OK) == nil {
			return path
		}
	}
	return ""
}

// setuid says if a program cannot do its work because it has no rights.
func setuid(path string) string {
	var st unix.Stat_t
	if unix.Stat(path, &st) == nil && st.Mode&unix.S_ISUID != 0 {
		return ""
	}
	if n, err := unix.Getxattr(path, "security.capability", nil); err == nil && n > 0 {
		return ""
	}
	return fmt.Sprintf("%s is neither setuid nor has it a file capability; install its package again, or chmod u+s %s", path, path)
}

// userName returns a user's name from /etc/passwd, or the number.
func userName(uid int) string {
	text, _ := os.ReadFile("/etc/passwd")
	number := strconv.Itoa(uid)
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == number {
			return f[0]
		}
	}
	return number
}

// A span is so many ids from first on.
type span struct{ first, count uint64 }

// subordinate finds what is missing in /etc/subuid for a mapping: the answer is a clause, or "" if it
// is not that. text is what the file has.
func subordinate(text, file, user string, uid int, m []specs.LinuxIDMapping) string {
	var mine []span
	free := uint64(100000)
	for _, line := range strings.Split(text, "\n") {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 {
			continue
		}
		first, err1 := strconv.ParseUint(f[1], 10, 32)
		count, err2 := strconv.ParseUint(f[2], 10, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		if f[0] == user || f[0] == strconv.Itoa(uid) {
			mine = append(mine, span{first, count})
		}
		if end := first + count; end > free && end+65536 < 1<<32 {
			free = (end + 65535) / 65536 * 65536
		}
	}
	if len(mine) == 0 {
		return fmt.Sprintf("%s has no subordinate ids; add the line %s:%d:65536 to %s", user, user, free, file)
	}
	for _, l := range m {
		want := span{uint64(l.HostID), uint64(l.Size)}
		if want == (span{uint64(uid), 1}) || covered(want, mine) {
			continue
		}
		have := ""
		for i, s := range mine {
			if i > 0 {
				have += " and "
			}
			have += fmt.Sprintf("%d to %d", s.first, s.first+s.count-1)
		}
		return fmt.Sprintf("the host's ids %d to %d are not all %s's: %s gives %s", want.first, want.first+want.count-1, user, file, have)
	}
	return ""
}

// covered tells whether all ids of a span are in others.
func covered(want span, have []span) bool {
	for want.count > 0 {
		before := want
		for _, s := range have {
			if want.first >= s.first && want.first < s.first+s.count {
				n := s.first + s.count - want.first
				if n > want.count {
					n = want.count
				}
				want.first, want.count = want.first+n, want.count-n
			}
		}
		if want == before {
			return false
		}
	}
	return true
}
