// Package namespace starts processes in namespaces: a container's init in new ones, or in those of
// others, and what `exec` adds in those of a container that runs.
//
// # What it is about
//
// Lab02 started a shell with clone flags, and lab03 made it start itself first, as init. A namespace
// is what the kernel shows a process in place of the one machine: its mounts, its process numbers,
// its network, its users (namespaces(7)). There are eight kinds, and three ways into them:
//
//	clone3   a child is born in new ones
//	unshare  the caller makes new ones for itself
//	setns    the caller enters those that exist: by a file such as /proc/PID/ns/net, or all of a process by its pidfd
//
// A thread of Go cannot simply go all of these ways. Namespaces are a thread's and not a process's, and
// a user or time namespace is closed to a process with many threads. C programs take the steps before they
// become anything else; runc has a thousand lines of C for it, which run before Go does. Here the
// process that enters is made for that purpose, does nothing but system calls, and ends with execve: see
// internal/child, the only unsafe place, and the only one in assembly.
//
// # What makes it hard
//
// The order. Each kind has its own rule about when it is made or entered, and most are learnt from a
// puzzling errno:
//
//   - A PID namespace is entered by children only. To join one takes two processes (Start, Enter).
//   - A process in a new user namespace is nobody until its ids are mapped, and only somebody outside
//     can map more than one. So there is lab02's barrier again: the process waits, the runtime writes, or
//     has newuidmap(1) write where it is no root itself (idmap.go, idmap_helper.go).
//   - What is made after the user namespace belongs to it, and its root has rights over it. What was there
//     before belongs to the host. So the user namespace is made first, and entered between those
//     that belong to the old one and those that belong to it (join.go).
//   - Nor is a process root in there because its maps say so. It must become uid 0, or execve takes its
//     capabilities; and until then what it makes has an owner that is nobody inside.
//   - A cgroup namespace takes its maker's cgroup for the root of all: first the cgroup, then the namespace.
//     With cgroup v2 both come with the clone (CLONE_INTO_CGROUP). With v1 init makes it itself, later.
//   - A time namespace is set before it has processes. unshare makes it for the children only, the
//     offsets are written, and then setns enters.
//
// # What makes it dangerous
//
// For some milliseconds a program of the host's, with all rights and with open files of the host's, is inside
// of the container. Three old holes come from there. The container overwrites the program through
// /proc/PID/exe (CVE-2019-5736: seal.go); it looks into the process with ptrace (CVE-2016-9962: Enter); it
// finds a descriptor that somebody forgot to close (CVE-2024-21626: program.go). And the program is executed
// from a descriptor, by execveat(2): a path would be looked up in a file system that the container has
// arranged, with the host's rights.
//
// # How to read it
//
//	config.go        which namespaces: config.json's linux.namespaces, mappings and time offsets
//	start.go         from there to a list of system calls, in the right order
//	join.go          the namespaces to be joined: opened, checked, sorted by owner
//	enter.go         the list for exec
//	program.go       the list itself: how it is written, started and listened to; files, limits, execveat
//	internal/child   the loop that works through it in the child
//	idmap.go         user namespaces' maps, written by root, or by newuidmap for others (idmap_helper.go)
//	seal.go          the binary that the container cannot change
//	errors.go        what an errno means here
//	explain.go       the lines of --explain
//
// Linux 5.8 is needed (setns with a pidfd), and 5.12 for the cheap way to seal. What is older is refused by name.
//
// # What it costs
//
// On a virtual machine with two processors a small C program takes 400 µs from syscall.StartProcess to its
// end, and as much from here. A user or time namespace needs a copy of the page tables, which makes it half
// as much again; the namespaces of a container without a network of its own make it two times, and with
// that three to four times as long, most of it when they are taken down. To seal takes 45 µs. The rest of the
// time to a container's init is the start of Go in it, about 1 ms.
//
// Sources: clone(2), setns(2), unshare(2), the pages of each kind from user_namespaces(7) on, and the section
// "Namespaces" of the OCI runtime specification's config-linux.md.
package namespace
