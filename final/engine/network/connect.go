package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// An Endpoint is a container's place in a network.
type Endpoint struct {
	*Network
	Device   string           // the interface in the container: eth0
	Address  netip.Addr       // one that is asked for; if it is not valid, Plug takes the lowest that is free
	Address6 netip.Addr       // goes with Address
	MAC      net.HardwareAddr // the same
	Ports    []Port           // of the host, that lead to it
	Names    []string         // how others in the network find it
	In       Names            // where names are kept; the default network has none
	Gateway  bool             // its network is the way to everywhere
	Warning  string           // filled in if others' rules stand in the way
}

// NewNamespace makes a network name space with its loopback interface up. It lives as long as the file is open, is mounted, or a
// process is in it.
func NewNamespace() (ns *os.File, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The thread leaves the host's network and never comes back: it ends with this function.
		runtime.LockOSThread()
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			err = fail.Call("unshare(CLONE_NEWNET)", err, "it takes root (CAP_SYS_ADMIN)")
			return
		}
		if ns, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return
		}
		var inside *conn
		if inside, err = dial(); err == nil {
			const loopback = 1 // always
			err = inside.up(loopback, "lo")
			inside.close()
		}
		if err != nil {
			ns.Close()
		}
	}()
	<-done
	return ns, err
}

// dialIn opens a socket to the network of a name space.
func dialIn(ns *os.File) (c *conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // as above
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			err = fail.Call("setns("+ns.Name()+", CLONE_NEWNET)", err, "it takes root (CAP_SYS_ADMIN)")
			return
		}
		c, err = dial()
	}()
	<-done
	return c, err
}

// Plug connects a name space to the endpoints' networks, and makes their bridges if need be. What was left open in the endpoints is
// filled in. The cables say whose they are: `ip link` shows id as their alias.
func Plug(ns *os.File, id string, endpoints ...*Endpoint) error {
	if len(endpoints) == 0 {
		return nil
	}
	inside, err := dialIn(ns)
	if err != nil {
		return err
	}
	defer inside.close()
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
	var laid []netip.Addr
	for _, e := range endpoints {
		if err = e.layCable(host, rules, ns, id); err == nil {
			laid = append(laid, e.Address)
			err = e.configure(inside)
		}
		if err != nil {
			for _, a := range laid {
				Unplug(a)
			}
			return err
		}
	}
	return nil
}

// layCable does the host's side: the bridge, the address, the cable, the ports.
func (e *Endpoint) layCable(host *conn, rules *rules, ns *os.File, id string) error {
	l, err := lock()
	if err != nil {
		return err
	}
	defer l.Close()
	bridge, made, err := e.up(host)
	if err != nil {
		return err
	}
	if made && !e.Internal {
		if e.Warning, err = Foreign(e.Bridge); err != nil {
			return err
		}
	}
	if err := e.take(host, bridge, ns); err != nil {
		return err
	}
	if err = e.configurePort(host, id); err == nil {
		err = rules.ensure(e.Network)
	}
	if err == nil {
		err = rules.publish(e)
	}
	if err == nil {
		err = host.up(bridge, e.Bridge)
	}
	if err == nil && e.In.Dir != "" {
		if err = e.In.tell(e); err == nil {
			err = e.serve()
		}
	}
	if err != nil {
		host.remove(e.Cable())
	}
	return err
}

// take takes an address, and lays the cable that stands for it.
func (e *Endpoint) take(host *conn, bridge int32, ns *os.File) error {
	if e.Address.IsValid() {
		err := e.addVeth(host, bridge, ns)
		if errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("Address already in use: %s is another container's; network %s", e.Address, e.Name)
		}
		return err
	}
	ports, err := host.ports(bridge)
	if err != nil {
		return err
	}
	taken := make(map[string]bool, len(ports))
	for _, p := range ports {
		taken[p.name] = true
	}
	end := last(e.Subnet)
	for a := e.Subnet.Addr().Next(); a != end; a = a.Next() {
		if a == e.Network.Gateway || taken[e.cable(a)] {
			continue
		}
		e.Address = a
		if err = e.addVeth(host, bridge, ns); !errors.Is(err, unix.EEXIST) { // if it exists, it is not in the bridge: somebody's who is just going
			return err
		}
	}
	return fmt.Errorf("no available IPv4 addresses: all of %s of network %s are taken", e.Subnet, e.Name)
}

func (e *Endpoint) addVeth(host *conn, bridge int32, ns *os.File) error {
	mac, name := e.MAC, e.cable(e.Address)
	if mac == nil {
		mac = MAC(e.Address)
	}
	if err := host.addVeth(name, bridge, e.Device, mac, int(ns.Fd())); err != nil {
		return err
	}
	e.MAC = mac
	if e.Subnet6.IsValid() {
		e.Address6 = with(e.Subnet6, e.Address)
	}
	return nil
}

// Cable is the name of the host's end of the endpoint's cable.
func (e *Endpoint) Cable() string { return e.cable(e.Address) }

func (e *Endpoint) configurePort(host *conn, id string) error {
	port, err := host.link(e.Cable())
	if err != nil {
		return err
	}
	if err := host.setAlias(port.index, id); err != nil {
		return err
	}
	return host.setPort(port.index, e.Isolated)
}

// configure does the container's side.
func (e *Endpoint) configure(inside *conn) error {
	device, err := inside.link(e.Device)
	if err != nil {
		return err
	}
	if err := inside.addAddress(device.index, netip.PrefixFrom(e.Address, e.Subnet.Bits())); err != nil {
		return err
	}
	if e.Address6.IsValid() {
		if err := inside.addAddress(device.index, netip.PrefixFrom(e.Address6, e.Subnet6.Bits())); err != nil {
			return err
		}
	}
	if err := inside.up(device.index, e.Device); err != nil || !e.Gateway || e.Internal {
		return err
	}
	if err := inside.addGateway(e.Network.Gateway); err != nil || !e.Address6.IsValid() {
		return err
	}
	return inside.addGateway(e.Gateway6)
}

// UnplugOf takes out the cable of an address, if it is this container's.
func UnplugOf(id string, address netip.Addr) error {
	host, err := dial()
	if err != nil {
		return err
	}
	defer host.close()
	for _, name := range cables(address) {
		cable, err := host.link(name)
		if err != nil {
			return err
		}
		if cable.index != 0 && cable.alias != id {
			return fmt.Errorf("the address %s is another container's by now", address)
		}
	}
	return Unplug(address)
}

// Unplug takes out the cable of an address, and ports that lead to it. The caller knows that it is its own container's.
func Unplug(address netip.Addr) error {
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
	for _, name := range cables(address) {
		if err := host.remove(name); err != nil {
			return err
		}
	}
	rules, err := openRules()
	if err != nil {
		return err
	}
	defer rules.close()
	return rules.sweep(host)
}
