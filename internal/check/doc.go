// Package check looks at what a student wrote, and says what is wrong with it in terms of the kernel.
//
// # A program that nobody can trust
//
// A student's container runtime runs as root and is wrong: that is what it is checked for. It may cover the host's
// /proc, rename the machine, fork without end, fill the disk, or leave a cgroup that nobody can remove. So a check
// happens in a box that is thrown away whole:
//
//	lab check                        builds the program, makes the box's cgroups, waits, removes them
//	 └─ stage   PID 1 in namespaces  makes the mounts (stage.go), then only reaps
//	     └─ checks                   runs the program, asks the kernel, writes findings to a pipe (world.go, lab0N.go)
//	         └─ enter                joins the box's cgroup and its cgroup namespace, and becomes … (enter.go)
//	             └─ lab03 run …      … the student's program
//
// What goes wrong, and what holds it:
//
//	mounts, /proc covered      a mount namespace; the files of the host are read-only, /tmp is a small tmpfs
//	host name, IPC, links      UTS, IPC and network namespaces
//	processes without end      a PID namespace: when its number 1 ends, so does everything in it; pids.max meanwhile
//	memory                     memory.max of the box
//	a cgroup that stays        the program sees only a subtree: a cgroup namespace, with the hierarchies mounted in it;
//	                           afterwards the subtree is killed and removed from outside
//	a wait without end         time limits for each command, and one for the whole
//
// This is isolation against accidents. It is no prison: a program that is root and *wants* out, gets out. Grade
// strangers' programs in a VM.
//
// # How a check finds the mistake
//
// Most questions go to the kernel while the program runs: namespace inodes, cgroup files, mountinfo, /proc/1/cmdline
// (package labtest asks them). Some functions are pure, or can only be seen on the other cgroup version; for these the
// program is built with one more file, the probe (probe/), which calls a function if LAB_PROBE names it, and does
// nothing otherwise. And since a race is a matter of luck, the probe takes the luck out: with LAB_DELAY the function
// add sleeps before it moves a process, so that a child that doesn't wait is caught every time.
//
// A finding has a name, such as shared-root, and says what was observed, what was expected, what that means in the
// kernel, and where to read on: never the command that mends it. The grader is itself graded: mutants_test.go makes
// small mistakes in the reference solutions and wants each to be found under its own name.
package check
