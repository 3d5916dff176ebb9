package seccomp

// On x86 the socket calls were once one system call, socketcall, and the calls of System V IPC one
// other, ipc; the first argument says which is meant. Both still work beside the direct calls that
// Linux 4.3 and 5.1 brought, and C libraries still use them. So a rule for "connect" is also a rule
// for "socketcall with a first argument of 3".
//
// The other arguments of socketcall lie in memory, where a filter cannot look. A condition on the
// first argument of socket, say "not AF_VSOCK", is therefore lost on this way in. libseccomp does
// the same; who must close the gap forbids socketcall itself.
const (
	nrSocketcall = 102
	nrIPC        = 117
)

// multiplexed returns the number of the x86 call that a name is a part of, and the first argument
// that selects it (linux/net.h, linux/ipc.h); a number of -1 if there is none.
func multiplexed(name string) (number int32, op uint64) {
	switch name {
	case "socket":
		return nrSocketcall, 1
	case "bind":
		return nrSocketcall, 2
	case "connect":
		return nrSocketcall, 3
	case "listen":
		return nrSocketcall, 4
	case "accept":
		return nrSocketcall, 5
	case "getsockname":
		return nrSocketcall, 6
	case "getpeername":
		return nrSocketcall, 7
	case "socketpair":
		return nrSocketcall, 8
	case "send":
		return nrSocketcall, 9
	case "recv":
		return nrSocketcall, 10
	case "sendto":
		return nrSocketcall, 11
	case "recvfrom":
		return nrSocketcall, 12
	case "shutdown":
		return nrSocketcall, 13
	case "setsockopt":
		return nrSocketcall, 14
	case "getsockopt":
		return nrSocketcall, 15
	case "sendmsg":
		return nrSocketcall, 16
	case "recvmsg":
		return nrSocketcall, 17
	case "accept4":
		return nrSocketcall, 18
	case "recvmmsg":
		return nrSocketcall, 19
	case "sendmmsg":
		return nrSocketcall, 20
	case "semop":
		return nrIPC, 1
	case "semget":
		return nrIPC, 2
	case "semctl":
		return nrIPC, 3
	case "semtimedop":
		return nrIPC, 4
	case "msgsnd":
		return nrIPC, 11
	case "msgrcv":
		return nrIPC, 12
	case "msgget":
		return nrIPC, 13
	case "msgctl":
		return nrIPC, 14
	case "shmat":
		return nrIPC, 21
	case "shmdt":
		return nrIPC, 22
	case "shmget":
		return nrIPC, 23
	case "shmctl":
		return nrIPC, 24
	}
	return -1, 0
}
