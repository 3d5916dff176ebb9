package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
	"jocker/final/engine/image"
	"jocker/final/engine/layer"
	"jocker/final/engine/volume"
)

func inspectCommand(a *app) *cobra.Command { return inspectKind(a, "") }

// inspectImageCommand is `image inspect`, which knows images only, as `container inspect` does containers.
func inspectImageCommand(a *app) *cobra.Command { return inspectKind(a, "image") }

func inspectContainerCommand(a *app) *cobra.Command { return inspectKind(a, "container") }

// inspectKind makes the command; only is the kind of object that it knows, or "" for all.
func inspectKind(a *app, only string) *cobra.Command {
	var format string
	kind := only
	var size, run bool
	c := &cobra.Command{Use: "inspect [OPTIONS] NAME|ID [NAME|ID...]", Short: "Return low-level information on containers, images and volumes", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if run {
				return a.printCommands(args)
			}
			switch kind {
			case "", "container", "image", "volume":
			default:
				return fmt.Errorf("unknown type: %q: must be one of \"container\", \"image\", \"volume\"", kind)
			}
			var list []any
			failed := false
			for _, name := range args {
				v, err := a.inspect(name, kind, size)
				if err != nil {
					fmt.Fprintln(os.Stderr, "Error:", err)
					failed = true
					continue
				}
				list = append(list, v)
			}
			if err := printJSON(list, format); err != nil {
				return err
			}
			if failed {
				return exit(1)
			}
			return nil
		}}
	c.Flags().StringVarP(&format, "format", "f", "", "Format output using a custom template")
	if only == "" {
		c.Flags().StringVar(&kind, "type", "", "Return JSON for specified type: container, image or volume")
	}
	if only != "image" {
		c.Flags().BoolVarP(&size, "size", "s", false, "Display total file sizes if the type is container")
		c.Flags().BoolVar(&run, "run", false, "Print the command line that made the container")
	}
	return c
}

// printCommands prints the commands that made containers, for a shell.
func (a *app) printCommands(names []string) error {
	for _, name := range names {
		c, err := a.container(name)
		if err != nil {
			return err
		}
		var words []string
		for _, w := range c.Command {
			words = append(words, quote(w))
		}
		fmt.Println(strings.Join(words, " "))
	}
	return nil
}

// quote returns a word as a shell needs it.
func quote(w string) string {
	if w != "" && strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+") == "" {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

func (a *app) inspect(name, kind string, size bool) (any, error) {
	s, err := a.store()
	if err != nil {
		return nil, err
	}
	if kind == "" || kind == "container" {
		c, err := s.Find(name)
		if err == nil {
			return inspectContainer(c, size)
		}
		if kind != "" || !errors.Is(err, container.ErrNotFound) {
			return nil, err
		}
	}
	if kind == "" || kind == "image" {
		img, err := s.Images.Find(name)
		if err == nil {
			return inspectImage(s.Images, img), nil
		}
		if kind != "" {
			return nil, err
		}
	}
	if v, err := volume.Get(s.Root, name); err == nil || kind != "" {
		return v, err
	}
	return nil, fmt.Errorf("No such object: %s", name)
}

// inspectContainer makes Docker's shape.
func inspectContainer(c *container.Container, size bool) (any, error) {
	s, err := c.Status()
	if err != nil {
		return nil, err
	}
	type state struct {
		Status                                       string
		Running, Paused, Restarting, OOMKilled, Dead bool
		Pid, ExitCode                                int
		Error, StartedAt, FinishedAt                 string
		KilledBy                                     string // ours: which limit
		ShimPid                                      int
		Health                                       *container.Health `json:",omitempty"`
	}
	out := struct {
		*container.Container
		Name            string
		State           state
		RestartCount    int
		Driver          string
		Platform        string
		LogPath         string
		ResolvConfPath  string
		HostnamePath    string
		HostsPath       string
		GraphDriver     map[string]any
		SizeRw          int64 `json:",omitempty"`
		NetworkSettings map[string]any
	}{Container: c, Name: "/" + c.Name, RestartCount: s.Restarts, Driver: "overlay2", Platform: "linux"}
	const stamp = "2006-01-02T15:04:05.999999999Z07:00"
	out.State = state{Status: s.Word(), Running: s.Running(), Paused: s.Paused, Restarting: s.Word() == "restarting", OOMKilled: s.OOMKilled,
		Pid: s.Pid, ExitCode: s.ExitCode, Error: s.Error, StartedAt: s.StartedAt.Format(stamp), FinishedAt: s.FinishedAt.Format(stamp),
		KilledBy: s.KilledBy, ShimPid: s.Shim, Health: c.Health(s)}
	dir := c.Dir()
	out.LogPath, out.ResolvConfPath, out.HostnamePath, out.HostsPath = dir+"/log", dir+"/resolv.conf", dir+"/hostname", dir+"/hosts"
	out.GraphDriver = map[string]any{"Name": "overlay2", "Data": map[string]string{
		"LowerDir": lowerDirs(c), "UpperDir": dir + "/diff", "WorkDir": dir + "/work", "MergedDir": dir + "/rootfs"}}
	if size {
		out.SizeRw, _, _ = layer.Size(c.Diff())
	}
	network := &container.Network{}
	if s.Running() {
		network = c.Network()
	}
	networks := map[string]*container.Place{}
	for _, name := range c.NetworkNames() {
		networks[name] = &container.Place{}
	}
	for name, place := range network.Networks {
		networks[name] = place
	}
	ports := map[string][]container.PortBinding{}
	for port := range c.Config.ExposedPorts {
		ports[port] = network.Ports[port]
	}
	for port, bindings := range network.Ports {
		ports[port] = bindings
	}
	out.NetworkSettings = map[string]any{"IPAddress": network.IPAddress, "IPPrefixLen": network.IPPrefixLen, "Gateway": network.Gateway,
		"MacAddress": network.MacAddress, "Ports": ports, "Networks": networks}
	return out, nil
}

func lowerDirs(c *container.Container) string {
	var dirs []string
	for i := len(c.Layers) - 1; i >= 0; i-- {
		dirs = append(dirs, c.LayerDir(c.Layers[i]))
	}
	return strings.Join(dirs, ":")
}

func inspectImage(s *image.Store, img *image.Image) any {
	var dirs []string
	for _, chain := range img.Chain() {
		dirs = append([]string{filepath.Join(s.LayersDir(), image.LayerName(chain), "fs")}, dirs...)
	}
	return map[string]any{
		"GraphDriver": map[string]any{"Name": "overlay2", "Data": map[string]string{"LowerDir": strings.Join(dirs, ":")}},
		"Id":          img.ID, "RepoTags": notNil(img.Names), "RepoDigests": notNil(img.Digests), "Created": img.Config.Created, "Author": img.Config.Author,
		"Architecture": img.Config.Architecture, "Os": img.Config.OS, "Variant": img.Config.Variant, "Config": img.Config.Config,
		"Size": s.Size(img), "RootFS": map[string]any{"Type": "layers", "Layers": img.Config.RootFS.DiffIDs}, "Parent": "", "Comment": lastComment(img),
		"Descriptor": map[string]any{"mediaType": img.Manifest.MediaType, "digest": img.Manifest.Digest, "size": img.Manifest.Size},
	}
}

func lastComment(img *image.Image) string {
	if h := img.Config.History; len(h) > 0 {
		return h[len(h)-1].Comment
	}
	return ""
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func containerSize(c *container.Container) string {
	n, _, err := layer.Size(c.Diff())
	if err != nil {
		return "?"
	}
	return humanSize(n)
}
