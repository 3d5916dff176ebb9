package container

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/engine/network"
	"jocker/final/runtime/fail"
)

// A netResult is a container's network, for one start.
type netResult struct {
	ns         *os.File   // the name space; nil for the host's
	address    netip.Addr // the first one; not valid if it has none
	addresses  []netip.Addr
	held       []*os.File // sockets that keep its ports of the host, for the shim
	cables     []string   // the host's ends of its cables
	nameServer string     // of the network; "" if it has none
	warning    string
	err        error
}

// Network is what `inspect` prints of a running container's network: network.json. The first fields are those of the default network.
type Network struct {
	IPAddress   string
	IPPrefixLen int
	Gateway     string
	MacAddress  string
	Cable       string // the host's end of the cable to the first network, and the bridge that it is plugged into
	Bridge      string
	Networks    map[string]*Place
	Ports       map[string][]PortBinding // with the ports of the host that were chosen
}

// A Place is what the container has in one network.
type Place struct {
	NetworkID         string
	IPAddress         string
	IPPrefixLen       int
	Gateway           string
	GlobalIPv6Address string
	IPv6Gateway       string
	MacAddress        string
	Aliases           []string
	Device            string `json:",omitempty"` // in the container
	Cable             string `json:",omitempty"` // the host's end, and the bridge that it is plugged into
	Bridge            string `json:",omitempty"`
}

// networkOwn says whether the container has places of its own in networks.
func (c *Container) networkOwn() bool {
	mode := c.HostConfig.NetworkMode
	return mode != "none" && mode != "host" && !strings.HasPrefix(mode, "container:")
}

// connect makes or finds the container's network name space.
func (c *Container) connect() (r netResult) {
	mode := c.HostConfig.NetworkMode
	other, isContainer := strings.CutPrefix(mode, "container:")
	switch {
	case c.networkOwn():
		r = c.plug()
	case mode == "none":
		defer c.store.explanation.step(2, "make a network namespace with nothing but lo", "unshare(CLONE_NEWNET)")()
		r.ns, r.err = network.NewNamespace()
	case isContainer:
		var pid int
		if pid, r.err = c.store.pidOf(other); r.err == nil {
			r.ns, r.err = os.Open("/proc/" + strconv.Itoa(pid) + "/ns/net")
		}
	}
	return r
}

// plug makes a name space and plugs it into the container's networks.
func (c *Container) plug() (r netResult) {
	var endpoints []*network.Endpoint
	for i, where := range c.places() {
		e, err := c.endpoint(where, "eth"+strconv.Itoa(i))
		if err != nil {
			return netResult{err: err}
		}
		endpoints = append(endpoints, e)
	}
	first := wayOut(endpoints)
	step := c.store.explanation.step
	if len(c.publishedPorts()) > 0 && !first.Internal {
		done := step(0, "take the ports of the host, which is done by binding sockets to them", "bind(2)")
		first.Ports, r.held, r.err = c.takePorts(first.Subnet6.IsValid())
		if done(); r.err != nil {
			return r
		}
	}
	done := step(2, "make a network namespace", "unshare(CLONE_NEWNET)")
	r.ns, r.err = network.NewNamespace()
	if done(); r.err != nil {
		return r
	}
	defer step(0, "lay a cable from it to the bridge, which takes the address, too: it is the cable's name", "netlink: RTM_NEWLINK veth, RTM_NEWADDR, RTM_NEWROUTE")()
	if r.err = network.Plug(r.ns, c.ID, endpoints...); r.err != nil {
		return r
	}
	r.address = first.Address
	n := Network{Networks: map[string]*Place{}}
	for _, e := range endpoints {
		r.addresses, r.cables = append(r.addresses, e.Address), append(r.cables, e.Cable())
		if e.In.Dir != "" && r.nameServer == "" {
			r.nameServer = e.Network.Gateway.String()
		}
		if e.Warning != "" {
			r.warning = e.Warning
		}
		n.add(e)
	}
	n.Cable, n.Bridge = first.Cable(), first.Bridge
	for _, p := range first.Ports {
		if n.Ports == nil {
			n.Ports = map[string][]PortBinding{}
		}
		key := fmt.Sprintf("%d/%s", p.Port, p.Proto)
		n.Ports[key] = append(n.Ports[key], PortBinding{HostIP: p.HostIP.String(), HostPort: strconv.Itoa(int(p.HostPort))})
	}
	r.err = c.saveNetwork(&n)
	return r
}

