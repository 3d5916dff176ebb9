package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
	"jocker/final/engine/network"
)

func networkCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "network COMMAND", Short: "Manage networks"}
	c.AddCommand(networkCreate(a), networkList(a), networkInspect(a), networkRemove(a), networkConnect(a), networkDisconnect(a), networkPrune(a))
	return c
}

// isPredefined says whether a network is there without being made.
func isPredefined(name string) bool { return name == "bridge" || name == "host" || name == "none" }

func networkCreate(a *app) *cobra.Command {
	var labels, subnets []string
	var gateway, driver string
	var v6 bool
	d := &network.Definition{}
	c := &cobra.Command{Use: "create [OPTIONS] NETWORK", Short: "Create a network", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			d.Name, d.Labels = args[0], pairs(labels)
			if err := container.CheckName(d.Name); err != nil {
				return err
			}
			if isPredefined(d.Name) || d.Name == "default" {
				return fmt.Errorf("operation is not permitted on predefined %s network", d.Name)
			}
			if driver != "bridge" {
				return fmt.Errorf("plugin %q not found: bridge is the only driver", driver)
			}
			if err := readSubnets(d, subnets, gateway); err != nil {
				return err
			}
			s, err := a.store()
			if err != nil {
				return err
			}
			if err := network.Create(s.Root, d, v6 || d.Subnet6.IsValid()); err != nil {
				return err
			}
			s.Tell("network", "create", d.ID, "name", d.Name, "type", "bridge")
			fmt.Println(d.ID)
			return nil
		}}
	f := c.Flags()
	f.StringArrayVar(&subnets, "subnet", nil, "Subnet in CIDR format that represents a network segment")
	f.StringVar(&gateway, "gateway", "", "IPv4 Gateway for the subnet")
	f.BoolVar(&d.Internal, "internal", false, "Restrict external access to the network")
	f.BoolVar(&v6, "ipv6", false, "Enable IPv6 networking")
	f.StringArrayVar(&labels, "label", nil, "Set metadata on a network")
	f.StringVarP(&driver, "driver", "d", "bridge", "Driver to manage the Network")
	return c
}

// readSubnets reads --subnet and --gateway.
func readSubnets(d *network.Definition, subnets []string, gateway string) error {
	for _, text := range subnets {
		p, err := netip.ParsePrefix(text)
		if err != nil || p.Addr().Is4In6() {
			return fmt.Errorf("invalid subnet %s: an address and the length of its network, such as 192.168.7.0/24", text)
		}
		to := &d.Subnet
		if p.Addr().Is6() {
			to = &d.Subnet6
		}
		if to.IsValid() {
			return fmt.Errorf("bad subnet %s: one IPv4 and one IPv6 subnet are possible", text)
		}
		*to = p.Masked()
	}
	if gateway == "" {
		return nil
	}
	if !d.Subnet.IsValid() {
		return errors.New("every ip-range or gateway must have a corresponding subnet: --gateway takes --subnet")
	}
	var err error
	if d.Gateway, err = netip.ParseAddr(gateway); err != nil {
		return fmt.Errorf("invalid gateway address %s", gateway)
	}
	return nil
}

func networkList(a *app) *cobra.Command {
	var quiet, noTrunc bool
	var format string
	var filters []string
	c := &cobra.Command{Use: "ls [OPTIONS]", Aliases: []string{"list"}, Short: "List networks", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			list, err := network.List(s.Root)
			if err != nil {
				return err
			}
			byKey, err := parseFilters(filters, "name", "id", "driver", "label")
			if err != nil {
				return err
			}
			t := &table{format: "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}", headers: []string{"ID=NETWORK ID", "Name=NAME", "Driver=DRIVER", "Scope=SCOPE",
				"Internal=INTERNAL", "IPv6=IPV6", "Labels=LABELS"}}
			if quiet {
				t.format = "{{.ID}}"
			}
			add := func(id, driver string, d *network.Definition) {
				fits := func(key, value string) bool {
					switch key {
					case "name":
						return strings.Contains(d.Name, value)
					case "id":
						return strings.HasPrefix(id, value)
					case "driver":
						return driver == value
					}
					return hasLabel(d.Labels, value)
				}
				if !allFit(byKey, fits) {
					return
				}
				if !noTrunc && len(id) > 12 {
					id = id[:12]
				}
				t.rows = append(t.rows, map[string]string{"ID": id, "Name": d.Name, "Driver": driver, "Scope": "local", "Internal": strconv.FormatBool(d.Internal),
					"IPv6": strconv.FormatBool(d.Subnet6.IsValid()), "Labels": labelList(d.Labels)})
			}
			for _, p := range [][2]string{{"bridge", "bridge"}, {"host", "host"}, {"none", "null"}} {
				add(p[0], p[1], &network.Definition{Network: network.Network{Name: p[0]}})
			}
			for _, d := range list {
				add(d.ID, "bridge", d)
			}
			return t.print(os.Stdout, format)
		}}
	f := c.Flags()
	f.BoolVarP(&quiet, "quiet", "q", false, "Only display network IDs")
	f.BoolVar(&noTrunc, "no-trunc", false, "Do not truncate the output")
	f.StringVar(&format, "format", "", "Format output using a custom template")
	f.StringArrayVarP(&filters, "filter", "f", nil, "Provide filter values (e.g. \"driver=bridge\")")
	return c
}

func networkInspect(a *app) *cobra.Command {
	var format string
	c := &cobra.Command{Use: "inspect [OPTIONS] NETWORK [NETWORK...]", Short: "Display detailed information on one or more networks", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			var list []any
			for _, name := range args {
				d := &network.Definition{}
				if name == "bridge" {
					n, err := network.Default()
					if err != nil {
						return err
					}
					d.Network = *n
				} else if d, err = network.Find(s.Root, name); err != nil {
					return err
				}
				one, err := describeNetwork(s, d)
				if err != nil {
					return err
				}
				list = append(list, one)
			}
			return printJSON(list, format)
		}}
	c.Flags().StringVarP(&format, "format", "f", "", "Format output using a custom template")
	return c
}

