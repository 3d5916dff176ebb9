package network

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The words of which the rules are made. A rule is a little program: it loads parts of the packet into registers and compares them, and
// the first comparison that fails ends it. Registers have four bytes and are numbered from 8 on (nftables(8) shows none of this;
// `nft --debug=netlink list table ip jocker` does).
const register = 8 // the first one

func is(e ...expr.Any) []expr.Any { return e }

func inSet(s *nftables.Set, isIn bool) expr.Any {
	return &expr.Lookup{SourceRegister: register, SetName: s.Name, SetID: s.ID, Invert: !isIn}
}

// from: the source is in a set of addresses.
func (p *protocol) from(s *nftables.Set) []expr.Any {
	return is(p.load(p.source), inSet(s, true))
}

func (p *protocol) load(offset uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: p.size}
}

// loopbackAt: an address is in 127.0.0.0/8.
func (p *protocol) loopbackAt(offset uint32) []expr.Any {
	return is(&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: []byte{127}})
}

func out(s *nftables.Set, isIn bool) []expr.Any {
	return is(&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: register}, inSet(s, isIn))
}

func in(s *nftables.Set) []expr.Any {
	return is(&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: register}, inSet(s, true))
}

// through: the pair of the interfaces it comes from and goes to is in a set.
func through(s *nftables.Set) []expr.Any {
	return is(&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: register},
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: register + unix.IFNAMSIZ/4}, inSet(s, true))
}

func notFrom(name string) []expr.Any {
	return is(&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: register}, &expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: interfaceName(name)})
}

// toThisHost: the destination is an address of the host's, whichever they are now.
func toThisHost() []expr.Any {
	return is(&expr.Fib{Register: register, ResultADDRTYPE: true, FlagDADDR: true},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: number(unix.RTN_LOCAL)})
}

// answers: it belongs to a connection that has been let through.
func answers() []expr.Any {
	return bits(expr.CtKeySTATE, expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED)
}

// translated: its destination was another one, which only our table or the administrator's can have changed.
func translated() []expr.Any {
	const destinationTranslated = 1 << 5 // IPS_DST_NAT
	return bits(expr.CtKeySTATUS, destinationTranslated)
}

// bits: one of these is set in what connection tracking knows of the packet.
func bits(key expr.CtKey, mask uint32) []expr.Any {
	return is(&expr.Ct{Key: key, Register: register},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4, Mask: number(mask), Xor: number(0)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: number(0)})
}

// lookUpPort translates a destination that is in the map of published ports: by address, protocol and port, or by the latter two.
func (p *protocol) lookUpPort(byAddress bool) []expr.Any {
	var all []expr.Any
	next, s := uint32(register), p.anyMap
	if byAddress {
		all, next, s = is(p.load(p.dest)), next+p.size/4, p.ports
	}
	return append(all,
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: next},
		&expr.Payload{DestRegister: next + 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Lookup{SourceRegister: register, SetName: s.Name, SetID: s.ID, DestRegister: register, IsDestRegSet: true},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(p.table.Family), RegAddrMin: register, RegProtoMin: register + p.size/4})
}
