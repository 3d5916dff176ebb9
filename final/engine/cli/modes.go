package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"jocker/final/engine/container"
)

func (f *createFlags) checkModes() error {
	h, c := &f.o.Host, &f.o.Config
	for _, m := range []struct {
		flag, mode string
		known      string // separated by spaces; "container" is container:NAME
	}{
		{"ipc", h.IpcMode, "host private shareable none container"},
		{"pid", h.PidMode, "host private container"},
		{"uts", h.UTSMode, "host private"},
		{"cgroupns", h.CgroupnsMode, "host private"},
		{"userns", h.UsernsMode, "host"}, // as with Docker: a container with a root of its own is made by an engine that has one
	} {
		if err := checkMode(m.flag, m.mode, strings.Fields(m.known)); err != nil {
			return err
		}
	}
	if h.OomScoreAdj < -1000 || h.OomScoreAdj > 1000 {
		return fmt.Errorf("Invalid value %d, range for oom score adj is [-1000, 1000]", h.OomScoreAdj)
	}
	if (h.NetworkMode == "host" || strings.HasPrefix(h.NetworkMode, "container:")) && len(f.publish) > 0 {
		return fmt.Errorf("Conflicting options: port publishing and the %s network", h.NetworkMode)
	}
	if h.Init && mounted(f.o.Mounts, "/dev") {
		return fmt.Errorf("Conflicting options: --init and a mount on /dev, where the init program is put")
	}
	if c.StopTimeout != nil && *c.StopTimeout < -1 {
		return fmt.Errorf("invalid --stop-timeout %d: seconds, or -1 to wait for ever", *c.StopTimeout)
	}
	if c.StopSignal != "" {
		if _, err := container.ParseSignal(c.StopSignal); err != nil {
			return err
		}
	}
	if len(c.Hostname) > 63 {
		return fmt.Errorf("invalid hostname: %s: 63 characters at most", c.Hostname)
	}
	if c.WorkingDir != "" && !filepath.IsAbs(c.WorkingDir) {
		return fmt.Errorf("the working directory '%s' is invalid, it needs to be an absolute path", c.WorkingDir)
	}
	return nil
}

// checkMode says whether a name space's mode is one of those that it can have.
func checkMode(flag, mode string, known []string) error {
	name, isContainer := strings.CutPrefix(mode, "container:")
	if mode == "" {
		return nil
	}
	for _, k := range known {
		if k == mode && k != "container" || k == "container" && isContainer && name != "" {
			return nil
		}
	}
	return fmt.Errorf("--%s: invalid %s mode %q: it is %s", flag, strings.ToUpper(flag), mode,
		strings.ReplaceAll(strings.Join(known, ", "), "container", "container:NAME"))
}

func mounted(mounts []container.MountPoint, path string) bool {
	for _, m := range mounts {
		if m.Destination == path {
			return true
		}
	}
	return false
}
