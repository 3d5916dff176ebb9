package seccomp

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestAsk(t *testing.T) {
	filter, err := CompileFor(specs.ArchX86_64, DefaultFor(specs.ArchX86_64, nil))
	require.NoError(t, err)
	require.True(t, filter.Allows("execve"))
	require.True(t, filter.Allows("socket", unix.AF_INET))
	require.False(t, filter.Allows("socket", unix.AF_VSOCK))
	require.False(t, filter.Allows("chown32"), "x86_64 has no such call")
	require.False(t, filter.Allows("raed"))
	ret, known := filter.Ask("mount")
	require.True(t, known)
	require.EqualValues(t, unix.SECCOMP_RET_ERRNO|unix.EPERM, ret)
	_, known = filter.Ask("chown32")
	require.False(t, known)
}
