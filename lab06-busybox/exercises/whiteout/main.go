// Whiteout changes a layer by hand: `whiteout delete UPPER PATH` and `whiteout replace UPPER PATH`.
//
// A container that deletes a file of its image changes nothing in the image: overlayfs notes the deletion in the upper
// layer. Whoever unpacks an image's layers from their tarballs must do the same by hand: a file called .wh.NAME in the
// tarball becomes a whiteout in the directory. Here you do what overlayfs does, and let it be the judge.
//
// Level: easy. About 20 minutes.
//
// Further reading: https://docs.kernel.org/filesystems/overlayfs.html#whiteouts-and-opaque-directories
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: whiteout delete|replace UPPER PATH")
		os.Exit(2)
	}
	var err error
	switch path := filepath.Join(os.Args[2], filepath.Clean("/"+os.Args[3])); os.Args[1] {
	case "delete":
		err = deleteInLayer(path)
	case "replace":
		err = replaceInLayer(path)
	default:
		err = fmt.Errorf("delete or replace, not %s", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "whiteout:", err)
		os.Exit(1)
	}
}

// Task whiteout.1: deleteInLayer deletes path, which lies in a layer, from all layers below, too.
//
// What the layer itself has there goes (a directory with all in it). In its place comes a whiteout: a
// character device of the number 0. The directories above path may not be in this layer yet.
//
//lab:task whiteout.1
func deleteInLayer(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := syscall.Mknod(path, syscall.S_IFCHR, 0); err != nil {
		return &fs.PathError{Op: "mknod", Path: path, Err: err}
	}
	return nil
}

// Task whiteout.2: replaceInLayer makes path an empty directory, whatever the layers below have there.
//
// A directory of the upper layer is merged with those of the same name below, unless it is opaque: the
// extended attribute "trusted.overlay.opaque" is "y". What the layer itself has at path goes.
//
//lab:task whiteout.2
func replaceInLayer(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	err := syscall.Setxattr(path, "trusted.overlay.opaque", []byte("y"), 0)
	if errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("setxattr %s: %w: trusted attributes are root's", path, err)
	}
	return err
}
