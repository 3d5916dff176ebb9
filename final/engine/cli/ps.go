package cli

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
)

func psCommand(a *app) *cobra.Command {
	var all, quiet, latest, noTrunc, size bool
	var last int
	var format string
	var filters []string
	c := &cobra.Command{Use: "ps [OPTIONS]", Short: "List containers", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			list, err := s.List()
			if err != nil {
				return err
			}
			keep, err := psFilter(filters)
			if err != nil {
				return err
			}
			if latest {
				last = 1
			}
			t := &table{format: "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedAgo}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}", headers: []string{
				"ID=CONTAINER ID", "Image=IMAGE", "Command=COMMAND", "CreatedAgo=CREATED", "RunningFor=CREATED", "CreatedAt=CREATED AT", "Status=STATUS", "State=STATE",
				"Ports=PORTS", "Names=NAMES", "Labels=LABELS", "Networks=NETWORKS", "Mounts=MOUNTS", "Size=SIZE", "KilledBy=KILLED BY"}}
			if size {
				t.format += "\t{{.Size}}"
			}
			if quiet {
				t.format = "{{.ID}}"
			}
			for _, c := range list {
				status, err := c.Status()
				if err != nil {
					return err
				}
				if !(all || last > 0 || len(filters) > 0 && filtersStatus(filters)) && !status.Active() || !keep(c, status) {
					continue
				}
				if last > 0 && len(t.rows) == last {
					break
				}
				t.rows = append(t.rows, psRow(c, status, noTrunc, size))
			}
			return t.print(os.Stdout, format)
		}}
	f := c.Flags()
	f.BoolVarP(&all, "all", "a", false, "Show all containers (default shows just running)")
	f.BoolVarP(&quiet, "quiet", "q", false, "Only display container IDs")
	f.BoolVarP(&latest, "latest", "l", false, "Show the latest created container (includes all states)")
	f.IntVarP(&last, "last", "n", -1, "Show n last created containers (includes all states)")
	f.BoolVar(&noTrunc, "no-trunc", false, "Don't truncate output")
	f.BoolVarP(&size, "size", "s", false, "Display total file sizes")
	f.StringVar(&format, "format", "", "Format output using a custom template")
	f.StringArrayVarP(&filters, "filter", "f", nil, "Filter output based on conditions provided")
	return c
}

func psRow(c *container.Container, status *container.Status, noTrunc, size bool) map[string]string {
	id, command := c.Short(), strings.Join(append([]string{c.Path}, c.Args...), " ")
	if noTrunc {
		id = c.ID
	} else if len([]rune(command)) > 20 {
		command = string([]rune(command)[:19]) + "…"
	}
	created := container.HumanDuration(time.Since(c.Created)) + " ago"
	row := map[string]string{"ID": id, "Image": c.Config.Image, "Command": strconv.Quote(command), "CreatedAgo": created, "RunningFor": created,
		"CreatedAt": formatTime(c.Created), "Status": status.String(), "State": status.Word(), "Names": c.Name, "Ports": "", "Size": "",
		"Labels": labelList(c.Config.Labels), "Networks": c.HostConfig.NetworkMode, "Mounts": mountList(c), "KilledBy": status.KilledBy}
	if status.Running() {
		row["Ports"] = portList(c)
	}
	if size {
		row["Size"] = containerSize(c)
	}
	return row
}

func labelList(labels map[string]string) string {
	var list []string
	for key, value := range labels {
		list = append(list, key+"="+value)
	}
	sort.Strings(list)
	return strings.Join(list, ",")
}

func mountList(c *container.Container) string {
	var list []string
	for _, m := range c.Mounts {
		if m.Name != "" {
			list = append(list, m.Name)
		} else {
			list = append(list, m.Source)
		}
	}
	return strings.Join(list, ",")
}

// portList is what `ps` shows: 0.0.0.0:8080->80/tcp, and exposed ports that are not published.
func portList(c *container.Container) string {
	if len(c.Config.ExposedPorts) == 0 && len(c.HostConfig.PortBindings) == 0 {
		return ""
	}
	var list []string
	bound := c.Network().Ports
	for port := range c.Config.ExposedPorts {
		if len(bound[port]) == 0 {
			list = append(list, port)
		}
	}
	for port, bindings := range bound {
		for _, b := range bindings {
			list = append(list, fmt.Sprintf("%s:%s->%s", b.HostIP, b.HostPort, port))
		}
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}

// filtersStatus says whether a filter asks for a state, and so also for containers that don't run.
func filtersStatus(filters []string) bool {
	for _, f := range filters {
		if strings.HasPrefix(f, "status=") || strings.HasPrefix(f, "exited=") {
			return true
		}
	}
	return false
}

// psFilter reads --filter. Values for one key are alternatives; all keys must fit.
func psFilter(filters []string) (func(*container.Container, *container.Status) bool, error) {
	byKey := map[string][]string{}
	for _, f := range filters {
		key, value, ok := strings.Cut(f, "=")
		if !ok {
			return nil, fmt.Errorf("invalid filter '%s': it is KEY=VALUE", f)
		}
		switch key {
		case "id", "name", "label", "status", "exited", "ancestor", "network", "volume":
		default:
			return nil, fmt.Errorf("invalid filter '%s'", key)
		}
		byKey[key] = append(byKey[key], value)
	}
	fits := func(c *container.Container, s *container.Status, key, value string) bool {
		switch key {
		case "id":
			return strings.HasPrefix(c.ID, value)
		case "name":
			return strings.Contains(c.Name, strings.TrimPrefix(value, "/"))
		case "label":
			name, want, hasValue := strings.Cut(value, "=")
			got, ok := c.Config.Labels[name]
			return ok && (!hasValue || got == want)
		case "status":
			return s.Word() == value
		case "exited":
			return s.Word() == "exited" && strconv.Itoa(s.ExitCode) == value
		case "ancestor":
			return c.Config.Image == value || c.Config.Image == value+":latest" || strings.HasPrefix(strings.TrimPrefix(c.Image, "sha256:"), value)
		case "network":
			return c.HostConfig.NetworkMode == value
		}
		for _, m := range c.Mounts { // volume
			if m.Name == value || m.Destination == value {
				return true
			}
		}
		return false
	}
	return func(c *container.Container, s *container.Status) bool {
		for key, values := range byKey {
			any := false
			for _, v := range values {
				any = any || fits(c, s, key, v)
			}
			if !any {
				return false
			}
		}
		return true
	}, nil
}
