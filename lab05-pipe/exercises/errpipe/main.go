// Errpipe finds out whether execve worked: `errpipe sleep 1` says "running" as soon as sleep runs.
//
// A parent that starts init sees it run, and later end. But when did it become the user's program? And if it could
// not, why not? An exit code of 127 may be the program's own. The old trick: a pipe whose write end is close-on-exec.
// If execve works, the kernel closes it, and the parent reads the end of the file: success, and now. If execve fails,
// the child writes the reason. Go's os/exec does so, and runc tells `start` in this way.
//
// Level: medium. About 30 minutes.
//
// Further reading: pipe(7), execve(2) on close-on-exec, fcntl(2) on FD_CLOEXEC
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: errpipe PROGRAM [ARGUMENT...]")
		os.Exit(2)
	}
	if os.Args[0] == "/proc/self/exe" {
		become(os.NewFile(3, "errpipe"), os.Args[1:])
		os.Exit(125)
	}
	os.Exit(run(os.Args[1:]))
}

func run(program []string) int {
	r, w, err := os.Pipe()
	if err != nil {
		fmt.Fprintln(os.Stderr, "errpipe:", err)
		return 125
	}
	cmd := exec.Command("/proc/self/exe", program...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdin, os.Stdout, os.Stderr, []*os.File{w}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "errpipe:", err)
		return 125
	}
	w.Close()
	if errno := outcome(r); errno != 0 {
		cmd.Wait()
		fmt.Fprintf(os.Stderr, "errpipe: execve %s: %v\n", program[0], errno)
		return 126
	}
	fmt.Fprintln(os.Stderr, "errpipe: running")
	cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// Task errpipe.1: become replaces this process by the program. It returns only if that failed, and has then written the
// errno into w: four bytes, the lowest first.
//
// w came from the parent as an inherited file descriptor, so it is *not* close-on-exec: make it so
// (syscall.CloseOnExec), or the program holds it open, and the parent waits for the program's end. If the program isn't in
// PATH, the errno is ENOENT.
//
//lab:task errpipe.1
func become(w *os.File, program []string) {
	syscall.CloseOnExec(int(w.Fd()))
	errno := syscall.ENOENT
	if path, err := exec.LookPath(program[0]); err == nil {
		errno = syscall.Exec(path, program, os.Environ()).(syscall.Errno)
	}
	w.Write(binary.LittleEndian.AppendUint32(nil, uint32(errno)))
	w.Close()
}

// Task errpipe.2: outcome reads what became of the child: 0 if it is the program now, the errno if execve failed.
//
// The end of the file without a byte is success. Less than four bytes are what a child leaves that was killed
// while it wrote: EIO.
//
//lab:task errpipe.2
func outcome(r io.Reader) syscall.Errno {
	data, err := io.ReadAll(r)
	switch {
	case err == nil && len(data) == 0:
		return 0
	case err != nil || len(data) != 4:
		return syscall.EIO
	}
	return syscall.Errno(binary.LittleEndian.Uint32(data))
}
