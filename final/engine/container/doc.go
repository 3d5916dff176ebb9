// Package container knows containers: their files, their life, and the OCI configuration that a runtime gets.
//
// # The truth about a container
//
// There is no daemon that knows. A container is a directory; container.json in it says what it was created with and
// state.json what its shim last wrote. A shim can be killed, and a machine can lose power, so "running" in state.json is
// believed only if the process it names is there and started when it says (Status). Whatever else is true of a running
// container, that it is paused or what it uses, is asked of the kernel.
//
// # Who may do what at once
//
// A command that changes a container holds its lock (flock(2)) while it does. Its name is taken by making a symbolic link,
// which succeeds for one process only. Waiting for a container's end is done without the lock: its shim takes it then, to remove
// a container that goes with its end (--rm).
//
// # Starting
//
// Start does four things, of which two happen at the same time: it gives the container a network name space with an
// address; in a mount name space of its own it mounts the overlay, finds out what can only be known of a mounted image (who
// is "www-data"?), and writes config.json; then it starts the shim from there, and hears from it whether the container runs.
//
//	config.go   what a container is created with
//	store.go    the containers' directories: making, finding, locking, removing
//	status.go   how a container is
//	create.go   create: an image and options become a directory
//	start.go    start
//	mount.go    the overlay and the mount name space
//	files.go    hosts, hostname, resolv.conf
//	spec.go     config.json; capability.go, resources.go: parts of it
//	volumes.go  -v, --mount and --tmpfs
//	user.go     who is meant by a user's name
//	stop.go     signals, stop, wait, remove
//	exec.go     further programs in a running container
package container
