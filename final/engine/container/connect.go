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
	ns      *os.File // the name space; nil for the host's
	address string   // "" if it has none
	err     error
}

// Network is what `inspect` prints of a running container's network: network.json.
type Network struct {
	IPAddress   string
	IPPrefixLen int
	Gateway     string
	MacAddress  string
	Ports       map[string][]PortBinding // with the ports of the host that were chosen
}

// networkOwn says whether the container has a place of its own on the bridge.
func (c *Container) networkOwn() bool {
	return c.HostConfig.NetworkMode == "bridge" || c.HostConfig.NetworkMode == "default" || c.HostConfig.NetworkMode == ""
}

func (c *Container) leases() string { return filepath.Join(c.store.State, "network") }

// connect makes or finds the container's network name space.
func (c *Container) connect() (r netResult) {
	mode := c.HostConfig.NetworkMode
	other, isContainer := strings.CutPrefix(mode, "container:")
	switch {
	case c.networkOwn():
		var address netip.Addr
		done := c.store.explanation.step(0, "take an address, which is done by making a link with its name", "symlink(network/ADDRESS)")
		address, r.err = c.lease()
		if done(); r.err != nil {
			return r
		}
		r.address = address.String()
		done = c.store.explanation.step(2, "make a network namespace, and a cable from it to the bridge", "unshare(CLONE_NEWNET); netlink: RTM_NEWLINK veth, RTM_NEWADDR, RTM_NEWROUTE")
		r.ns, r.err = network.New(c.leases(), c.ID, address)
		if done(); r.err == nil {
			r.err = c.publish(address)
		}
	case mode == "none":
		defer c.store.explanation.step(2, "make a network namespace with nothing but lo", "unshare(CLONE_NEWNET)")()
		r.ns, r.err = network.New(c.leases(), c.ID, netip.Addr{})
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

// lease takes an address. One that is left of an earlier life, whose shim was killed, is given back.
func (c *Container) lease() (netip.Addr, error) {
	c.Disconnect()
	address, err := network.Lease(c.leases(), c.ID)
	if err != nil {
		return address, err
	}
	n := Network{IPAddress: address.String(), IPPrefixLen: network.Subnet().Bits(), Gateway: network.Gateway().String(), MacAddress: hardware(network.MAC(address))}
	return address, c.saveNetwork(&n)
}

func hardware(mac []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% x", mac), " ", ":")
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

func (c *Container) leasePath() string {
	return filepath.Join(c.leases(), c.Network().IPAddress)
}

// Disconnect takes back what the container has on the host's side of the network.
func (c *Container) Disconnect() error {
	n := c.Network()
	if n.IPAddress == "" {
		return nil
	}
	var err error
	if len(n.Ports) > 0 {
		err = network.Unpublish(n.IPAddress)
	}
	network.Release(c.leases(), n.IPAddress, c.ID)
	return err
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

// publish makes ports of the host lead to the container.
func (c *Container) publish(address netip.Addr) error {
	if len(c.HostConfig.PortBindings) == 0 && !c.HostConfig.PublishAllPorts {
		return nil
	}
	return fmt.Errorf("-p and -P: this version of jocker does not publish ports yet; a container on the bridge can be reached at its address from the host, or use --network host")
}
