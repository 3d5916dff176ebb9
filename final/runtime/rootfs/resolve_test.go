package rootfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// crooked is a root full of links, in a directory to which nothing may be added.
func crooked(t testing.TB) (r *Rootfs, dir string) {
	t.Helper()
	dir = t.TempDir()
	root := filepath.Join(dir, "root")
	require.NoError(t, os.MkdirAll(root+"/d/e", 0o755))
	require.NoError(t, os.WriteFile(root+"/f", nil, 0o644))
	for name, target := range map[string]string{
		"root": "/", "up": "../../..", "run": "/missing/run", "near": "d/gone", "loop": "loop", "d/back": "../run",
		"abs": dir, "tofile": "f", "d/dot": ".", "long": strings.Repeat("d/dot/../", 20) + "d/x",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(root, name)))
	}
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	return &Rootfs{cfg: &Config{Root: root}, root: fd}, dir
}

// where says what a descriptor is of.
func where(t testing.TB, fd int, dir string) string {
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	require.NoError(t, err)
	return strings.TrimPrefix(name, dir)
}

func TestPlace(t *testing.T) {
	for path, want := range map[string]string{
		"/d/e":           "/root/d/e",
		"/":              "/root",
		"/../../d":       "/root/d",
		"/up/d":          "/root/d",
		"/root/d":        "/root/d",
		"/new":           "/root/new",
		"/a/b/./c//d/":   "/root/a/b/c/d",
		"/up/up/new":     "/root/new",
		"/run":           "/root/missing/run", // a link to what does not exist, as /var/run -> /run
		"/run/secrets":   "/root/missing/run/secrets",
		"/near/x":        "/root/d/gone/x",
		"/d/back/x":      "/root/missing/run/x",
		"/d/e/../../new": "/root/new",
		"/long/y":        "/root/d/x/y",
	} {
		r, dir := crooked(t)
		fd, err := r.place(path, true)
		require.NoError(t, err, path)
		require.Equal(t, want, where(t, fd, dir), path)
		require.True(t, isDirectory(fd))
		unix.Close(fd)
	}
	r, dir := crooked(t)
	fd, err := r.place("/abs/x", true) // a path of the host, which means another one inside
	require.NoError(t, err)
	require.Equal(t, "/root"+dir+"/x", where(t, fd, dir))
	unix.Close(fd)

	fd, err = r.place("/g/h", false)
	require.NoError(t, err)
	require.False(t, isDirectory(fd))
	unix.Close(fd)

	for path, want := range map[string]string{
		"/loop/x":      `openat2("/loop/x", O_PATH, RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS): too many levels of symbolic links (ELOOP): it leads through a link in /proc to an open file, or through links without end; neither is followed`,
		"/tofile/x":    `openat2("/tofile/x", O_PATH, RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS): not a directory (ENOTDIR): a part of the path is a file, not a directory`,
		"/no/../../up": `mkdirat("/no/..", 0755): the path goes up from a directory that does not exist`,
	} {
		_, err := r.place(path, true)
		require.EqualError(t, err, want)
	}
}

// Whatever the path, it ends inside, and nothing is made outside.
func FuzzPlace(f *testing.F) {
	for _, path := range []string{"/up/up/x", "abs/../y", "run/../../z", "d/back/../../..", "//", "long/long", "near/near", "\x00", "d/dot/dot/n/../m"} {
		f.Add(path, true)
	}
	f.Fuzz(func(t *testing.T, path string, directory bool) {
		if len(path) > 200 {
			return
		}
		r, dir := crooked(t)
		fd, err := r.place(path, directory)
		list, readErr := os.ReadDir(dir)
		require.NoError(t, readErr)
		require.Len(t, list, 1)
		if err != nil {
			return
		}
		defer unix.Close(fd)
		name := where(t, fd, dir)
		require.True(t, name == "/root" || strings.HasPrefix(name, "/root/"), name)
	})
}

func TestSplit(t *testing.T) {
	for path, want := range map[string]string{"": "", "/": "", "a//b/./c/": "a b c", "/../a/..": ".. a .."} {
		require.Equal(t, want, strings.Join(split(path), " "))
	}
}
