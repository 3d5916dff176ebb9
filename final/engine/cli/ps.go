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
			keep, err := psFilter(s, filters)
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
		"Labels": labelList(c.Config.Labels), "Networks": strings.Join(c.NetworkNames(), ","), "Mounts": mountList(c), "KilledBy": status.KilledBy}
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
func psFilter(s *container.Store, filters []string) (func(*container.Container, *container.Status) bool, error) {
	byKey, err := parseFilters(filters, "id", "name", "label", "status", "exited", "ancestor", "network", "volume", "health", "publish", "expose", "before", "since")
	if err != nil {
		return nil, err
	}
	for _, v := range byKey["status"] {
		switch v {
		case "created", "running", "paused", "restarting", "exited", "removing", "dead":
		default:
			return nil, fmt.Errorf("invalid filter 'status=%s': it is created, running, paused, restarting or exited", v)
		}
	}
	made := map[string]time.Time{} // of the containers that before and since name
	for _, name := range append(append([]string{}, byKey["before"]...), byKey["since"]...) {
		c, err := s.Find(name)
		if err != nil {
			return nil, err
		}
		made[name] = c.Created
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
			for _, name := range c.NetworkNames() {
				if name == value {
					return true
				}
			}
			return false
		case "health":
			return s.Health == value || s.Health == "" && value == "none"
		case "before":
			return c.Created.Before(made[value])
		case "since":
			return c.Created.After(made[value])
		case "publish", "expose":
			return hasPort(c, key, value)
		}
		for _, m := range c.Mounts { // volume
			if m.Name == value || m.Destination == value {
				return true
			}
		}
		return false
	}
	return func(c *container.Container, s *container.Status) bool {
		return allFit(byKey, func(key, value string) bool { return fits(c, s, key, value) })
	}, nil
}

// hasPort says whether a container has a port: one that is published, or one that the image or --expose names.
func hasPort(c *container.Container, kind, port string) bool {
	if !strings.Contains(port, "/") {
		port += "/tcp"
	}
	if kind == "expose" {
		_, ok := c.Config.ExposedPorts[port]
		return ok
	}
	return len(c.HostConfig.PortBindings[port]) > 0
}
