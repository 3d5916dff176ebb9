// Package seccomp turns config.json's linux.seccomp, a list of system call names and what to do about
// them, into a program that the kernel runs before every system call of a container.
//
// # What seccomp is
//
// All of a container's dealings with the kernel are system calls. Name spaces change what a call
// sees, cgroups how much it gets, capabilities whether it may; but the code behind all of the 370 or
// so calls can still be reached, and holes have been found in the rarest. Seccomp (filters since Linux
// 3.5, the call seccomp(2) since 3.17) makes the door smaller: a process hands the kernel a filter, and
// from then on the kernel asks the filter about each of its calls. A filter cannot be taken off. It is
// inherited by children and survives execve, so the runtime's init loads it last and then becomes the
// container's program. Of several filters all are asked, and the strictest answer counts.
//
// A filter sees a struct seccomp_data:
//
//	int   nr                   the number of the system call
//	u32   arch                 which set of numbers is meant: AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, ...
//	u64   instruction_pointer  where in the program
//	u64   args[6]              the six argument registers
//
// and nothing else: where an argument is a pointer, it sees the address and not what lies there, for
// that could be changed between the check and the use. Nor does it see names. Number 2 is open on
// x86_64 and fork on x86, and one process can use both sets, so a filter that does not look at arch
// first is none. Its answer is 32 bits: allow, fail with this errno, kill the thread or the process,
// send SIGSYS, ask a tracer, ask a process that holds the other end (notify), or allow and log.
//
// # What a filter is made of
//
// A filter is a program for a very small machine, classic BPF of 1992: one register A that counts,
// loads from the data above, comparisons of A with a constant, forward jumps, and return. There are
// no loops, so the kernel knows that it ends. "Allow read and write (0 and 1) on x86_64, or else
// EPERM" is at its simplest
//
//	0  A = architecture
//	1  A == 0xc000003e ? 2 : 6
//	2  A = number
//	3  A >= 0x2 ? 5 : 4
//	4  return allow
//	5  return errno 1
//	6  return kill thread
//
// The machine has 32 bits and an argument 64, so an argument is compared in two halves; a jump goes
// no further than 255 instructions if it is conditional; a program has at most 4096 of them.
//
// # Why a tree
//
// The filter runs on every system call, so its length in steps matters. A profile such as Docker's
// names 360 calls. Asked one after the other, that is 180 comparisons on average, and 360 for a call
// that is not on the list. The compiler here sorts the numbers instead, joins neighbours with equal
// answers into spans, of which there are about sixty, and searches the spans like a word in a
// dictionary: is the number above or below the middle? Some six questions find the answer. Calls
// whose arguments are checked hang higher up, because since Linux 5.11 they are nearly the only ones
// for which the filter still runs (see tree.go).
//
// # How to read it
//
// The way from a profile to a program, a file a station:
//
//	rules.go     names to numbers: for each architecture, what the profile says of each call
//	order.go     which of several rules for one call is asked first
//	multiplex.go the old way to call socket and ipc on x86
//	term.go      a rule about 64-bit arguments, as tests of 32-bit words
//	decide.go    the tests of one call, as a decision graph without a needless question; what
//	             an answer teaches about the next one is in knowledge.go
//	tree.go      the numbers of one architecture, as a search tree; calls newer than the profile
//	assemble.go  graph and tree, as instructions
//	compile.go   all of that in turn
//	load.go      the program, into the kernel
//
// Beside it stand default.go, the profile for a container that brings none; names.go and explain.go,
// which say in words which call was refused; ask.go, which asks a filter without loading it; and
// features.go. The package internal/bpf runs a program without a kernel: with it the tests compare
// programs with what the profile means, for any call.
//
// Sources: seccomp(2), bpf(4), Documentation/userspace-api/seccomp_filter.rst in the kernel, and the
// section "Seccomp" of the OCI runtime specification's config-linux.md.
package seccomp
