// Package process turns init, the runtime's process inside of a container, into the user's program.
//
// lab03 does it in three lines: mount /proc, find the program in PATH, execve. Here is the same, with
// what lies between "is in the new namespaces" and "is the user's program" filled in: another user
// with few rights, a terminal, limits, a security label, a filter for system calls, and no file open
// that the user did not ask for. config.json's "process" says all of it, and each is a step, one
// or two system calls long. What makes it hard is the order.
//
// # The order
//
// Most steps take away a right that other steps need. So each comes as late as it can, and before the
// step that would make it impossible:
//
//	Begin    hide           before the container's processes are its equals
//	         session        a terminal can only be taken by the leader of a session
//	         keyring        as long as no label and no filter is in force
//	Inside   makeCwd        before the root is made read-only
//	         terminal       in the container's /dev/pts, so not before its root is the root
//	Become   hostname       CAP_SYS_ADMIN
//	         scheduler      CAP_SYS_NICE; so do CPUs and I/O priority
//	         apparmor       a label is for the next execve, so it can be set long before
//	         raiseRlimits   CAP_SYS_RESOURCE; but only the hard limits, for tight limits could hurt init
//	         chdir          as root, who can enter what the user can't see
//	         stdio          CAP_CHOWN
//	         bounding       CAP_SETPCAP
//	         user           CAP_SETGID, then CAP_SETUID: with it the capabilities become ineffective
//	         capabilities   so they are set after it; the bounding set could not be any more
//	         noNewPrivs     nothing needs a right to come after
//	         lookUp         as the user, for whom a program may be out of reach
//	Finish   personality
//	         setRlimits     all is open, mapped and started that init needs
//	         closeFiles     nothing is opened any more
//	         exec           the seccomp filter, which may forbid each of the calls above; execve
//
// Between Become and Finish a container waits for `start`. What can go wrong should go wrong before,
// while `create` can still tell: that is why the program is looked up there.
//
// # One thread
//
// User, groups, capabilities, labels, filter and scheduling are the kernel's notes about a thread, not
// a process. A C library's setuid goes to some length to change them for all threads, and so
// does package syscall. Init does not: it makes its calls on the one thread that will call execve, and
// the other threads, which belong to the Go runtime and run none of the container's code, keep the
// rights of init until that execve ends them. So the caller locks the goroutine to its thread, the
// process's first, before the first step, and never unlocks it; and what a step needs to know about the thread
// is read from /proc/thread-self and not from /proc/self.
//
// # What is defended against
//
// Until execve, a process with the host's files in its descriptors and nearly all rights in its
// credentials handles names that the image's author chose. Where runtimes have been broken at this point,
// a comment names the CVE: the working directory in cwd.go, descriptors in finish.go, the terminal in
// terminal.go, files under /proc in package procfs, /etc/passwd in package user, capabilities in package capability.
//
// # How to read it
//
//	config.go      what init has to know, and the four lists
//	begin.go       hiding, session and keyring
//	inside.go      cwd.go and terminal.go: what has to do with the container's files
//	become.go      the list that gives up rights; identity.go, rlimits.go, scheduler.go, ioprio.go,
//	               affinity.go, label.go and env.go have its steps
//	finish.go      the end
//	null.go        why exec exchanges the host's /dev/null
//	check.go       what can be known to be wrong before anything is tried
//	oom.go         and connect.go: what the runtime does for it from outside
//
// Package lookup finds the program and explains why one can't be executed; read its doc.go next.
//
// Sources: the sections "Process" and "Linux Process" of the OCI runtime specification's config.md,
// credentials(7), capabilities(7), execve(2), and fs/exec.c in the kernel.
package process
