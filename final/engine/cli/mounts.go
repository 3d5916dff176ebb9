package cli

import (
	"encoding/csv"
	"fmt"
	"os"
	"path"
	"strings"

	"jocker/final/engine/container"
)

// readMounts reads -v, --mount and --tmpfs.
func (f *createFlags) readMounts() error {
	for _, text := range f.volumes {
		m, err := container.ParseVolume(text)
		if err != nil {
			return err
		}
		if m.Type == "bind" {
			f.o.Host.Binds = append(f.o.Host.Binds, text)
		}
		f.o.Mounts = append(f.o.Mounts, m)
	}
	for _, text := range f.mounts {
		m, err := parseMount(text)
		if err != nil {
			return err
		}
		f.o.Mounts = append(f.o.Mounts, m)
	}
	for _, text := range f.tmpfs {
		at, options, _ := strings.Cut(text, ":")
		if !path.IsAbs(at) || path.Clean(at) == "/" {
			return fmt.Errorf("invalid tmpfs mount: %s: the path must be absolute and not /", text)
		}
		if f.o.Host.Tmpfs == nil {
			f.o.Host.Tmpfs = map[string]string{}
		}
		f.o.Host.Tmpfs[path.Clean(at)] = options
	}
	return nil
}

// parseMount reads the text of --mount: type=bind,source=/a,target=/b,readonly.
func parseMount(text string) (container.MountPoint, error) {
	m := container.MountPoint{Type: "volume", RW: true}
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return m, fmt.Errorf("invalid argument %q for --mount: %w", text, err)
	}
	var options []string
	for _, field := range fields {
		key, value, hasValue := strings.Cut(field, "=")
		switch strings.ToLower(key) {
		case "type":
			m.Type = value
		case "source", "src":
			m.Source = value
		case "target", "dst", "destination":
			m.Destination = path.Clean(value)
		case "readonly", "ro":
			m.RW = hasValue && value != "true" && value != "1"
		case "bind-propagation":
			if strings.HasSuffix(value, "shared") {
				return m, fmt.Errorf("--mount: bind-propagation=%s: mounts that a container makes can't come to the host; rslave is possible", value)
			}
			m.Propagation = value
		case "volume-nocopy":
			options = append(options, "nocopy")
		case "tmpfs-size":
			n, err := container.ParseSize(value)
			if err != nil {
				return m, err
			}
			options = append(options, fmt.Sprint("size=", n))
		case "tmpfs-mode":
			options = append(options, "mode="+value)
		case "consistency":
		default:
			return m, fmt.Errorf("invalid argument %q for --mount: unexpected key '%s' in '%s'", text, key, field)
		}
	}
	m.Mode = strings.Join(options, ",")
	switch {
	case !path.IsAbs(m.Destination) || m.Destination == "/":
		return m, fmt.Errorf("invalid argument %q for --mount: target must be an absolute path, and not /", text)
	case m.Type == "bind" && !path.IsAbs(m.Source):
		return m, fmt.Errorf("invalid argument %q for --mount: a bind mount's source must be an absolute path", text)
	case m.Type == "bind":
		if _, err := os.Stat(m.Source); err != nil {
			return m, fmt.Errorf("invalid mount config for type \"bind\": bind source path does not exist: %s", m.Source)
		}
	case m.Type == "volume":
		if m.Name, m.Source = m.Source, ""; m.Name != "" {
			return m, container.CheckName(m.Name)
		}
	case m.Type == "tmpfs":
		if m.Source != "" {
			return m, fmt.Errorf("invalid argument %q for --mount: a tmpfs has no source", text)
		}
	default:
		return m, fmt.Errorf("invalid argument %q for --mount: mount type unknown: %q: it is bind, volume or tmpfs", text, m.Type)
	}
	return m, nil
}
