package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// newStore makes an empty store for a test. What it holds belongs to root.
func newStore(t *testing.T) string {
	t.Helper()
	require.Zero(t, os.Getuid(), "this test needs root: sudo make test")
	dir := t.TempDir()
	t.Setenv("JOCKER_LABS", dir)
	return dir
}

// makeRootfs calls rootfs and returns what it says, and the image.
func makeRootfs(t *testing.T, args ...string) (said string, layers []string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err = rootfs(context.Background(), args, &stdout, &stderr)
	require.Empty(t, stderr.String())
	leftovers, _ := filepath.Glob(filepath.Join(os.Getenv("JOCKER_LABS"), "layers", ".*"))
	require.Empty(t, leftovers)
	if err != nil {
		return stdout.String(), nil, err
	}
	data, err := os.ReadFile(filepath.Join(os.Getenv("JOCKER_LABS"), "images/busybox.json"))
	require.NoError(t, err)
	var image struct{ Layers, Command []string }
	require.NoError(t, json.Unmarshal(data, &image))
	require.Equal(t, []string{"sh"}, image.Command)
	require.Len(t, image.Layers, 2)
	for _, id := range image.Layers {
		require.Regexp(t, "^[0-9a-f]{12}$", id)
		layers = append(layers, filepath.Join(os.Getenv("JOCKER_LABS"), "layers", id))
	}
	return stdout.String(), layers, nil
}

// modes lists a folder: the mode of each file, and where a link leads.
func modes(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		target, _ := os.Readlink(path)
		found[name] = strings.TrimSpace(info.Mode().String() + " " + target)
		return nil
	}))
	return found
}

func TestRootfs(t *testing.T) {
	newStore(t)
	said, layers, err := makeRootfs(t)
	require.NoError(t, err)
	require.Regexp(t, `^layer 1: \S+busybox with \d+ links, sha256 [0-9a-f]{64}
layer 2: users, groups and directories
image busybox: \S+/images/busybox.json, layers [0-9a-f]{12} and [0-9a-f]{12}
$`, said)

	busybox := modes(t, layers[0])
	require.Equal(t, "-rwxr-xr-x", busybox["bin/busybox"])
	require.True(t, isStatic(filepath.Join(layers[0], "bin/busybox")))
	for _, applet := range []string{"bin/sh", "bin/ls", "usr/bin/env"} {
		require.Equal(t, "Lrwxrwxrwx /bin/busybox", busybox[applet], applet)
	}
	for name, mode := range busybox {
		switch {
		case name == "bin/busybox":
		case mode == "drwxr-xr-x":
		default:
			require.Equal(t, "Lrwxrwxrwx /bin/busybox", mode, name)
		}
	}
	require.Empty(t, cmp.Diff(map[string]string{
		".": "drwxr-xr-x", "etc": "drwxr-xr-x", "home": "drwxr-xr-x", "root": "drwx------", "tmp": "dtrwxrwxrwx", "var": "drwxr-xr-x", "var/tmp": "dtrwxrwxrwx",
		"etc/group": "-rw-r--r--", "etc/motd": "-rw-r--r--", "etc/passwd": "-rw-r--r--",
	}, modes(t, layers[1])))

	// The same files are the same layers, whoever makes them.
	defer syscall.Umask(syscall.Umask(0o077))
	again, layersAgain, err := makeRootfs(t)
	require.NoError(t, err)
	require.Equal(t, said, again)
	require.Equal(t, layers, layersAgain)
	require.Equal(t, 0o077, syscall.Umask(0o077), "our umask is as it was")
	all, err := os.ReadDir(filepath.Dir(layers[0]))
	require.NoError(t, err)
	require.Len(t, all, 2)
}

// TestRootfsMends: lab06 says that make rootfs mends a missing or empty layer, and damaged metadata.
func TestRootfsMends(t *testing.T) {
	store := newStore(t)
	_, layers, err := makeRootfs(t)
	require.NoError(t, err)
	before := modes(t, store)
	require.NoError(t, os.RemoveAll(layers[0]))
	require.NoError(t, os.RemoveAll(layers[1]))
	require.NoError(t, os.Mkdir(layers[1], 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(store, "images/busybox.json"), []byte("{"), 0o644))
	_, _, err = makeRootfs(t)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(before, modes(t, store)))
}

