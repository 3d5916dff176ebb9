// Fdpass hands an open file to another process: `fdpass FILE` opens a file, and a child that may not open it reads it.
//
// Pipes carry bytes. A unix socket carries file descriptors, too (SCM_RIGHTS): the receiver gets a descriptor of its
// own for the very file that the sender has open. An OCI runtime sends the terminal of a container to its caller in
// this way (--console-socket), and the right to use something can be given without the right to open it.
//
// Level: hard. About 40 minutes.
//
// Further reading: unix(7), cmsg(3); syscall.UnixRights and syscall.ParseUnixRights
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: fdpass FILE")
		os.Exit(2)
	}
	run := parent
	if os.Args[0] == "/proc/self/exe" {
		run = child
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "fdpass:", err)
		os.Exit(1)
	}
}

func parent(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "socket"), os.NewFile(uintptr(pair[1]), "socket")
	cmd := exec.Command("/proc/self/exe", name)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, []*os.File{theirs}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	theirs.Close()
	err = send(int(ours.Fd()), int(f.Fd()), name)
	ours.Close()
	return errors.Join(err, cmd.Wait())
}

func child(string) error {
	fd, name, err := receive(3)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	_, err = io.Copy(os.Stdout, f)
	return err
}

// Task fdpass.1: send sends a file descriptor over a unix socket, together with its name.
//
// The name is the data of the message; the descriptor goes into the control part (syscall.UnixRights). A
// message without data would not be sent: refuse an empty name.
//
//lab:task fdpass.1
func send(socket, fd int, name string) error {
	if name == "" {
		return errors.New("a descriptor needs a name to travel with")
	}
	return os.NewSyscallError("sendmsg", syscall.Sendmsg(socket, []byte(name), syscall.UnixRights(fd), nil, 0))
}

// Task fdpass.2: receive receives what send sends. The descriptor must be close-on-exec from the first moment.
//
// Recvmsg with MSG_CMSG_CLOEXEC; room for the control part of one descriptor is syscall.CmsgSpace(4). Parse
// it (ParseSocketControlMessage, ParseUnixRights). Zero bytes are the end: the sender has gone. If there is not exactly
// one descriptor, close those that came, and say so.
//
//lab:task fdpass.2
func receive(socket int) (fd int, name string, err error) {
	data, control := make([]byte, 4096), make([]byte, syscall.CmsgSpace(4))
	n, c, _, _, err := syscall.Recvmsg(socket, data, control, syscall.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, "", os.NewSyscallError("recvmsg", err)
	}
	if n == 0 {
		return -1, "", io.EOF
	}
	messages, err := syscall.ParseSocketControlMessage(control[:c])
	if err != nil {
		return -1, "", err
	}
	var fds []int
	for i := range messages {
		rights, _ := syscall.ParseUnixRights(&messages[i])
		fds = append(fds, rights...)
	}
	if len(fds) != 1 {
		for _, other := range fds {
			syscall.Close(other)
		}
		return -1, "", fmt.Errorf("%d descriptors came with %q, not one", len(fds), data[:n])
	}
	return fds[0], string(data[:n]), nil
}
