package network

import (
	"encoding/hex"
	"net"
	"net/netip"
)

// The names of the host's ends of containers' cables begin with one of these.
const (
	isolatedCable = "jk"
	sharedCable   = "jn"
)

// cable is the name of the host's end of the cable that an address of the network has: jk or jn, and the address in hexadecimal. No two
// interfaces have one name, so no two containers have one address.
func (n *Network) cable(a netip.Addr) string {
	b := a.As4()
	if n.Isolated {
		return isolatedCable + hex.EncodeToString(b[:])
	}
	return sharedCable + hex.EncodeToString(b[:])
}

// cables are the names that the cable of an address can have, whatever its network is.
func cables(a netip.Addr) []string {
	return []string{(&Network{Isolated: true}).cable(a), (&Network{}).cable(a)}
}

// MAC returns the hardware address that goes with an address. The first byte says that nobody sold it, so no other card has it.
func MAC(a netip.Addr) net.HardwareAddr {
	b := a.As4()
	return net.HardwareAddr{0x02, 0x42, b[0], b[1], b[2], b[3]}
}

// last is the last address of a network; of an IPv4 network it means all.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < 8*len(b); i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// with puts an IPv4 address at the end of an IPv6 network: fd00:1::/64 and 10.90.0.2 give fd00:1::a5a:2.
func with(p netip.Prefix, a netip.Addr) netip.Addr {
	b, four := p.Masked().Addr().As16(), a.As4()
	copy(b[12:], four[:])
	return netip.AddrFrom16(b)
}
