package network

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Numbers of rtnetlink that package unix lacks.
const (
	vethInfoPeer       = 1  // VETH_INFO_PEER
	bridgePortIsolated = 33 // IFLA_BRPORT_ISOLATED
)

// linkHeader is a struct ifinfomsg, whose index, flags and change are given.
func linkHeader(index int32, flags, change uint32) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	order.PutUint32(b[4:], uint32(index))
	order.PutUint32(b[8:], flags)
	order.PutUint32(b[12:], change)
	return b
}

// index returns the number of an interface; 0 if there is none of that name.
func (c *conn) index(name string) (int32, error) {
	m := newMessage(unix.RTM_GETLINK, 0, linkHeader(0, 0, 0))
	m.text(unix.IFLA_IFNAME, name)
	answer, err := c.do(m, "find the interface "+name)
	if errors.Is(err, unix.ENODEV) {
		return 0, nil
	}
	if err != nil || len(answer) < unix.SizeofIfInfomsg {
		return 0, err
	}
	return int32(order.Uint32(answer[4:])), nil
}

// up switches an interface on.
func (c *conn) up(index int32, name string) error {
	_, err := c.do(newMessage(unix.RTM_NEWLINK, 0, linkHeader(index, unix.IFF_UP, unix.IFF_UP)), "switch the interface "+name+" on")
	return err
}

// addBridge makes a bridge. That there is one already is no error.
func (c *conn) addBridge(name string, mac []byte) error {
	m := newMessage(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, linkHeader(0, 0, 0))
	m.text(unix.IFLA_IFNAME, name)
	m.attribute(unix.IFLA_ADDRESS, mac)
	m.nest(unix.IFLA_LINKINFO, func(m *message) { m.text(unix.IFLA_INFO_KIND, "bridge") })
	_, err := c.do(m, "make the bridge "+name)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

// addVeth makes a pair of interfaces: name here, plugged into the bridge master and switched on, and peer in the name space ns.
func (c *conn) addVeth(name string, master int32, peer string, mac []byte, ns int) error {
	m := newMessage(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, linkHeader(0, unix.IFF_UP, unix.IFF_UP))
	m.text(unix.IFLA_IFNAME, name)
	m.number(unix.IFLA_MASTER, uint32(master))
	m.nest(unix.IFLA_LINKINFO, func(m *message) {
		m.text(unix.IFLA_INFO_KIND, "veth")
		m.nest(unix.IFLA_INFO_DATA, func(m *message) {
			m.nest(vethInfoPeer, func(m *message) {
				*m = append(*m, linkHeader(0, 0, 0)...)
				m.text(unix.IFLA_IFNAME, peer)
				m.attribute(unix.IFLA_ADDRESS, mac)
				m.number(unix.IFLA_NET_NS_FD, uint32(ns))
			})
		})
	})
	_, err := c.do(m, "make a veth pair from "+name+" into the container")
	return err
}

// remove removes an interface; a veth takes its other end along. That there is none of that name is no error.
func (c *conn) remove(name string) error {
	m := newMessage(unix.RTM_DELLINK, 0, linkHeader(0, 0, 0))
	m.text(unix.IFLA_IFNAME, name)
	_, err := c.do(m, "remove the interface "+name)
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// isolate keeps a port of a bridge from the other isolated ones.
func (c *conn) isolate(index int32) error {
	header := linkHeader(index, 0, 0)
	header[0] = unix.AF_BRIDGE
	m := newMessage(unix.RTM_SETLINK, 0, header)
	m.nest(unix.IFLA_PROTINFO, func(m *message) { m.attribute(bridgePortIsolated, []byte{1}) })
	_, err := c.do(m, "isolate the port of the bridge")
	return err
}

// addAddress gives an interface an IPv4 address. That it has it is no error.
func (c *conn) addAddress(index int32, address [4]byte, bits byte) error {
	header := make([]byte, unix.SizeofIfAddrmsg)
	header[0], header[1] = unix.AF_INET, bits
	order.PutUint32(header[4:], uint32(index))
	m := newMessage(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, header)
	broadcast := address
	for i := bits; i < 32; i++ {
		broadcast[i/8] |= 0x80 >> (i % 8)
	}
	m.attribute(unix.IFA_LOCAL, address[:])
	m.attribute(unix.IFA_ADDRESS, address[:])
	m.attribute(unix.IFA_BROADCAST, broadcast[:])
	_, err := c.do(m, "add an address")
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

// addGateway makes a router the way to everywhere.
func (c *conn) addGateway(router [4]byte) error {
	header := make([]byte, unix.SizeofRtMsg)
	header[0] = unix.AF_INET
	header[4], header[5], header[6], header[7] = unix.RT_TABLE_MAIN, unix.RTPROT_BOOT, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST
	m := newMessage(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, header)
	m.attribute(unix.RTA_GATEWAY, router[:])
	_, err := c.do(m, "add the default route")
	return err
}
