package container

import (
	"github.com/opencontainers/runtime-spec/specs-go"

	"jocker/final/runtime/process"
	"jocker/final/runtime/rootfs"
)

// A config is what init has to know. It is plain data, and all that the two processes share: from it
// both make the same plan.
type config struct {
	ID string
	// Exec says that init is a further process in a running container: Rootfs and the hooks are empty.
	Exec    bool
	Process process.Config
	Rootfs  rootfs.Config
	// CgroupNamespace says that init makes itself a new cgroup namespace, once it is in its cgroup.
	CgroupNamespace bool
	// The hooks that init runs.
	CreateContainer, StartContainer []specs.Hook
	// State is the container's state as JSON, for those hooks.
	State []byte
	// Hooks says that the runtime has hooks to run, and init is to wait for them.
	Hooks bool
	// Explain says that the runtime wants to hear of each step.
	Explain bool
	// Files says what the file descriptors are that come along, in this order.
	Files struct {
		Doors   int // to the v1 cgroups (cgroup.Join)
		Rootfs  int // for rootfs
		Listen  int // 1 if there is the socket on which start comes
		Console int // 1 if there is the console socket
		Notify  int // 1 if there is the socket for the seccomp listener
	}
}

// fd is the file descriptor under which init finds its end of the channel, if nothing is preserved
// for the user: those come first.
const firstFD = 3

// The kinds of messages between the runtime and init.
const (
	msgConfig   = 'c' // runtime to init: a config, with files
	msgProgress = 'p' // init to runtime: a progress
	msgHooks    = 'h' // init to runtime, and back: it is time for the hooks; they have run. Init to start: the startContainer hooks have run
	msgReady    = 'r' // init to runtime, and back: all is prepared; it is written down, and start may come
	msgFailed   = 'f' // init to runtime: a failure
	msgStart    = 's' // start to init, or run in the place of its answer to msgReady
)

// progress tells that a step was made, or not.
type progress struct {
	N      int    // its number among init's
	Took   int64  // nanoseconds
	Failed string // the error, if it was one
}

// ready is what init says when all is prepared.
type ready struct{ Warnings []string }

// failure is what init says before it ends.
type failure struct{ Text string }

func (f failure) Error() string { return f.Text }
