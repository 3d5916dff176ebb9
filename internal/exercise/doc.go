// Package exercise turns the labs into things to do.
//
// The code in a lab's folder is the reference solution. Each function whose doc comment carries the directive
// `//lab:task 3.2` is a task, and from the solution this package makes what a student begins with, the *starter*: the
// same files with the bodies of the tasks taken out. Nothing is kept twice, so nothing can drift apart.
//
//	lab03-run-init/main.go                  work/lab03/main.go
//
//	// Task 3.2: mountProc mounts …         // Task 3.2: mountProc mounts …
//	//lab:task 3.2                          //lab:task 3.2
//	func mountProc() error {                func mountProc() error {
//		if err := syscall.Mount(…                panic("task 3.2 is yours: mountProc")
//		…                                   }
//
// A body is replaced by a panic, since that compiles whatever the function returns, needs no import, and says at run
// time which task is missing and in which line. Imports that only the solution used are pruned, for Go refuses unused
// ones; a comment in the body names them. Tasks of earlier labs stay solved.
//
// Besides its tasks each lab has *extra exercises*, small programs of their own in labNN-NAME/exercises/. They are made
// and graded in the same way; their tasks are numbered `//lab:task reap.1`.
//
// Reading order: exercise.go (what there is), starter.go (the cut), source.go (questions about Go files), hints.go,
// progress.go (what a student has done).
package exercise