// wayOut chooses the network that is the way to everywhere, and to which ports lead: the first that is not internal.
func wayOut(endpoints []*network.Endpoint) *network.Endpoint {
	for _, e := range endpoints {
		if !e.Internal {
			e.Gateway = true
			return e
		}
	}
	return endpoints[0]
}

// places are the networks that the container is to be in, the first of them that of --network.
func (c *Container) places() []Endpoint {
	if len(c.Endpoints) > 0 {
		return c.Endpoints
	}
	return []Endpoint{{Network: "bridge"}}
}

// endpoint finds the network of a place.
func (c *Container) endpoint(where Endpoint, device string) (*network.Endpoint, error) {
	e := &network.Endpoint{Device: device}
	var err error
	if where.MacAddress != "" {
		if e.MAC, err = ParseMAC(where.MacAddress); err != nil {
			return nil, err
		}
	}
	if where.Network == "bridge" {
		e.Network, err = network.Default()
		return e, err
	}
	d, err := network.Find(c.store.Root, where.Network)
	if err != nil {
		return nil, err
	}
	e.Network = &d.Network
	e.Names = append([]string{c.Name, c.Short()}, where.Aliases...)
	e.In.Dir = filepath.Join(c.store.State, "names", d.ID)
	if e.In.Resolver, err = FindProgram("jocker-resolver"); err != nil {
		return nil, err
	}
	if where.IPAddress != "" {
		if e.Address, err = netip.ParseAddr(where.IPAddress); err != nil || !d.Subnet.Contains(e.Address) || e.Address == d.Gateway {
			return nil, fmt.Errorf("invalid address %s: It does not belong to any of this network's subnets, or is its gateway: network %s has %s and %s", where.IPAddress, d.Name, d.Subnet, d.Gateway)
		}
	}
	return e, nil
}

// add notes an endpoint.
func (n *Network) add(e *network.Endpoint) {
	p := &Place{NetworkID: e.ID, IPAddress: e.Address.String(), IPPrefixLen: e.Subnet.Bits(), Gateway: e.Network.Gateway.String(), MacAddress: e.MAC.String(),
		Aliases: e.Names, Device: e.Device, Cable: e.Cable(), Bridge: e.Bridge}
	if e.Internal {
		p.Gateway = ""
	}
	if e.Address6.IsValid() {
		p.GlobalIPv6Address, p.IPv6Gateway = e.Address6.String(), e.Gateway6.String()
	}
	n.Networks[e.Name] = p
	if e.Name == "bridge" {
		n.IPAddress, n.IPPrefixLen, n.Gateway, n.MacAddress = p.IPAddress, p.IPPrefixLen, p.Gateway, p.MacAddress
	}
}

func (c *Container) saveNetwork(n *Network) error {
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return c.write("network.json", data, 0o600)
}

// Network returns what the container was given at its last start.
func (c *Container) Network() *Network {
	n := &Network{}
	if data, err := os.ReadFile(c.Dir() + "/network.json"); err == nil {
		json.Unmarshal(data, n) // who reads half a file finds nothing; it is written at once
	}
	return n
}

// mountNetwork mounts the name space on a file, for the runtime to find and to last as long as the shim. It returns the path.
func (c *Container) mountNetwork(net netResult) (string, error) {
	if net.ns == nil {
		return "", nil
	}
	path := c.RunDir() + "/netns"
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return "", err
	}
	f.Close()
	source := "/proc/self/fd/" + strconv.Itoa(int(net.ns.Fd()))
	if err := unix.Mount(source, path, "", unix.MS_BIND, ""); err != nil {
		return "", fail.Call("mount("+source+", "+path+", MS_BIND)", err, "")
	}
	return path, nil
}
