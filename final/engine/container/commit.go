package container

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/engine/image"
)

// Commit makes an image of the container: its image, and what it changed as one more layer. It is frozen meanwhile if pause says so.
func (c *Container) Commit(name, author, message string, changes []string, pause bool) (*image.Image, error) {
	base, err := c.BaseImage()
	if err != nil {
		return nil, err
	}
	config := base.Config.Config
	config.Env, config.User, config.WorkingDir = c.Config.Env, c.Config.User, c.Config.WorkingDir
	config.Cmd, config.Entrypoint, config.StopSignal = c.Config.Cmd, c.Config.Entrypoint, c.Config.StopSignal
	config.ExposedPorts, config.Labels = c.Config.ExposedPorts, c.Config.Labels
	if err := Change(&config, changes); err != nil {
		return nil, err
	}
	if status, err := c.Status(); err == nil && pause && status.Running() && !status.Paused {
		if err := c.Pause(); err != nil {
			return nil, err
		}
		defer c.Unpause()
	}
	command := strings.Join(append([]string{c.Path}, c.Args...), " ")
	img, err := c.store.Images.Commit(base, config, c.Diff(), name, author, message, command)
	if err == nil {
		c.Tell("commit", "comment", message, "imageID", string(img.ID))
	}
	return img, err
}

// Change applies instructions of a Dockerfile to an image's configuration: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, WORKDIR
// and STOPSIGNAL.
func Change(c *image.RunConfig, instructions []string) error {
	for _, text := range instructions {
		word, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
		rest = strings.TrimSpace(rest)
		if rest == "" {
			return fmt.Errorf("--change %q: the instruction's arguments are missing", text)
		}
		pair := func() (string, string) {
			name, value, ok := strings.Cut(rest, "=")
			if !ok {
				name, value, _ = strings.Cut(rest, " ")
			}
			return name, strings.Trim(strings.TrimSpace(value), `"`)
		}
		switch strings.ToUpper(word) {
		case "CMD":
			c.Cmd = words(rest)
		case "ENTRYPOINT":
			c.Entrypoint = words(rest)
		case "ENV":
			name, value := pair()
			c.Env = MergeEnv(c.Env, []string{name + "=" + value})
		case "LABEL":
			name, value := pair()
			labels := map[string]string{name: value}
			for k, v := range c.Labels {
				if k != name {
					labels[k] = v
				}
			}
			c.Labels = labels
		case "EXPOSE":
			c.ExposedPorts = with(c.ExposedPorts, rest, "/tcp")
		case "VOLUME":
			for _, path := range words(rest) {
				if rest[0] != '[' {
					path = rest
				}
				c.Volumes = with(c.Volumes, path, "")
				if rest[0] != '[' {
					break
				}
			}
		case "USER":
			c.User = rest
		case "WORKDIR":
			c.WorkingDir = rest
		case "STOPSIGNAL":
			c.StopSignal = rest
		default:
			return fmt.Errorf("--change %q: %s is not a valid change command", text, word)
		}
	}
	return nil
}

// words reads a JSON list, or else a line for the shell.
func words(text string) (list []string) {
	if json.Unmarshal([]byte(text), &list) == nil {
		return list
	}
	return []string{"/bin/sh", "-c", text}
}

func with(set map[string]struct{}, key, kind string) map[string]struct{} {
	if kind != "" && !strings.Contains(key, "/") {
		key += kind
	}
	out := map[string]struct{}{key: {}}
	for k := range set {
		out[k] = struct{}{}
	}
	return out
}

// Changes lists what the container changed, as `diff` prints it: A added, C changed, D deleted.
func (c *Container) Changes() (list []string, err error) {
	root := c.Diff()
	below := func(path string) bool {
		for _, name := range c.Layers {
			if _, err := os.Lstat(filepath.Join(c.LayerDir(name), path)); err == nil {
				return true
			}
		}
		return false
	}
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		path = strings.TrimPrefix(path, root)
		var st unix.Stat_t
		if err := unix.Lstat(root+path, &st); err != nil {
			return nil // gone meanwhile
		}
		switch {
		case st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0:
			list = append(list, "D "+path)
		case below(path):
			list = append(list, "C "+path)
		default:
			list = append(list, "A "+path)
		}
		return nil
	})
	return list, err
}
