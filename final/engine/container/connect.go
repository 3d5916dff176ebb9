package container

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/engine/network"
	"jocker/final/runtime/fail"
)

// A netResult is a container's network, for one start.
type netResult struct {
	ns      *os.File   // the name space; nil for the host's
	address netip.Addr // not valid if it has none
	held    []*os.File // sockets that keep its ports of the host, for the shim
	cables  []string   // the host's ends of its cables
	warning string
	err     error
}

func (r *netResult) addressText() string {
	if !r.address.IsValid() {
		return ""
	}
	return r.address.String()
}

// Network is what `inspect` prints of a running container's network: network.json.
type Network struct {
	IPAddress   string
	IPPrefixLen int
	Gateway     string
	MacAddress  string
	Cable       string // the host's end of the cable, and the bridge that it is plugged into
	Bridge      string
	Ports       map[string][]PortBinding // with the ports of the host that were chosen
}

// networkOwn says whether the container has a place of its own on the bridge.
func (c *Container) networkOwn() bool {
	return c.HostConfig.NetworkMode == "bridge" || c.HostConfig.NetworkMode == "default" || c.HostConfig.NetworkMode == ""
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
	case mode != "host":
		r.err = fmt.Errorf("network %s not found: it is bridge, none, host or container:NAME", mode)
	}
	return r
}

// plug makes a name space and plugs it into the bridge.
func (c *Container) plug() (r netResult) {
	net, err := network.Default()
	if err != nil {
		return netResult{err: err}
	}
	e := &network.Endpoint{Network: net, Device: "eth0", Gateway: true}
	step := c.store.explanation.step
	if len(c.publishedPorts()) > 0 {
		done := step(0, "take the ports of the host, which is done by binding sockets to them", "bind(2)")
		e.Ports, r.held, r.err = c.takePorts(net.Subnet6.IsValid())
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
	if r.err = network.Plug(r.ns, c.ID, e); r.err != nil {
		return r
	}
	r.address, r.cables, r.warning = e.Address, []string{e.Cable()}, e.Warning
	n := Network{IPAddress: e.Address.String(), IPPrefixLen: net.Subnet.Bits(), Gateway: net.Gateway.String(), MacAddress: e.MAC.String(),
		Cable: e.Cable(), Bridge: net.Bridge}
	for _, p := range e.Ports {
		if n.Ports == nil {
			n.Ports = map[string][]PortBinding{}
		}
		key := fmt.Sprintf("%d/%s", p.Port, p.Proto)
		n.Ports[key] = append(n.Ports[key], PortBinding{HostIP: p.HostIP.String(), HostPort: strconv.Itoa(int(p.HostPort))})
	}
	r.err = c.saveNetwork(&n)
	return r
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
