package main

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// rootfs makes the image busybox in lab06's store, without a registry and without Docker. It is a
// stack of two layers: busybox with a link for each of its programs, and above it the settings.
//
// The busybox is, in this order, what the user's tarball holds; this machine's own, if it is static
// (a dynamic one would look for its libraries in a root that has none); or the distribution's,
// unpacked from its package without installing it.
func rootfs(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 1 {
		return usageError{errors.New("at most one tarball is wanted")}
	}
	if os.Getuid() != 0 {
		return errors.New("the store belongs to root: sudo make rootfs")
	}
	defer syscall.Umask(syscall.Umask(0o022)) // a stricter one would lock a container's ordinary users out
	store := os.Getenv("JOCKER_LABS")
	if store == "" {
		store = "/var/lib/jocker-labs"
	}
	for _, dir := range []string{"layers", "images"} {
		if err := os.MkdirAll(filepath.Join(store, dir), 0o755); err != nil {
			return err
		}
	}
	scratch, err := os.MkdirTemp(filepath.Join(store, "layers"), ".new-") // same file system: rename works
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)

	files, settings := filepath.Join(scratch, "files"), filepath.Join(scratch, "settings")
	if len(args) == 1 {
		if err = unpackTarball(ctx, args[0], files); err == nil {
			fmt.Fprintf(stdout, "layer 1: the files of %s\n", args[0])
		}
	} else {
		err = busyboxLayer(ctx, files, scratch, stdout)
	}
	if err != nil {
		return err
	}
	if err := settingsLayer(settings); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "layer 2: users, groups and directories")

	var image struct{ Layers, Command []string }
	image.Command = []string{"sh"}
	for _, layer := range []string{files, settings} {
		id, err := keepLayer(layer, filepath.Join(store, "layers"))
		if err != nil {
			return err
		}
		image.Layers = append(image.Layers, id)
	}
	data, err := json.MarshalIndent(image, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(store, "images", "busybox.json")
	if err := os.WriteFile(file+".new", append(data, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "image busybox: %s, layers %s\n", file, strings.Join(image.Layers, " and "))
	return nil
}

// unpackTarball unpacks a root file system that the user vouches for. GNU tar and busybox's refuse
// names that lead out of the directory.
func unpackTarball(ctx context.Context, tarball, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "tar", "-xf", tarball, "-C", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("tar can't unpack %s: %w\n%s", tarball, err, out)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		return fmt.Errorf("%s is empty: a tarball of a root file system is wanted, with bin/sh in it", tarball)
	}
	if _, err := os.Lstat(filepath.Join(dir, "bin/sh")); err != nil {
		return fmt.Errorf("%s has no bin/sh: a tarball of a root file system is wanted", tarball)
	}
	return nil
}

// busyboxLayer makes bin/busybox and a link to it for each program that it can be.
func busyboxLayer(ctx context.Context, dir, scratch string, stdout io.Writer) error {
	busybox, err := findBusybox(ctx, scratch)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/busybox"), data, 0o755); err != nil {
		return err
	}
	list, err := exec.CommandContext(ctx, busybox, "--list-full").Output()
	if err != nil {
		return fmt.Errorf("%s --list-full: %w", busybox, err)
	}
	links := 0
	for _, path := range strings.Fields(string(list)) {
		link := filepath.Join(dir, path)
		if filepath.Base(path) == "busybox" || filepath.Dir(path) == "." { // such as linuxrc
			continue
		}
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("/bin/busybox", link); err != nil {
			return err
		}
		links++
	}
	fmt.Fprintf(stdout, "layer 1: %s with %d links, sha256 %x\n", busybox, links, sha256.Sum256(data))
	return nil
}

// findBusybox returns a static busybox: this machine's, or the distribution's.
func findBusybox(ctx context.Context, scratch string) (string, error) {
	if path, err := exec.LookPath("busybox"); err == nil && isStatic(path) {
		return path, nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", errors.New("there is no static busybox here: install one (Fedora: dnf install busybox; Alpine: apk add busybox-static), or name a tarball: make rootfs TARBALL=rootfs.tar")
	}
	script := `apt-get download -q busybox-static || { apt-get update -q && apt-get download -q busybox-static; } && dpkg-deb -x busybox-static_*.deb .`
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir = scratch
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("apt-get can't fetch busybox-static: %w\n%s\nName a tarball instead: make rootfs TARBALL=rootfs.tar", err, out)
	}
	for _, path := range []string{"bin/busybox", "usr/bin/busybox"} {
		if path = filepath.Join(scratch, path); isStatic(path) {
			return path, nil
		}
	}
	return "", errors.New("the package busybox-static holds no static busybox")
}

// isStatic tells whether a file is a program that needs no libraries: an ELF file that names no
// interpreter, as the dynamic loader is called there.
func isStatic(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	for _, segment := range f.Progs {
		if segment.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}

// settingsLayer makes what isn't a program: users, groups, and directories of the usual names.
func settingsLayer(dir string) error {
	for path, mode := range map[string]fs.FileMode{
		"etc": 0o755, "root": 0o700, "tmp": fs.ModeSticky | 0o777, "var": 0o755, "var/tmp": fs.ModeSticky | 0o777, "home": 0o755,
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			return err
		}
	}
	for path, content := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
		"etc/group":  "root:x:0:\nnobody:x:65534:\n",
		"etc/motd":   "This file lies in a read-only layer of the image.\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return os.Chmod(dir, 0o755)
}

// keepLayer moves a layer to its place, under the digest of what is in it: the same files are the
// same layer, and are there once.
func keepLayer(dir, layers string) (id string, err error) {
	sum := sha256.New()
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		fmt.Fprintf(sum, "%q %v ", name, info.Mode())
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(sum, "%x\n", sha256.Sum256(data))
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			fmt.Fprintf(sum, "%q\n", target)
			return err
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	id = hex.EncodeToString(sum.Sum(nil))[:12]
	place := filepath.Join(layers, id)
	os.Remove(place) // only an empty directory is so removed
	err = os.Rename(dir, place)
	if errors.Is(err, fs.ErrExist) { // it is there, with files in it
		err = nil
	}
	return id, err
}
