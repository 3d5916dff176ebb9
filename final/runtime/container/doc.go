// Package container ties the others together: from a bundle to a running container, and back to nothing.
//
// # The way of `create`
//
//	bundle     config.json is read and checked                                          runtime
//	plan       every step is listed; nothing has been touched yet                       runtime
//	state      the directory is made and locked; what will be made is written down      runtime
//	cgroup     is made, and its limits are written                                      runtime
//	init       is started in its namespaces                                             runtime
//	wire       init is told what to do, and makes the same plan                         both
//	mounts     the container's tree of files                                            init
//	hooks      other people's programs                                                  runtime
//	root       pivot_root: the host's files are gone                                    init
//	identity   user, groups, capabilities                                               init
//	ready      the state is complete; the runtime ends, and init waits for `start`      both
//	exec       the seccomp filter, and then execve                                      init
//
// While the kernel and Go bring init to life, which takes a millisecond or two, the runtime works
// on: it compiles the seccomp filter and writes limits. What takes longest is done first, and the two
// only wait for one another where one needs the other.
//
// # Files
//
//	plan.go     the whole list of steps
//	config.go   what init is told
//	create.go   the runtime's half of create, and what is undone if it fails
//	launch.go   its steps: init is started, and told what to do
//	init.go     init's half, and exec's
//	start.go    start
//	exec.go     a further process in a running container
//	run.go      in the foreground: the terminal, signals, the exit code
//	refused.go  for which system call seccomp killed it
//	end.go      kill, delete, pause
//	look.go     state, list, ps, events
//	explain.go  every step in words
//	title.go    what ps shows of init
//
// # Nothing stays
//
// There is one way to remove a container, remove in end.go, and it starts from what the state
// directory says, not from what the calling process remembers. A create that fails takes it, delete
// takes it, and a create that was killed leaves everything that it needs.
package container
