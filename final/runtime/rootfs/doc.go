// Package rootfs makes a container's files: a tree of mounts with devices, which becomes the root, and
// from which the host's files cannot be reached.
//
// # What a container's root is
//
// Lab 06 showed it in three calls. Each process has a root directory, where paths that begin with /
// begin, and lives in a mount namespace, which says what is mounted where. A new namespace is a copy
// of the old one. In it a directory of the host becomes a mount of its own, proc and tmpfs and so on
// are mounted below it, pivot_root(2) makes it the root of the namespace, and the old root is
// unmounted. What cannot be named any more cannot be opened. That is all; a container's files are no disk
// and no machine.
//
// What lab 06 left out is that the author of an image is a stranger. The image may hold links where
// directories are expected, and a volume may be shared with a container that is running already, and
// changes files while we look at them. All this happens before the container is closed, by a process with
// all rights over the host. Half of the holes that runtimes had are of this kind.
//
// # By descriptor
//
// Hence one rule: no step uses a path twice. A path is walked once, by the kernel, with the
// container's root as a wall (openat2(2), Linux 5.6), and what was found is held as a descriptor,
// which goes on meaning the same file however often names change. Looking at it, mounting on it and
// changing its owner all go through the descriptor.
//
// mount(2) knows only paths. Its successors (Linux 5.2, and 5.12 for the last) take it apart, into
// calls on descriptors:
//
//	fsopen, fsconfig, fsmount   make a file system, and a mount of it that is nowhere yet
//	open_tree                   makes a second view of a mounted tree (a bind), that is nowhere yet
//	mount_setattr               changes attributes (read-only, nosuid) and propagation of such a mount, or of all in a tree
//	move_mount                  puts it somewhere: from one descriptor to another
//
// That is not only safer. Attributes are in force before the mount can be reached; each option is handed over by
// itself, so an error can say which one is wrong, often in the kernel's own words; and together
// it takes less than a millisecond. A kernel before 5.12 is refused by the name of the call that it lacks.
//
// # Propagation
//
// If / is shared, as systemd leaves it, mounts made in the copy appear in the original too: this is how
// a host loses its /proc in lab 03. So the first step makes the copy a slave: the host's new mounts still
// come in, and nothing goes out. Whoever wants mounts to go out (rootfsPropagation shared) gets that, but
// not for the root file system itself.
//
// # How to read it
//
// Rootfs is the plan, in rootfs.go, and its lists of steps tell the order:
//
//	config.go    the part of config.json that is about files, and what in it can't work
//	options.go   "ro", "rbind", "size=64m": what the words of a mount mean
//	resolve.go   a path of the container, found or made in its tree; read this one twice
//	root.go      the tree becomes a mount, and at last the root; nopivot.go if pivot_root does not work
//	mount.go     one mount: source, place, and the one put on the other
//	  bind.go      a view of what is mounted already
//	  new.go       a file system
//	  cgroup.go    the container's cgroups, v1 and v2
//	  copyup.go    a tmpfs that begins with the image's files
//	source.go    what the runtime must open for init, if there is a user namespace
//	idmap.go     owners of files, translated
//	dev.go       devices and links in /dev; console.go; null.go
//	proc.go      why nothing may be mounted on /proc; sysctl.go writes settings of the kernel
//	mask.go      what of /proc and /sys is hidden or read-only
//	cause.go     what an errno is likely to mean, call by call
//
// The attacks that each file is about are in attack_test.go, and are first made on code that is written
// the naive way, where they succeed.
//
// Sources: mount_namespaces(7), pivot_root(2), openat2(2), fsopen(2), mount_setattr(2),
// Documentation/filesystems/sharedsubtree.rst in the kernel; config.md, config-linux.md and
// runtime-linux.md of the OCI runtime specification.
package rootfs
