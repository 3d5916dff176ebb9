package child

import (
	"bytes"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

const (
	cloneShared   = 0x100 | 0x4000 // CLONE_VM|CLONE_VFORK
	clearHandlers = 1 << 32        // CLONE_CLEAR_SIGHAND
)

// start runs a list and returns what it wrote into a pipe of which arguments have the number -1, and
// its exit code.
func start(t *testing.T, flags uint64, ops, failed []Op) (p *Program, out string, code int) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	p = &Program{Ops: ops, Failed: &failed[0], Clone: CloneArgs{Flags: flags | clearHandlers, ExitSignal: uint64(syscall.SIGCHLD)}}
	for _, list := range [][]Op{ops, failed} {
		for i := range list {
			if list[i].Nr == syscall.SYS_WRITE {
				list[i].Arg[0] = w.Fd()
			}
		}
	}
	pid := Spawn(p)
	w.Close()
	require.Positive(t, pid)
	var b bytes.Buffer
	_, err = b.ReadFrom(r)
	require.NoError(t, err)
	var ws syscall.WaitStatus
	_, err = syscall.Wait4(pid, &ws, 0, nil)
	require.NoError(t, err)
	require.True(t, ws.Exited(), "%#x", ws)
	return p, b.String(), ws.ExitStatus()
}

func text(s string) [6]uintptr {
	b := []byte(s)
	keep = append(keep, b)
	return [6]uintptr{0, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))}
}

var keep [][]byte

func write(s string) Op { return Op{Nr: syscall.SYS_WRITE, Arg: text(s)} }
func exit(code uintptr) Op {
	return Op{Nr: syscall.SYS_EXIT_GROUP, Arg: [6]uintptr{code}}
}

// Results, jumps, errors that count and errors that do not, with the parent's memory and with a copy.
func TestSpawn(t *testing.T) {
	for _, flags := range []uint64{0, cloneShared} {
		fails := Op{Nr: syscall.SYS_CLOSE, Arg: [6]uintptr{9999}}
		allowed := fails
		allowed.Free = 1
		ops := []Op{
			{Nr: syscall.SYS_GETPPID},
			allowed,
			write("a"), // jumps
			write("never"),
			write("b"),
			{Nr: syscall.SYS_EXIT_GROUP}, // with the result of getppid, cut to 8 bits
		}
		ops[0].Out = &ops[5].Arg[0]
		ops[2].Jump = &ops[4]
		_, out, code := start(t, flags, ops, []Op{exit(77)})
		require.Equal(t, "ab", out)
		require.Equal(t, os.Getpid()&0xff, code)

		ops = []Op{write("a"), fails, write("never"), exit(0)}
		p, out, code := start(t, flags, ops, []Op{write("failed"), exit(77)})
		require.Equal(t, "afailed", out)
		require.Equal(t, 77, code)
		if flags == 0 {
			require.Zero(t, p.Errno, "the child has memory of its own")
		} else {
			require.EqualValues(t, syscall.EBADF, p.Errno)
			require.Equal(t, uintptr(unsafe.Pointer(&ops[1])), p.At)
		}
	}
}

// An error of clone3 itself, and the signal mask, which is as before in any case.
func TestSpawnError(t *testing.T) {
	p := &Program{Clone: CloneArgs{Flags: 0x800 | 0x10000}} // CLONE_THREAD without the rest
	require.Equal(t, -int(syscall.EINVAL), Spawn(p))
	var now uint64
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, 0, 0, uintptr(unsafe.Pointer(&now)), 8, 0, 0)
	require.Zero(t, errno)
	require.Equal(t, p.Mask, now)
}
