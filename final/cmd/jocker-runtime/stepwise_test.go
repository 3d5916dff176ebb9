package main

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/container"
	"jocker/final/runtime/step"
)

// In the tests that kill at each step the test binary is the runtime. It is the same program but for one thing: before each
// step it tells the test which one, over a unix socket, and waits for its word to go on. Init is the same binary again, as
// always, and does the same.
//
// Init has no environment, and the one of exec begins inside of the container. So the socket's folder has the container's name
// in its own, and the test mounts it in the container at the same path.

// stepwisePrefix begins the names of those containers, and of those folders.
const stepwisePrefix = "jocker-stepwise-"

// stepwiseID tells the runtime which container it is about.
const stepwiseID = "JOCKER_STEPWISE"

func init() {
	id := os.Getenv(stepwiseID)
	if container.IsInit() {
		_, title, _ := strings.Cut(os.Args[0], " init of ")
		id, _, _ = strings.Cut(title, ":")
	}
	if !strings.HasPrefix(id, stepwisePrefix) {
		return
	}
	w := walker{path: filepath.Join(os.TempDir(), id, "socket")}
	w.connect()
	step.Before = w.stop
	if container.IsInit() {
		runtime.LockOSThread()
		os.Exit(container.Init())
	}
	debug.SetGCPercent(-1)
	os.Exit(run(os.Args[1:]))
}

// A walker goes step by step.
type walker struct {
	path string
	fd   int
}

func (w *walker) connect() {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: w.path})
	}
	if err != nil {
		panic(err)
	}
	w.fd = fd
}

// stop says which step is next, and waits. If the test has gone away it goes on.
func (w *walker) stop(s *step.Step) {
	what, _ := s.Say()
	message := []byte(s.Actor.String() + "\n" + s.Stage + "\n" + what)
	_, err := unix.Write(w.fd, message)
	if err == unix.EBADF { // that was the last step but one: close all other files
		w.connect()
		_, err = unix.Write(w.fd, message)
	}
	for err == nil || err == unix.EINTR {
		var n int
		if n, err = unix.Read(w.fd, make([]byte, 1)); err == nil || n == 1 {
			return
		}
	}
}
