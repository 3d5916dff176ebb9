// Package user finds out who is meant by `exec --user`, and where a user is at home.
//
// The kernel knows users by numbers only. Names are a matter of two text files, /etc/passwd and
// /etc/group, and which two decides who "www-data" is: the container's, not the host's. They belong
// to the image, so whoever made the image says what is in them, and init reads them with all its
// rights left. It therefore takes only regular files (a FIFO would make it wait for ever), opens them
// when its root is the container's already (a symbolic link leads nowhere else), reads a bounded part
// of them, and passes over lines that make no sense, as the C libraries do.
//
// The string that a person types is read strictly. A reader that takes as much of it as looks like a
// number, as C's strtoul does, makes root (0) of what is none: in CVE-2026-30892 a runtime ran
// `exec --user` commands as another user than the one that was asked for.
//
//	parse.go  the string, as a Request
//	find.go   a Request, as numbers
//	files.go  the two files, line by line
//
// Sources: passwd(5), group(5), and the manual page runc-exec(8).
package user
