// Package attacks has no code but tests: each breaks out of a container in a way that worked once, in a real runtime.
//
// A container runtime works at a border. It has the host's rights, and what it reads comes from strangers: an image's files, a
// volume that another container is changing at this moment, a config.json with paths that somebody typed, a process that
// looks at what the runtime does. For ten years the holes have been of few kinds, and whoever knows the kinds
// sees them coming:
//
//   - something of the host's is still within reach when the stranger's program begins: a file descriptor, the working
//     directory, the runtime's own binary (descriptor_test.go, binary_test.go);
//   - a path is looked at, then used, and in between it has come to lead elsewhere (path_test.go);
//   - the kernel's own files, through which the runtime protects the container, are not the kernel's (proc_test.go,
//     mask_test.go);
//   - a right is handed on that nobody asked for, or a word is read as another one (right_test.go).
//
// Each attack is one function. Its comment says what the hole was, who closed it how, and what stands in the way here, so
// that you can read it beside the code that it attacks. It returns its loot, in words; nothing, if the door was shut. All of
// them go through the whole runtime: the program is run as an engine would run it.
//
// # How to know that an attack is one
//
// An attack that fails proves nothing by itself: it may be a bad one. So each has been made against a runtime from which
// somebody took the defence out, and there it came home with loot. Try it: the comments name the line. And each checks
// besides that its container ran, or that the runtime refused it with the words that belong to this defence.
//
// Those that are a matter of luck, races, are made some ten times here and a few hundred times with LABTEST_FULL=1. The packages
// under attack have races of their own, step by step and thousands of times: rootfs/attack_test.go, namespace/seal_test.go,
// process/escape_test.go.
package attacks