// describeNetwork is what `network inspect` prints, in Docker's shape.
func describeNetwork(s *container.Store, d *network.Definition) (any, error) {
	config := []map[string]string{{"Subnet": d.Subnet.String(), "Gateway": d.Gateway.String()}}
	if d.Subnet6.IsValid() {
		config = append(config, map[string]string{"Subnet": d.Subnet6.String(), "Gateway": d.Gateway6.String()})
	}
	inside := map[string]any{}
	list, err := s.List()
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		place := c.Network().Networks[d.Name]
		if status, err := c.Status(); err != nil || place == nil || !status.Active() {
			continue
		}
		six := ""
		if place.GlobalIPv6Address != "" {
			six = fmt.Sprintf("%s/%d", place.GlobalIPv6Address, d.Subnet6.Bits())
		}
		inside[c.ID] = map[string]string{"Name": c.Name, "EndpointID": place.Cable, "MacAddress": place.MacAddress,
			"IPv4Address": fmt.Sprintf("%s/%d", place.IPAddress, place.IPPrefixLen), "IPv6Address": six}
	}
	return map[string]any{"Name": d.Name, "Id": d.ID, "Created": d.Created.Format(time.RFC3339Nano), "Scope": "local", "Driver": "bridge",
		"EnableIPv6": d.Subnet6.IsValid(), "IPAM": map[string]any{"Driver": "default", "Config": config}, "Internal": d.Internal,
		"Containers": inside, "Options": map[string]string{"com.docker.network.bridge.name": d.Bridge}, "Labels": d.Labels}, nil
}

// whoIsIn returns a container that is in a network, and runs; "" if there is none.
func whoIsIn(s *container.Store, name string) (string, error) {
	list, err := s.List()
	for _, c := range list {
		if status, err := c.Status(); err == nil && status.Active() && c.Network().Networks[name] != nil {
			return c.Name, nil
		}
	}
	return "", err
}

// removeNetwork removes a network, its bridge and its names.
func removeNetwork(s *container.Store, d *network.Definition) error {
	who, err := whoIsIn(s, d.Name)
	if err != nil {
		return err
	}
	if who != "" {
		return fmt.Errorf("error while removing network: network %s has active endpoints: container %s runs in it", d.Name, who)
	}
	if err := container.Sweep(s.Root); err != nil {
		return err
	}
	if n, err := d.InUse(); err != nil || n > 0 {
		return errors.Join(err, fmt.Errorf("error while removing network: network %s has active endpoints (ip link show master %s)", d.Name, d.Bridge))
	}
	if err := d.Remove(s.Root); err != nil {
		return err
	}
	s.Tell("network", "destroy", d.ID, "name", d.Name, "type", "bridge")
	return os.RemoveAll(filepath.Join(s.State, "names", d.ID))
}

func networkRemove(a *app) *cobra.Command {
	return &cobra.Command{Use: "rm NETWORK [NETWORK...]", Aliases: []string{"remove"}, Short: "Remove one or more networks", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			return each(args, func(name string) error {
				if isPredefined(name) {
					return fmt.Errorf("%s is a pre-defined network and cannot be removed", name)
				}
				d, err := network.Find(s.Root, name)
				if err != nil {
					return err
				}
				return removeNetwork(s, d)
			})
		}}
}

func networkConnect(a *app) *cobra.Command {
	where := container.Endpoint{}
	c := &cobra.Command{Use: "connect [OPTIONS] NETWORK CONTAINER", Short: "Connect a container to a network", Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.withNetwork(args, func(c *container.Container, name string) error {
				where.Network = name
				return c.Connect(where)
			})
		}}
	c.Flags().StringArrayVar(&where.Aliases, "alias", nil, "Add network-scoped alias for the container")
	c.Flags().StringVar(&where.IPAddress, "ip", "", "IPv4 address (e.g., \"172.30.100.104\")")
	return c
}

func networkDisconnect(a *app) *cobra.Command {
	c := &cobra.Command{Use: "disconnect [OPTIONS] NETWORK CONTAINER", Short: "Disconnect a container from a network", Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.withNetwork(args, (*container.Container).Disconnect)
		}}
	c.Flags().BoolP("force", "f", false, "Force the container to disconnect from a network")
	return c
}

// withNetwork calls f with the locked container that is named second, and the name of the network that is named first.
func (a *app) withNetwork(args []string, f func(c *container.Container, name string) error) error {
	c, err := a.container(args[1])
	if err != nil {
		return err
	}
	name := args[0]
	if name != "bridge" {
		d, err := network.Find(a.root, name)
		if err != nil {
			return err
		}
		name = d.Name
	}
	lock, err := c.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	return f(c, name)
}

func networkPrune(a *app) *cobra.Command {
	p := &pruning{a: a}
	return p.command("Remove all unused networks", "all networks that were made and that no container is to be in", []string{"until", "label", "label!"}, p.networks)
}

// networks removes the networks that no container is to be in.
func (p *pruning) networks(s *container.Store) error {
	list, err := network.List(s.Root)
	if err != nil {
		return err
	}
	containers, err := s.List()
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, c := range containers {
		for _, name := range c.NetworkNames() {
			used[name] = true
		}
	}
	for _, d := range list {
		if used[d.Name] || p.spared(d.Labels, d.Created) {
			continue
		}
		if err := removeNetwork(s, d); err != nil {
			return err
		}
		fmt.Println("Deleted:", d.Name)
	}
	return nil
}
