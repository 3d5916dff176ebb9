package network

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Numbers of rtnetlink that package unix lacks.
const (
	vethInfoPeer   = 1  // VETH_INFO_PEER
	hairpin        = 4  // IFLA_BRPORT_MODE
	multicastFlood = 27 // IFLA_BRPORT_MCAST_FLOOD
	broadcastFlood = 30 // IFLA_BRPORT_BCAST_FLOOD
	skipStatistics = 8  // RTEXT_FILTER_SKIP_STATS
)

// A link is an interface as the kernel describes it. One that is not there has the number 0.
type link struct {
	index  int32
	up     bool
	name   string
	alias  string // of a cable: the container's ID
	master int32  // the bridge that it is plugged into
}

// linkHeader is a struct ifinfomsg, whose index, flags and change are given.
func linkHeader(index int32, flags, change uint32) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	order.PutUint32(b[4:], uint32(index))
	order.PutUint32(b[8:], flags)
	order.PutUint32(b[12:], change)
	return b
}

// link finds an interface by its name.
func (c *conn) link(name string) (link, error) {
	m := newMessage(unix.RTM_GETLINK, 0, linkHeader(0, 0, 0))
	m.text(unix.IFLA_IFNAME, name)
	answer, err := c.do(m, "find the interface "+name)
	if errors.Is(err, unix.ENODEV) {
		return link{}, nil
	}
	if err != nil || len(answer) == 0 || len(answer[0]) < unix.SizeofIfInfomsg {
		return link{}, err
	}
	b := answer[0]
	return readLink(b), nil
}

// ports returns the interfaces that are plugged into a bridge.
func (c *conn) ports(bridge int32) ([]link, error) {
	m := newMessage(unix.RTM_GETLINK, unix.NLM_F_DUMP, linkHeader(0, 0, 0))
	m.number(unix.IFLA_EXT_MASK, skipStatistics)
	m.number(unix.IFLA_MASTER, uint32(bridge))
	answers, err := c.do(m, "list the bridge's ports")
	var list []link
	for _, b := range answers {
		if len(b) < unix.SizeofIfInfomsg {
			continue
		}
		if l := readLink(b); l.master == bridge { // old kernels do not choose
			list = append(list, l)
		}
	}
	return list, err
}

// readLink reads the kernel's description of an interface.
func readLink(b []byte) link {
	l := link{index: int32(order.Uint32(b[4:])), up: order.Uint32(b[8:])&unix.IFF_UP != 0}
	attributes(b[unix.SizeofIfInfomsg:], func(kind uint16, value []byte) {
		switch {
		case kind == unix.IFLA_IFNAME:
			l.name = unix.ByteSliceToString(value)
		case kind == unix.IFLA_IFALIAS:
			l.alias = unix.ByteSliceToString(value)
		case kind == unix.IFLA_MASTER && len(value) == 4:
			l.master = int32(order.Uint32(value))
		}
	})
	return l
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

// setAlias adds a text to an interface, for people to read.
func (c *conn) setAlias(index int32, alias string) error {
	m := newMessage(unix.RTM_SETLINK, 0, linkHeader(index, 0, 0))
	m.attribute(unix.IFLA_IFALIAS, []byte(alias))
	_, err := c.do(m, "set the alias of an interface")
	return err
}

// setPort lets a bridge send out of a port what came in there, for a container may use a port that it publishes itself. With quiet the
// port does not get what other ports send to everybody; what the host sends to everybody it still gets.
func (c *conn) setPort(index int32, quiet bool) error {
	header := linkHeader(index, 0, 0)
	header[0] = unix.AF_BRIDGE
	m := newMessage(unix.RTM_SETLINK, 0, header)
	m.nest(unix.IFLA_PROTINFO, func(m *message) {
		m.attribute(hairpin, []byte{1})
		if quiet {
			m.attribute(multicastFlood, []byte{0})
			m.attribute(broadcastFlood, []byte{0})
		}
	})
	_, err := c.do(m, "set up the port of the bridge")
	return err
}

func family(a netip.Addr) byte {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// addAddress gives an interface an address, and the way to those beside it. That it has it is no error.
func (c *conn) addAddress(index int32, p netip.Prefix) error {
	header := make([]byte, unix.SizeofIfAddrmsg)
	header[0], header[1] = family(p.Addr()), byte(p.Bits())
	if !p.Addr().Is4() {
		header[2] = unix.IFA_F_NODAD // nobody else can have it, so there is no need to ask and wait
	}
	order.PutUint32(header[4:], uint32(index))
	m := newMessage(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, header)
	address := p.Addr().AsSlice()
	m.attribute(unix.IFA_LOCAL, address)
	m.attribute(unix.IFA_ADDRESS, address)
	if p.Addr().Is4() {
		m.attribute(unix.IFA_BROADCAST, last(p).AsSlice())
	}
	_, err := c.do(m, "add the address "+p.String())
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

// An address is one that an interface has, with the length of its network.
type address struct {
	link   int32
	prefix netip.Prefix
}

// addresses returns those of all interfaces.
func (c *conn) addresses() ([]address, error) {
	answers, err := c.do(newMessage(unix.RTM_GETADDR, unix.NLM_F_DUMP, make([]byte, unix.SizeofIfAddrmsg)), "list the addresses")
	var list []address
	for _, b := range answers {
		if len(b) < unix.SizeofIfAddrmsg {
			continue
		}
		attributes(b[unix.SizeofIfAddrmsg:], func(kind uint16, value []byte) {
			// Of a tunnel IFA_ADDRESS is the other end; IPv6 has no IFA_LOCAL otherwise.
			if a, ok := netip.AddrFromSlice(value); ok && (kind == unix.IFA_LOCAL || kind == unix.IFA_ADDRESS && a.Is6()) {
				list = append(list, address{int32(order.Uint32(b[4:])), netip.PrefixFrom(a, int(b[1]))})
			}
		})
	}
	return list, err
}

// addGateway makes a router the way to everywhere.
func (c *conn) addGateway(router netip.Addr) error {
	header := make([]byte, unix.SizeofRtMsg)
	header[0] = family(router)
	header[4], header[5], header[6], header[7] = unix.RT_TABLE_MAIN, unix.RTPROT_BOOT, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST
	m := newMessage(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, header)
	m.attribute(unix.RTA_GATEWAY, router.AsSlice())
	_, err := c.do(m, "add the default route")
	return err
}
