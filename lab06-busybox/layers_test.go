package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"jocker/internal/labtest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	begin(t)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(path("file"), nil, 0o644))
	require.NoError(t, os.Symlink("file", path("link")))
	require.NoError(t, os.Symlink("nowhere", path("dangling")))
	require.NoError(t, syscall.Mkfifo(path("fifo"), 0o644))
	require.NoError(t, syscall.Mknod(path("null"), syscall.S_IFCHR|0o666, 1<<8|3))
	require.NoError(t, syscall.Mknod(path("whiteout"), syscall.S_IFCHR, 0))
	for _, name := range []string{"directory", "opaque", "partly", "longer"} {
		require.NoError(t, os.Mkdir(path(name), 0o755))
	}
	for name, value := range map[string]string{"opaque": "y", "partly": "x", "longer": "yes"} {
		require.NoError(t, syscall.Setxattr(path(name), "trusted.overlay.opaque", []byte(value), 0))
	}
	for name, want := range map[string]string{
		"file": "file", "link": "file", "dangling": "file", "fifo": "file", "null": "file",
		"whiteout": "whiteout", "directory": "directory", "opaque": "opaque", "partly": "directory", "longer": "directory",
	} {
		info, err := os.Lstat(path(name))
		require.NoError(t, err)
		require.Equal(t, want, describe(path(name), info), name)
	}
}

// TestLayers lets a container change its root in every way, and compares what `layers` says.
func TestLayers(t *testing.T) {
	begin(t)
	r := script(t, "-name box", `
		echo new >/new; mkdir /dir; echo x >/dir/x
		rm /etc/motd; echo changed >>/etc/passwd; chmod 600 /etc/group; rm /bin/sh
		rm -r /var; mkdir /var; rm -r /home`).Run(t)
	require.Equal(t, 0, r.Code, r)

	r = labtest.Run(t, lab, "layers", "box")
	require.Equal(t, 0, r.Code, r)
	require.Empty(t, r.Stderr)
	c := &container{name: "box"}
	upper, rest, _ := strings.Cut(r.Stdout, "init  ")
	require.Empty(t, cmp.Diff("upper, read-write  "+c.path("upper")+`
  directory bin
  whiteout  bin/sh
  directory dir
  file      dir/x
  directory etc
  file      etc/group
  whiteout  etc/motd
  file      etc/passwd
  whiteout  home
  file      new
  opaque    var
`, upper))
	init, images, _ := strings.Cut(rest, "image  ")
	require.Empty(t, cmp.Diff(c.path("init")+`
  directory dev
  directory etc
  file      etc/hostname
  file      etc/hosts
  file      etc/resolv.conf
  directory proc
  directory sys
`, init))
	settings, files, _ := strings.Cut(images, "image  ")
	require.Contains(t, settings, "\n  file      etc/passwd\n")
	require.Regexp(t, regexp.MustCompile(`^`+regexp.QuoteMeta(store("layers"))+`/[0-9a-f]{12}
  directory bin
(  file      bin/.*
){11}  \.\.\. and \d+ more
$`), files)
}
