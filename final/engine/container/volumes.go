package container

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/engine/inroot"
	"jocker/final/engine/layer"
)

// initPath is where --init's program is in a container. In /dev it is no change of the container's files, and hides none of the
// image's.
const initPath = "/dev/init"

// ParseVolume reads the text of -v: [SOURCE:]PATH[:OPTIONS]. A source that begins with a slash is a file or directory of the host,
// which is made if it is missing; another is a volume.
func ParseVolume(text string) (m MountPoint, err error) {
	bad := func(why string) (MountPoint, error) {
		return m, fmt.Errorf("invalid volume specification: '%s': %s", text, why)
	}
	m = MountPoint{Type: "volume", RW: true}
	parts := strings.Split(text, ":")
	switch len(parts) {
	case 1:
		m.Destination = parts[0]
	case 2, 3:
		m.Source, m.Destination = parts[0], parts[1]
		if len(parts) == 3 {
			m.Mode = parts[2]
		}
	default:
		return bad("it is [SOURCE:]PATH[:OPTIONS]")
	}
	if !path.IsAbs(m.Destination) {
		return bad("mount path must be absolute")
	}
	if m.Destination = path.Clean(m.Destination); m.Destination == "/" {
		return bad("destination can't be '/'")
	}
	if path.IsAbs(m.Source) {
		m.Type, m.Source = "bind", path.Clean(m.Source)
		m.Propagation = "rprivate"
	} else if m.Source != "" {
		if err := CheckName(m.Source); err != nil {
			return bad("a volume's name has letters, digits, _ . and -; a directory of the host begins with / (for the one you are in: $PWD/" + m.Source + ")")
		}
		m.Name, m.Source = m.Source, ""
	} else if len(parts) > 1 {
		return bad("the source is empty")
	}
	if m.Mode == "" {
		return m, nil
	}
	for _, option := range strings.Split(m.Mode, ",") {
		switch option {
		case "ro":
			m.RW = false
		case "rw", "z", "Z", "nocopy", "cached", "delegated", "consistent":
		case "private", "rprivate", "slave", "rslave":
			m.Propagation = option
		case "shared", "rshared":
			return bad("mounts that a container makes can't come to the host: jocker mounts in a name space of the container's shim; slave is possible")
		default:
			return bad("the option " + option + " is unknown")
		}
	}
	return m, nil
}

// mountOf returns a mount of -v or --mount as config.json has it, and makes what is missing of its source.
func (c *Container) mountOf(root *inroot.Dir, m MountPoint) (specs.Mount, error) {
	mount := specs.Mount{Destination: m.Destination, Type: "bind", Source: m.Source}
	switch m.Type {
	case "tmpfs":
		return specs.Mount{Destination: m.Destination, Type: "tmpfs", Source: "tmpfs",
			Options: append([]string{"noexec", "nosuid", "nodev"}, strings.FieldsFunc(m.Mode, func(r rune) bool { return r == ',' })...)}, nil
	case "volume":
		if !slices.Contains(strings.Split(m.Mode, ","), "nocopy") {
			if err := copyUp(root, m.Destination, m.Source); err != nil {
				return mount, fmt.Errorf("copying the image's %s into the volume %s: %w", m.Destination, m.Name, err)
			}
		}
	case "bind":
		if _, err := os.Stat(m.Source); errors.Is(err, os.ErrNotExist) {
			if err := os.MkdirAll(m.Source, 0o755); err != nil {
				return mount, fmt.Errorf("the mount's source: %w", err)
			}
		} else if err != nil {
			return mount, fmt.Errorf("the mount's source: %w", err)
		}
	}
	propagation := m.Propagation
	if propagation == "" {
		propagation = "rprivate"
	}
	mount.Options = []string{"rbind", propagation}
	if !m.RW {
		mount.Options = append(mount.Options, "ro")
	}
	return mount, nil
}

// copyUp fills an empty volume with what the image has at the place where it will be mounted. Both are walked in their roots: an
// image whose /data is a link to the host's /etc copies its own /etc (CVE-2022-23648).
func copyUp(root *inroot.Dir, at, volume string) error {
	if f, err := os.Open(volume); err == nil {
		_, err := f.Readdirnames(1)
		f.Close()
		if err != io.EOF {
			return err
		}
	}
	dir, err := root.OpenFile(at, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil // the image has nothing there, or a file
	}
	defer dir.Close()
	if names, _ := dir.Readdirnames(1); len(names) == 0 {
		return copyOwner(dir, volume)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	go func() {
		err := layer.Pack(w, "/proc/self/fd/"+strconv.Itoa(int(dir.Fd())))
		if err != nil {
			w.Write([]byte("x")) // the reader must not take it for whole
		}
		w.Close()
	}()
	defer r.Close()
	if _, err := layer.Apply(r, volume, 1<<40); err != nil {
		return err
	}
	return copyOwner(dir, volume)
}

// copyOwner gives the volume the owner and mode of the image's directory.
func copyOwner(dir *os.File, volume string) error {
	var st unix.Stat_t
	err := unix.Fstat(int(dir.Fd()), &st)
	if err == nil {
		err = os.Chown(volume, int(st.Uid), int(st.Gid))
	}
	if err == nil {
		err = os.Chmod(volume, os.FileMode(st.Mode&0o777))
	}
	return err
}
