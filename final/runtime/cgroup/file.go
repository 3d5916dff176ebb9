package cgroup

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// writeFile writes a value into a file of a cgroup, in one call: the kernel takes each for a whole
// value. The file is not created: a cgroup refuses that with EACCES, which would hide that there is no such file.
func writeFile(path, value string) error {
	fd, err := open(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		if _, err = unix.Write(fd, []byte(value)); err != unix.EINTR {
			return err
		}
	}
}

// write writes into a file of the container's cgroup in this hierarchy. The error says what went wrong and why.
func (h *Hierarchy) write(file, value string) error {
	dir := h.Dir()
	if err := writeFile(dir+"/"+file, value); err != nil {
		return fail.Call(callWrite(dir+"/"+file, value), err, h.why(dir, file, value, err))
	}
	return nil
}

// read reads a file of the container's cgroup in this hierarchy.
func (h *Hierarchy) read(file string) (string, error) {
	path := h.Dir() + "/" + file
	data, err := read(path)
	if err != nil {
		return "", fail.Call(callRead(path), err, h.why(h.Dir(), file, "", err))
	}
	return string(data), nil
}

func callWrite(path, value string) string { return fmt.Sprintf("write(%q, %q)", path, value) }
