// Package state keeps what must be remembered of a container between two commands.
//
// A runtime is not a daemon. `create` ends while the container stays, and `start`, `kill` and `delete`
// are processes that come later and know nothing but an id. What they need lies in a directory,
// ROOT/ID, where ROOT is /run/jocker-runtime (in memory, and empty after a reboot, as the containers are gone then too):
//
//	state.json   the pid, when it was started, the bundle, the cgroups
//	config.json  a copy of the bundle's: what the container was made from, whatever happens to the bundle
//	start.sock   init listens here until `start` comes; then it is removed
//
// # A pid is not a name
//
// Pids are used again. A runtime that kept the pid alone would, some day, kill somebody else. The time
// at which a process was started (field 22 of /proc/PID/stat, in clock ticks since boot) tells two
// holders of a pid apart, so both are kept. To signal, a pidfd is opened first and then the time is
// compared: the pidfd cannot move to another process (pidfd_open(2)).
//
// # The status is never stored
//
// A stored status would be wrong as soon as the container ended by itself, or the runtime was killed. So
// it is found out each time. Is the process there, with the right start time? If not: stopped. Is its cgroup
// frozen? Then paused. Does init still listen on start.sock? Then created. Else it is running. And
// while state.json has no pid yet: creating if the directory is locked, and stopped if whoever held the lock has died.
//
// # Dying at any moment
//
// The directory is locked (flock(2)) by every command that changes the container; a lock goes with its
// holder, however that dies. state.json is written to another name and renamed, so a reader sees the
// old or the new one, never a half. And it is written before what it tells of is made: a cgroup that
// is recorded and does not exist can be removed safely, one that exists and is not recorded stays for ever.
package state
