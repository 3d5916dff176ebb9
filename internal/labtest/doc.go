// Package labtest checks a lab from the outside: it runs the lab's binary and then asks the kernel.
//
// # Why ask the kernel
//
// A container runtime is a program that makes other programs live in a different world. Whether it
// succeeded can't be read from what it prints: a lab may well say "memory limited to 100m" while the
// workload runs beside the cgroup. The kernel knows better, and it answers in plain files:
//
//   - /proc/PID/ns/*      which namespaces a process is in: two processes share one if the inodes are equal;
//   - /proc/PID/cgroup    which cgroups it is in, and memory.max, memory.events … what these do to it;
//   - /proc/PID/mountinfo what the file system tree looks like to it;
//   - /proc/PID/cmdline   what it really runs: PID 1 of a container must be the user's program;
//   - wait(2)             how it ended.
//
// [Namespaces], [Children], [Cmdline], [Hierarchy] and [ReadCgroup] read these. They share no code with the
// labs, on purpose: if both had the same parser, they would have the same mistake and agree on it.
//
// # A test
//
//	func TestMain(m *testing.M) { labtest.Main(m) }
//
//	func TestHostname(t *testing.T) {
//		labtest.Snapshot(t)                                  // whatever happens below, the host stays as it is
//		r := labtest.Run(t, "lab02", "-uts", "hostname", "jocker")
//		require.Equal(t, 0, r.Code, r)                       // a failure prints both streams
//	}
//
// [Run] waits for the end of a command; [Cmd.Start] lets you look at it while it lives; [Pty] gives it a
// terminal and talks to it as a person would. [Cmd] holds whatever else it needs: environment, input, user.
//
// # The stage: two processes
//
// Tests of containers leave things behind when they fail, and that is when it hurts: orphans, mounts, a broken
// /proc. So [Main] doesn't run the tests itself. It starts the test binary a second time and stays as its
// supervisor:
//
//	go test ── supervisor                  subreaper: every orphan below it comes to it, as to an init
//	            ├─ the tests               in a mount namespace of their own, with / shared
//	            │   └─ lab03 run …         the parent half of a lab
//	            │       └─ sh              the container's PID 1
//	            └─ sh                      … and here it lands if a lab dies without it: found, reported, killed
//
// The supervisor reaps (wait(2)) what it inherits, so that no zombie stays, and never touches the children of the
// tests, whose exit codes os/exec wants itself. That is the job that PID 1 has in a container, too.
//
// The mount namespace protects the machine: it goes with its last process, and all mounts in it. Within it / is
// made shared again, as systemd leaves it on most machines. A lab that forgets to make its mounts private therefore
// fails visibly: what the container mounts appears in the mountinfo of the tests. This is the mistake that breaks
// the host's /proc, and ps along with it. LABTEST_PROPAGATION=host does without the namespace.
//
// Cgroups, links and host names have no such room of their own. Two test binaries at once would see each other's
// cgroups appear and go, so only one runs at a time; the others wait (an abstract unix socket is the lock).
// For the same reason a test that calls Snapshot can't call t.Parallel.
//
// # Before and after
//
// [Snapshot] photographs the host, and again when the test is over: mounts, host name, top-level cgroups, links,
// nftables, processes below the supervisor, files and modes that must not change. The kernel finishes some work later (a
// cgroup hierarchy dies when its last reference goes), so the second picture is taken again for up to three seconds.
// Parts of the machine in which others come and go are left out: the process table, cgroups further down, new cgroups
// in which others work.
//
// Don't let a lab mount anything below t.TempDir(): if the mount stays, the removal of that folder goes through it.
//
// # Dying at any moment
//
// A lab whose parent half is killed can't clean up any more. What must hold nevertheless is that no process and no
// visible mount stays: the kernel's signal at a parent's death, the end of namespaces, and the lab's guard see to it.
// [KillAtEverySyscall] proves it for each moment at which the outside world can change at all, which is between two
// system calls: a small tracer, as in strace, runs the command again and again, and kills it before its 1st, 2nd, 3rd …
// call.
//
// # Environment
//
//	LAB_BIN=dir               take binaries from dir (dir/lab03) instead of building them
//	LAB_SLOW=1                a slow machine (emulation): all time limits times ten, a quarter of the kills
//	LABTEST_PROPAGATION=host  no mount namespace for the tests
//
// All of it needs root. It runs on cgroup v1, v2 and both at once ([Layout]), on Linux only.
package labtest
