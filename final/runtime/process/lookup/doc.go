// Package lookup finds the program that a container is to run, and explains why one can't be run.
//
// # What the kernel says
//
// execve(2) has one number for many a mishap. ENOENT means that the file is not there; or that it is a
// script, and the interpreter in its "#!" line is not there; or that this line ends as Windows ends
// lines, so that the interpreter's name has an invisible character at its end; or that the file is
// linked with a C library whose loader is not there. "No such file or directory", says every
// runtime, of a file that the user can see with his eyes. ENOEXEC stands for an empty file, a script
// without "#!" and a program for another machine; EACCES for a missing x in the file's mode or in that of
// a directory above it, a directory, and a file system mounted noexec. But all that can be seen by
// looking at the file. So Why looks, when execve has failed, and only then: success costs nothing.
//
// # What engines want to read
//
// The runtime's caller learns of a failure by a text, and engines search it for words, to give the
// exit codes that a shell would: Docker and Podman end with 127 if they find "executable file not
// found" or "no such file or directory", and with 126 for "permission denied" or "is a directory".
// The words are those of runc, which is written in Go and has them from os/exec. So a failed search
// begins here as there,
//
//	exec: "nonexist": executable file not found in $PATH
//	exec: "/nonexist": stat /nonexist: no such file or directory
//	exec: "/etc/passwd": permission denied
//	exec: "/etc": is a directory
//
// and what is added must not contain such words where they are not meant: an explanation of EACCES
// never says that something does "not exist" in the kernel's words.
//
// # How to read it
//
//	path.go    the search in PATH, and its errors
//	why.go     an errno, as a cause
//	denied.go  the many reasons for EACCES
//	format.go  the first bytes of a file: what is it?
//	elf.go     the header of a program: for which machine, and which loader does it need?
//	script.go  the "#!" line, as the kernel reads it
//	long.go    what is too long in a long list of arguments
//
// All of it looks as the calling thread does: as the user, within the container's root, and perhaps
// under a seccomp filter. What can't be seen is not explained. The files come from the image, so they
// are taken for hostile: only regular files are opened, little is read, and no loop depends on them.
//
// Sources: execve(2), elf(5), credentials(7), path_resolution(7), and in the kernel fs/exec.c,
// fs/binfmt_elf.c and fs/binfmt_script.c.
package lookup
