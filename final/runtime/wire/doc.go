// Package wire is lab05's pipe, grown up: how the runtime tells init what to do, and hears how it went.
//
// In lab05 the parent wrote the arguments into a pipe, and the pipe was also the barrier: init could
// not run ahead, because it had nothing to run. Here it is the same, with three things added.
//
// The pipe has become a pair of sockets (socketpair(2)), for init has to answer: that its mounts are made
// and the hooks may run, that it is ready, or what went wrong. When one side dies, the other reads the
// end of the file, as in lab05; so both ends are closed on exec, and each side keeps only its own.
//
// Sockets of the kind AF_UNIX carry file descriptors besides bytes (SCM_RIGHTS of unix(7)): a mount that
// only the runtime could open, the console's socket. What arrives is closed on exec, without a moment
// in which it is not (MSG_CMSG_CLOEXEC): a descriptor of the host that reached the user's program would
// be a way out (CVE-2024-21626).
//
// And the data has become a structure, most of config.json. The codec (codec.go) writes any Go value of
// plain data as lengths and bytes, without names: both ends are the same program, so both know the type.
// encoding/json would take longer to prepare for the type than the whole of init takes to mount /proc.
//
// A message is a kind, a length and that many bytes (channel.go).
package wire
