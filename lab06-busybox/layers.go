package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
)

// showLayers prints what each layer of a container holds, the uppermost first.
func showLayers(c *container) error {
	layers, err := c.layers()
	if err != nil {
		return err
	}
	for i, dir := range append([]string{c.path("upper")}, layers...) {
		fmt.Printf("%s  %s\n", []string{"upper, read-write", "init", "image"}[min(i, 2)], dir)
		if err := listLayer(dir); err != nil {
			return err
		}
	}
	return nil
}

// listLayer prints the files of a layer, or the first of them if they are many.
func listLayer(dir string) error {
	const most = 12
	count := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if count++; count > most {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		fmt.Printf("  %-9s %s\n", describe(path, info), name)
		return nil
	})
	if count > most {
		fmt.Printf("  ... and %d more\n", count-most)
	}
	return err
}

// Task 6.5: describe tells in a word what an entry of a layer does to the layers below it.
//
// A read-only layer can't lose a file, so overlayfs covers it with a whiteout: a character
// device with the number 0 (see Sys() of info, a *syscall.Stat_t). A directory that was removed and
// made anew must not show what the old one held: it is opaque, which the extended attribute
// "trusted.overlay.opaque" tells with the value "y". Return "whiteout", "opaque", "directory"
// for all other directories, or "file" for the rest.
//
//lab:task 6.5
func describe(path string, info fs.FileInfo) string {
	if info.Mode()&fs.ModeCharDevice != 0 && info.Sys().(*syscall.Stat_t).Rdev == 0 {
		return "whiteout"
	}
	value := make([]byte, 1)
	if n, err := syscall.Getxattr(path, "trusted.overlay.opaque", value); err == nil && string(value[:n]) == "y" {
		return "opaque"
	}
	if info.IsDir() {
		return "directory"
	}
	return "file"
}
