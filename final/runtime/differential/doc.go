// Package differential has no code but tests: the same bundles run under our runtime, runc and crun, and the containers
// must look alike from the inside.
//
// A specification leaves much open, and engines rely on what runc does there. So each trial here (trials_test.go) is a
// small change to runc's default bundle and a shell script that looks around in the container, and what it sees is
// compared line by line: exit code, output, and of /proc/self the files mountinfo, status, limits and cgroup, and the
// cgroup's own files. What may differ, and why, is a table: intended_test.go. A line that differs and isn't in it
// fails the trial, whichever of the two peers it differs from.
//
//	look_test.go        what is looked at, and what is left out because no two runs have it in common
//	trials_test.go      bundles: run
//	exec_test.go        a second process: exec
//	commands_test.go    the commands around them: state, kill, delete, update ...
//	intended_test.go    the differences that are meant
//
// OCITEST_RUNTIME=/usr/bin/runc compares another runtime instead of ours.
package differential
