package network

import (
	"fmt"
	"net/netip"
	"os"
)

// A Network is a bridge, the addresses of those who are plugged into it, and whom they reach.
type Network struct {
	Name     string
	ID       string
	Bridge   string       // the interface
	Subnet   netip.Prefix // the containers' addresses
	Gateway  netip.Addr   // the host's address among them
	Subnet6  netip.Prefix // the same for IPv6; not valid if the network has none
	Gateway6 netip.Addr
	Internal bool // no way out of the host, and no ports into it
	Isolated bool // containers do not reach each other
}

// DefaultBridge is the interface of the network that is there without being made.
const DefaultBridge = "jocker0"

// defaultSubnets are tried one after the other: the first that no interface of the host is in becomes the default network's.
var defaultSubnets = []netip.Prefix{netip.MustParsePrefix("10.90.0.0/16"), netip.MustParsePrefix("10.100.0.0/16"),
	netip.MustParsePrefix("172.30.0.0/16"), netip.MustParsePrefix("192.168.224.0/20")}

// Default returns the default network. If its bridge is up it has the addresses that the bridge was given.
func Default() (*Network, error) {
	host, err := dial()
	if err != nil {
		return nil, err
	}
	defer host.close()
	n := &Network{Name: "bridge", ID: DefaultBridge, Bridge: DefaultBridge, Isolated: true}
	used, err := host.addresses()
	if err != nil {
		return nil, err
	}
	bridge, err := host.link(DefaultBridge)
	if err != nil {
		return nil, err
	}
	for _, subnet := range defaultSubnets {
		n.Subnet, n.Gateway = subnet, subnet.Addr().Next()
		free := true
		for _, u := range used {
			if u.link == bridge.index && u.prefix.Addr() == n.Gateway {
				return n, nil
			}
			free = free && (u.link == bridge.index || !u.prefix.Overlaps(subnet))
		}
		if free {
			return n, nil
		}
	}
	return nil, fmt.Errorf("the host's interfaces have addresses in all of %v, so there is none left for %s; make a network with a subnet that is free here (jocker network create --subnet) and use that",
		defaultSubnets, DefaultBridge)
}

// up makes the bridge, if it is not there, and returns its number and whether it had to be made. The caller holds the lock, and switches the bridge on when all is
// done: one that is found to be on is complete.
func (n *Network) up(host *conn) (index int32, made bool, err error) {
	bridge, err := host.link(n.Bridge)
	if err != nil || bridge.up {
		return bridge.index, false, err
	}
	if err := host.addBridge(n.Bridge, MAC(n.Gateway)); err != nil {
		return 0, false, err
	}
	if bridge, err = host.link(n.Bridge); err != nil {
		return 0, false, err
	}
	if err := host.addAddress(bridge.index, netip.PrefixFrom(n.Gateway, n.Subnet.Bits())); err != nil {
		return 0, false, err
	}
	settings := []setting{
		{"ipv4/ip_forward", "1", "the host has to pass on what is not for itself"},
		// Connections to 127.0.0.1 are to reach published ports, too; see guard in nat.go for what this opens, and closes again.
		{"ipv4/conf/" + n.Bridge + "/route_localnet", "1", "ports are published on the host's loopback address as well"},
	}
	if n.Gateway6.IsValid() {
		if err := host.addAddress(bridge.index, netip.PrefixFrom(n.Gateway6, n.Subnet6.Bits())); err != nil {
			return 0, false, err
		}
		settings = append(settings, setting{"ipv6/conf/all/forwarding", "1", "the host has to pass on what is not for itself"},
			// Until a second or two have shown that nobody else has the bridge's own address the kernel looks for no neighbour on behalf of
			// others (ndisc_solicit), so published ports would lead nowhere. It is a bridge of ours alone.
			setting{"ipv6/conf/" + n.Bridge + "/accept_dad", "0", "the bridge's address is to be of use at once"})
	}
	for _, s := range settings {
		if err := s.write(); err != nil {
			return 0, false, err
		}
	}
	return bridge.index, true, nil
}

// A setting is a file in /proc/sys/net.
type setting struct{ name, value, why string }

func (s setting) write() error {
	path := "/proc/sys/net/" + s.name
	if data, err := os.ReadFile(path); err == nil && len(data) > 0 && string(data[:1]) == s.value {
		return nil // it may be read-only, where somebody else has seen to it
	}
	if err := os.WriteFile(path, []byte(s.value), 0); err != nil {
		return fmt.Errorf("%w: %s; if this host does not let root do it, have it set before", err, s.why)
	}
	return nil
}

// Sweep removes the bridges that no container is plugged into, ports that lead to containers that are gone, and, with the last bridge,
// the table of rules. Cables of containers that are gone are pulled first, since open connections keep them for minutes. Other bridges than
// those of networks are left alone.
func Sweep(gone func(id string) bool, networks ...*Network) error {
	l, err := lock()
	if err != nil {
		return err
	}
	defer l.Close()
	host, err := dial()
	if err != nil {
		return err
	}
	defer host.close()
	rules, err := openRules()
	if err != nil {
		return err
	}
	defer rules.close()
	for _, n := range networks {
		bridge, err := host.link(n.Bridge)
		if err != nil {
			return err
		}
		if bridge.index != 0 {
			ports, err := host.ports(bridge.index)
			if err != nil {
				return err
			}
			left := len(ports)
			for _, p := range ports {
				if p.alias != "" && gone(p.alias) && host.remove(p.name) == nil {
					left--
				}
			}
			if left > 0 {
				continue
			}
			if err := host.remove(n.Bridge); err != nil {
				return err
			}
		}
		// Also if there is no bridge: whoever removed it may have been killed before he came to this.
		if err := rules.remove(n); err != nil {
			return err
		}
	}
	return rules.sweep(host)
}

// InUse says how many containers are plugged into the network.
func (n *Network) InUse() (int, error) {
	host, err := dial()
	if err != nil {
		return 0, err
	}
	defer host.close()
	bridge, err := host.link(n.Bridge)
	if err != nil || bridge.index == 0 {
		return 0, err
	}
	ports, err := host.ports(bridge.index)
	return len(ports), err
}