func TestRootfsInterrupted(t *testing.T) {
	store := newStore(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	require.ErrorIs(t, rootfs(ctx, nil, &out, &out), context.Canceled)
	require.Equal(t, map[string]string{".": modes(t, store)["."], "images": "drwxr-xr-x", "layers": "drwxr-xr-x"}, modes(t, store))
}

// writeTar writes a tarball of files, given as name and content; a name that ends with a slash is a folder.
func writeTar(t *testing.T, files ...string) (path string) {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for i := 0; i < len(files); i += 2 {
		header := tar.Header{Name: files[i], Mode: 0o755, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}
		if strings.HasSuffix(files[i], "/") {
			header.Typeflag = tar.TypeDir
		}
		require.NoError(t, w.WriteHeader(&header))
		_, err := w.Write([]byte(files[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	path = filepath.Join(t.TempDir(), "root file system.tar")
	require.NoError(t, os.WriteFile(path, archive.Bytes(), 0o644))
	return path
}

func TestRootfsTarball(t *testing.T) {
	newStore(t)
	tarball := writeTar(t, "bin/", "", "bin/sh", "a shell", "opt/", "", "opt/data", "data")
	said, layers, err := makeRootfs(t, tarball)
	require.NoError(t, err)
	require.Contains(t, said, "layer 1: the files of "+tarball+"\n")
	content, err := os.ReadFile(filepath.Join(layers[0], "bin/sh"))
	require.NoError(t, err)
	require.Equal(t, "a shell", string(content))
	require.FileExists(t, filepath.Join(layers[0], "opt/data"))

	for tarball, text := range map[string]string{
		writeTar(t):                      " is empty: a tarball of a root file system is wanted, with bin/sh in it",
		writeTar(t, "README", "hello"):   " has no bin/sh: a tarball of a root file system is wanted",
		filepath.Join(t.TempDir(), "no"): ": exit status 2\ntar: ",
		os.Args[0]:                       ": exit status 2\ntar: ", // no tarball
	} {
		_, _, err := makeRootfs(t, tarball)
		require.ErrorContains(t, err, tarball+text)
	}

	// Nothing gets out of the layer.
	evil := filepath.Join(t.TempDir(), "evil")
	_, layers, err = makeRootfs(t, writeTar(t, "bin/sh", "", evil, "absolute"))
	require.NoError(t, err, "tar makes it a relative path")
	require.FileExists(t, filepath.Join(layers[0], evil))
	require.NoFileExists(t, evil)
	_, _, err = makeRootfs(t, writeTar(t, "bin/sh", "", "../../../evil", "upwards"))
	require.ErrorContains(t, err, "'..'")

	require.ErrorAs(t, rootfs(context.Background(), []string{"a", "b"}, nil, nil), &usageError{})
}

func TestIsStatic(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755))
	for path, want := range map[string]bool{
		"/bin/sh": false, // on every distribution that has a C library to share
		script:    false, "/no/such/file": false, "/": false,
	} {
		require.Equal(t, want, isStatic(path), path)
	}
	require.True(t, isStatic(staticBusybox(t)))
}

// staticBusybox asks ldd, not the code under test.
func staticBusybox(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("busybox")
	require.NoError(t, err, "this test needs a static busybox: apt-get install busybox-static")
	ldd, _ := exec.Command("ldd", path).CombinedOutput()
	require.Contains(t, string(ldd), "not a dynamic executable", "this test needs a static busybox: apt-get install busybox-static")
	return path
}

// TestFindBusybox puts together machines out of a PATH: which busybox they have, and which apt-get.
func TestFindBusybox(t *testing.T) {
	real := staticBusybox(t)
	machine := func(programs map[string]string) (path string, err error) {
		dir := t.TempDir()
		for _, tool := range []string{"sh", "mkdir", "cp"} {
			path, err := exec.LookPath(tool)
			require.NoError(t, err)
			require.NoError(t, os.Symlink(path, filepath.Join(dir, tool)))
		}
		for name, script := range programs {
			if strings.HasPrefix(script, "/") {
				require.NoError(t, os.Symlink(script, filepath.Join(dir, name)))
			} else {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755))
			}
		}
		t.Setenv("PATH", dir)
		return findBusybox(context.Background(), t.TempDir())
	}

	path, err := machine(map[string]string{"busybox": real})
	require.NoError(t, err)
	require.Equal(t, "busybox", filepath.Base(path))

	const none = "there is no static busybox here: install one (Fedora: dnf install busybox; Alpine: apk add busybox-static), or name a tarball: make rootfs TARBALL=rootfs.tar"
	_, err = machine(nil)
	require.EqualError(t, err, none)
	_, err = machine(map[string]string{"busybox": "/bin/sh"}) // a dynamic one
	require.EqualError(t, err, none)

	const unpack = `for dir do :; done; mkdir -p "$dir/bin"; cp `
	_, err = machine(map[string]string{"apt-get": "echo no network; exit 100"})
	require.ErrorContains(t, err, "apt-get can't fetch busybox-static: exit status 100\nno network\n")
	require.ErrorContains(t, err, "\nName a tarball instead: make rootfs TARBALL=rootfs.tar")
	_, err = machine(map[string]string{"apt-get": "exit 0", "dpkg-deb": unpack + `/bin/sh "$dir/bin/busybox"`})
	require.EqualError(t, err, "the package busybox-static holds no static busybox")
	path, err = machine(map[string]string{"busybox": "/bin/sh", "apt-get": "exit 0", "dpkg-deb": unpack + real + ` "$dir/bin/busybox"`})
	require.NoError(t, err)
	require.Equal(t, "bin/busybox", fmt.Sprint(filepath.Base(filepath.Dir(path)), "/", filepath.Base(path)))
}

func TestRootfsNotRoot(t *testing.T) {
	newStore(t)
	program, err := os.Open(tool) // the folder it lies in is closed to nobody
	require.NoError(t, err)
	defer program.Close()
	cmd := exec.Command("/proc/self/fd/3", "rootfs")
	cmd.ExtraFiles = []*os.File{program}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, "lab rootfs: the store belongs to root: sudo make rootfs\n", string(out))
}
