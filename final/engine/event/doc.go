// Package event keeps what happened, and lets others look on: `jocker events`.
//
// Docker's daemon is asked for events because the daemon makes everything happen. Here many processes do, commands and shims,
// and none of them is always there. What they have in common is a file: each appends a line to it, and whoever looks on waits
// for the file to grow.
//
//	2026-11-25T14:32:21.123456789Z container start 4f5e... image="busybox" name="web"
//
// Three properties of the kernel make this a message bus. write(2) to a file that was opened with O_APPEND puts a line at the
// end of the file in one piece, however many write at once. inotify(7) wakes those who look on, without polling. And
// flock(2) keeps the two things apart that must not happen at the same time: writing lines, which many may do (a shared
// lock), and beginning a new file (an exclusive one).
//
// The file lives in /run: events are news, and gone after a reboot. It is renamed to events.1 when it has a megabyte, and that
// is all that is kept. The package is part of every shim, so it has neither a JSON decoder nor formatted printing.
//
//	event.go   a line, written and read
//	append.go  writing, and rotation
//	follow.go  reading and waiting
package event
