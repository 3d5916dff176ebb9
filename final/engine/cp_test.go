package engine

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree makes a directory src with files in it, and returns the directory that it is in.
func tree(t *testing.T) string {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(dir+"/src/sub", 0o755))
	require.NoError(t, os.WriteFile(dir+"/src/a", []byte("a"), 0o644))
	require.NoError(t, os.Chmod(dir+"/src/a", 0o4755))
	require.NoError(t, os.WriteFile(dir+"/src/sub/.wh.b", []byte("b"), 0o600))
	require.NoError(t, os.Symlink("/etc/passwd", dir+"/src/link"))
	return dir
}

// What a destination means is decided as cp(1) does, in a container that runs and in one that does not.
func TestCopy(t *testing.T) {
	h := newHost(t)
	dir := tree(t)
	h.ok("run", "-d", "--name", "box", "-v", "vol:/data", "busybox", "sleep", "1000")
	for _, running := range []bool{true, false} {
		if !running {
			h.ok("stop", "-t", "0", "box")
		}
		at := map[bool]string{true: "/r", false: "/s"}[running]
		list := func(path string) string {
			out, errs, code := h.run("", "cp", "box:"+path, "-")
			require.Zero(t, code, errs)
			var names []string
			for r := tar.NewReader(strings.NewReader(out)); ; {
				hd, err := r.Next()
				if err == io.EOF {
					return strings.Join(names, " ")
				}
				require.NoError(t, err)
				names = append(names, hd.Name)
			}
		}
		h.ok("cp", dir+"/src", "box:"+at)
		require.Equal(t, at[1:]+"/ "+at[1:]+"/a "+at[1:]+"/link "+at[1:]+"/sub/ "+at[1:]+"/sub/.wh.b", list(at))
		h.ok("cp", dir+"/src", "box:"+at) // it is there now
		require.Equal(t, "src/ src/a src/link src/sub/ src/sub/.wh.b", list(at+"/src"))
		h.ok("cp", dir+"/src/.", "box:/data"+at+"/") // a volume
		require.Equal(t, "a link sub/ sub/.wh.b", list("/data"+at+"/."))
		h.ok("cp", dir+"/src/a", "box:"+at+"/new")
		h.ok("cp", dir+"/src/a", "box:"+at+"/sub")
		require.Equal(t, "sub/ sub/.wh.b sub/a", list(at+"/sub"))
		require.Contains(t, h.fails(1, "cp", dir+"/src/a", "box:/none/"), "no such directory")
		require.Contains(t, h.fails(1, "cp", dir+"/src/a", "box:/none/x"), "no such directory")
		require.Contains(t, h.fails(1, "cp", dir+"/src", "box:"+at+"/a"), "not a directory")
		require.Contains(t, h.fails(1, "cp", dir+"/none", "box:/"), "no such file")
		require.Contains(t, h.fails(1, "cp", "box:/none", dir), "no such file")
		out := dir + "/out" + at[1:]
		h.ok("cp", "box:"+at, out)
		data, err := os.ReadFile(out + "/sub/.wh.b")
		require.NoError(t, err)
		require.Equal(t, "b", string(data))
		info, err := os.Stat(out + "/a")
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o755), info.Mode(), "set-user-ID is not for this machine")
		h.ok("cp", "-L", "box:"+at+"/link", dir+"/followed"+at[1:])
		data, err = os.ReadFile(dir + "/followed" + at[1:])
		require.NoError(t, err)
		require.Contains(t, string(data), "www-data", "the container's /etc/passwd")
	}
	h.ok("start", "box")
	require.Equal(t, "a", h.ok("exec", "box", "cat", "/s/a"))
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "x/../../etc/y", Mode: 0o644}))
	require.NoError(t, w.Close())
	_, errs, code := h.run(archive.String(), "cp", "-", "box:/tmp")
	require.Equal(t, 1, code)
	require.Contains(t, errs, `".."`)
	require.Contains(t, h.fails(1, "cp", "box:/a", "box:/b"), "not supported")
	require.Contains(t, h.fails(1, "cp", "a", "b"), "must specify at least one container")
}

// A container whose links lead to the host's files, and change while it is copied (CVE-2018-15664).
func TestCopyHostile(t *testing.T) {
	h := newHost(t)
	dir := tree(t)
	victim := t.TempDir()
	require.NoError(t, os.WriteFile(victim+"/secret", []byte("of the host"), 0o644))
	h.ok("run", "-d", "--name", "evil", "-e", "V="+victim, "busybox", "sh", "-c", `
		ln -s $V /abs; ln -s ../../../../../../../../$V /up; mkdir /dir /real; echo mine >/real/secret
		mknod /dev1 b 7 0; mkfifo /fifo; touch /ready
		while :; do ln -sfn $V /race; ln -sfn /real /race; done`)
	h.eventually("/ready", "exec", "evil", "sh", "-c", "echo /ready*")
	for _, path := range []string{"/abs/secret", "/up/secret"} {
		require.Contains(t, h.fails(1, "cp", "evil:"+path, dir), "no such file")
		require.Contains(t, h.fails(1, "cp", "-L", "evil:"+path, dir), "no such file")
		h.fails(1, "cp", dir+"/src/a", "evil:"+filepath.Dir(path)+"/planted")
	}
	for i := 0; i < 15; i++ {
		h.run("", "cp", dir+"/src/a", "evil:/race/planted")
		out, _, _ := h.run("", "cp", "evil:/race/secret", "-")
		require.False(t, strings.Contains(out, "of the host"))
	}
	left, err := os.ReadDir(victim)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing was written out of the container")
	// What comes out leads nowhere, is no device, and does not make us wait.
	h.ok("cp", "evil:/", dir+"/all")
	_, err = os.Lstat(dir + "/all/dev1")
	require.True(t, os.IsNotExist(err))
	target, err := os.Readlink(dir + "/all/abs")
	require.NoError(t, err)
	require.Equal(t, victim, target, "a link is copied as it is")
	_, err = os.Stat(dir + "/all/proc/1")
	require.True(t, os.IsNotExist(err))
	// A link that was copied is not followed by the next copy.
	h.ok("exec", "evil", "sh", "-c", "mkdir -p /next/abs && echo x >/next/abs/planted")
	h.run("", "cp", "evil:/next/.", dir+"/all")
	left, err = os.ReadDir(victim)
	require.NoError(t, err)
	require.Len(t, left, 1)
}
