package rootfs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"jocker/final/runtime/bundle"
)

// The container of `jocker-runtime spec`, seen from inside.
func TestDefault(t *testing.T) {
	b := newBox(t)
	namespaces := b.Namespaces
	b.Config = FromSpec(bundle.Default(), b.dir)
	b.Namespaces = namespaces
	out := b.must(`busybox cat /proc/self/mountinfo; busybox ls -l /dev /`)
	require.Contains(t, out, "x")
}
