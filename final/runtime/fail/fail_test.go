package fail

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestCall(t *testing.T) {
	for _, test := range []struct {
		err         error
		cause, want string
	}{
		{unix.EPERM, "no capability; be root", `f(1): operation not permitted (EPERM): no capability; be root`},
		{unix.ENOENT, "", `f(1): no such file or directory (ENOENT)`},
		{&os.PathError{Op: "open", Path: "/x", Err: unix.EIO}, "", `f(1): input/output error (EIO)`},
		{errors.New("short write"), "the disk is full", `f(1): short write: the disk is full`},
	} {
		err := Call("f(1)", test.err, test.cause)
		require.EqualError(t, err, test.want)
		require.ErrorIs(t, err, test.err)
	}
}
