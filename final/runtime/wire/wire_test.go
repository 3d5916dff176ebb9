package wire

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// sample has every kind of field that config.json has.
func sample() *specs.Spec {
	yes, limit, score := true, int64(-1), -500
	mode := os.FileMode(0o620)
	return &specs.Spec{
		Version: "1.3.0",
		Process: &specs.Process{
			Args: []string{"sh", "-c", "echo '\xff\x00'", ""}, Env: []string{}, Cwd: "/", OOMScoreAdj: &score,
			Rlimits: []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1<<64 - 1, Soft: 1024}},
		},
		Annotations: map[string]string{"a": "1", "b": ""},
		Linux: &specs.Linux{
			Resources: &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit, DisableOOMKiller: &yes}, Unified: map[string]string{}},
			Devices:   []specs.LinuxDevice{{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229, FileMode: &mode}},
			Sysctl:    nil,
		},
	}
}

func TestCodec(t *testing.T) {
	want := sample()
	got := &specs.Spec{}
	require.NoError(t, Unmarshal(Marshal(want), got))
	require.Empty(t, cmp.Diff(want, got))
	require.NotNil(t, got.Process.Env, "an empty list is not no list")
	require.Nil(t, got.Linux.Sysctl)
}

// Damaged data gives an error or another value, and takes no more memory than it could have needed.
func TestCodecDamage(t *testing.T) {
	data := Marshal(sample())
	for n := range data {
		require.Error(t, Unmarshal(data[:n], &specs.Spec{}), "the first %d bytes", n)
	}
	require.Error(t, Unmarshal(append(data, 0), new(specs.Spec)))
	var list []string
	require.ErrorContains(t, Unmarshal([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, &list), "elements")
	require.Panics(t, func() { Marshal(func() {}) })
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(Marshal(sample()))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, again := &specs.Spec{}, &specs.Spec{}
		if Unmarshal(data, got) != nil {
			return
		}
		require.NoError(t, Unmarshal(Marshal(got), again))
	})
}

func TestChannel(t *testing.T) {
	a, b, err := Pair()
	require.NoError(t, err)
	long := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB: many times what a socket holds
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	sent := make(chan error, 1)
	go func() {
		if err := a.Send(1, long, int(file.Fd()), int(file.Fd())); err != nil {
			sent <- err
			return
		}
		sent <- a.Send(2, nil)
	}()
	m, err := b.Receive()
	require.NoError(t, err)
	var got []byte
	require.NoError(t, m.Decode(&got))
	require.True(t, m.Kind == 1 && bytes.Equal(long, got))
	require.Len(t, m.Files, 2)
	for _, fd := range m.Files {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		require.NoError(t, err)
		require.Equal(t, unix.FD_CLOEXEC, flags, "a descriptor that survives exec leaks into the container")
		unix.Close(fd)
	}
	m, err = b.Receive()
	require.NoError(t, err)
	require.EqualValues(t, 2, m.Kind)
	require.Empty(t, m.Files)
	require.NoError(t, <-sent)

	require.NoError(t, a.Close())
	_, err = b.Receive()
	require.Equal(t, io.EOF, err)
	require.ErrorIs(t, b.Send(3, nil), unix.EPIPE)
	require.NoError(t, b.Close())
}

// A side that dies in the middle of a message must not look like one that ended well.
func TestChannelCutOff(t *testing.T) {
	for n := 1; n < 9; n++ {
		a, b, err := Pair()
		require.NoError(t, err)
		_, err = unix.Write(a.fd, []byte{7, 4, 0, 0, 0, 'a', 'b', 'c', 'd'}[:n])
		require.NoError(t, err)
		require.NoError(t, a.Close())
		_, err = b.Receive()
		require.Equal(t, io.ErrUnexpectedEOF, err, "%d bytes", n)
		require.NoError(t, b.Close())
	}
}
