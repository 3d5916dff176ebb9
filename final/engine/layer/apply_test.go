package layer

import (
	"archive/tar"
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func archive(t testing.TB, headers ...tar.Header) *bytes.Buffer {
	t.Helper()
	b := &bytes.Buffer{}
	w := tar.NewWriter(b)
	for _, h := range headers {
		h.Mode = 0o755
		if h.Typeflag == tar.TypeReg {
			h.Size = 2
		}
		require.NoError(t, w.WriteHeader(&h))
		if h.Size > 0 {
			w.Write([]byte("hi"))
		}
	}
	require.NoError(t, w.Close())
	return b
}

// TestHostile unpacks archives that want out of their directory. None may change the file outside.
func TestHostile(t *testing.T) {
	outside := t.TempDir()
	for _, e := range []struct {
		name    string
		refused bool
		headers []tar.Header
	}{
		{"..", true, []tar.Header{{Name: "../evil", Typeflag: tar.TypeReg}}},
		{".. in the middle", true, []tar.Header{{Name: "a/../../evil", Typeflag: tar.TypeReg}}},
		{"absolute name", false, []tar.Header{{Name: outside + "/evil", Typeflag: tar.TypeReg}}},
		{"absolute link", false, []tar.Header{{Name: "l", Linkname: outside, Typeflag: tar.TypeSymlink}, {Name: "l/evil", Typeflag: tar.TypeReg}}},
		{"relative link", false, []tar.Header{{Name: "l", Linkname: "../../../../../../.." + outside, Typeflag: tar.TypeSymlink}, {Name: "l/evil", Typeflag: tar.TypeReg}}},
		{"hard link out", true, []tar.Header{{Name: "h", Linkname: "../../../../../../../etc/passwd", Typeflag: tar.TypeLink}}},
		{"the root as a link", true, []tar.Header{{Name: ".", Linkname: outside, Typeflag: tar.TypeSymlink}}},
		{"the root as a file", true, []tar.Header{{Name: "./.", Typeflag: tar.TypeReg}}},
		{"whiteout of ..", true, []tar.Header{{Name: "a/.wh...", Typeflag: tar.TypeReg}}},
		{"whiteout of nothing", true, []tar.Header{{Name: ".wh.", Typeflag: tar.TypeReg}}},
		{"unknown kind", true, []tar.Header{{Name: "k", Typeflag: 'Z'}}},
	} {
		t.Run(e.name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Apply(archive(t, e.headers...), dir, 1<<20)
			if e.refused {
				require.Error(t, err)
			}
			left, err := os.ReadDir(outside)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestWhiteouts(t *testing.T) {
	dir := t.TempDir()
	_, err := Apply(archive(t, tar.Header{Name: "d/.wh.gone", Typeflag: tar.TypeReg}, tar.Header{Name: "o/.wh..wh..opq", Typeflag: tar.TypeReg},
		tar.Header{Name: ".wh.again", Typeflag: tar.TypeReg}, tar.Header{Name: "again/", Typeflag: tar.TypeDir},
		tar.Header{Name: "f", Typeflag: tar.TypeReg}, tar.Header{Name: "f", Typeflag: tar.TypeDir}, tar.Header{Name: "f/x", Typeflag: tar.TypeReg}), dir, 1<<20)
	require.NoError(t, err)
	var st unix.Stat_t
	require.NoError(t, unix.Lstat(dir+"/d/gone", &st))
	require.True(t, isWhiteout(&st))
	for _, name := range []string{"/o", "/again"} {
		value := make([]byte, 8)
		n, err := unix.Getxattr(dir+name, opaqueAttribute, value)
		require.NoError(t, err, name)
		require.Equal(t, "y", string(value[:n]))
	}
	data, err := os.ReadFile(dir + "/f/x")
	require.NoError(t, err)
	require.Equal(t, "hi", string(data))

	var packed bytes.Buffer
	require.NoError(t, Pack(&packed, dir))
	var names []string
	for r := tar.NewReader(&packed); ; {
		h, err := r.Next()
		if err != nil {
			break
		}
		names = append(names, h.Name)
	}
	require.Equal(t, []string{"again/", "again/.wh..wh..opq", "d/", "d/.wh.gone", "f/", "f/x", "o/", "o/.wh..wh..opq"}, names)
}

func TestTooLarge(t *testing.T) {
	_, err := Apply(archive(t, tar.Header{Name: "a", Typeflag: tar.TypeReg}), t.TempDir(), 1000)
	require.ErrorIs(t, err, ErrTooLarge)
}

func FuzzApply(f *testing.F) {
	f.Add(archive(f, tar.Header{Name: "a/b", Typeflag: tar.TypeReg}, tar.Header{Name: ".wh.c", Typeflag: tar.TypeReg}).Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		parent := t.TempDir()
		require.NoError(t, os.Mkdir(parent+"/in", 0o755))
		Apply(bytes.NewReader(data), parent+"/in", 1<<20)
		left, err := os.ReadDir(parent)
		require.NoError(t, err)
		require.Len(t, left, 1)
	})
}
