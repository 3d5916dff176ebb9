package network

import (
	"errors"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file is the table of rules; `nft list table ip jocker` shows it. It is made with the first bridge and removed with the last.
// Other tables are never touched: each has its own chains on the same hooks, and the kernel asks all of them.
//
//	set bridges  { type ifname }                   our bridges
//	set internal { type ifname }                   those of networks with no way out
//	set inside   { type ifname . ifname }          from a bridge to itself, where containers may reach each other
//	set subnets  { type ipv4_addr; interval }      addresses that nobody outside knows
//	map ports    { ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service }   published on one address
//	map anyports { inet_proto . inet_service : ipv4_addr . inet_service }               published on all
//
// A container that comes or goes changes elements of sets, and no rule: a packet is looked up in a hash table, however many there are.

// A protocol is IPv4 or IPv6, whose tables are alike.
type protocol struct {
	table         *nftables.Table
	address       nftables.SetDatatype
	source, dest  uint32 // where the addresses are in the header
	size          uint32 // of an address, in bytes
	loopback      bool   // packets with a loopback address can leave the host, see guard
	bridges       *nftables.Set
	internal      *nftables.Set
	inside        *nftables.Set
	subnets       *nftables.Set
	ports, anyMap *nftables.Set
}

var (
	ipv4 = newProtocol(nftables.TableFamilyIPv4, nftables.TypeIPAddr, 12, 16, 4)
	ipv6 = newProtocol(nftables.TableFamilyIPv6, nftables.TypeIP6Addr, 8, 24, 16)
)

func newProtocol(f nftables.TableFamily, address nftables.SetDatatype, source, dest, size uint32) *protocol {
	p := &protocol{table: &nftables.Table{Family: f, Name: "jocker"}, address: address, source: source, dest: dest, size: size,
		loopback: size == 4}
	concat := nftables.MustConcatSetType
	name, service, proto := nftables.TypeIFName, nftables.TypeInetService, nftables.TypeInetProto
	target := concat(address, service)
	native := binaryutil.NativeEndian // so that nft prints names
	p.bridges = &nftables.Set{Table: p.table, Name: "bridges", KeyType: name, KeyByteOrder: native}
	p.internal = &nftables.Set{Table: p.table, Name: "internal", KeyType: name, KeyByteOrder: native}
	p.inside = &nftables.Set{Table: p.table, Name: "inside", KeyType: concat(name, name), Concatenation: true, KeyByteOrder: native}
	p.subnets = &nftables.Set{Table: p.table, Name: "subnets", KeyType: address, Interval: true}
	p.ports = &nftables.Set{Table: p.table, Name: "ports", KeyType: concat(address, proto, service), Concatenation: true, IsMap: true, DataType: target}
	p.anyMap = &nftables.Set{Table: p.table, Name: "anyports", KeyType: concat(proto, service), Concatenation: true, IsMap: true, DataType: target}
	return p
}

func (p *protocol) sets() []*nftables.Set {
	return []*nftables.Set{p.bridges, p.internal, p.inside, p.subnets, p.ports, p.anyMap}
}

// rules is a connection to nftables.
type rules struct{ c *nftables.Conn }

func openRules() (*rules, error) {
	c, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return nil, fail.Call("socket(AF_NETLINK, NETLINK_NETFILTER)", err, "the kernel lacks nftables (module nf_tables)")
	}
	return &rules{c}, nil
}

func (r *rules) close() { r.c.CloseLasting() }

// flush does what has been collected: all of it or, if there is an error, nothing.
func (r *rules) flush(what string) error {
	err := r.c.Flush()
	if err == nil {
		return nil
	}
	cause := ""
	switch {
	case errors.Is(err, unix.EPERM):
		cause = "it takes root (CAP_NET_ADMIN)"
	case errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOENT):
		cause = "the kernel may lack a part of nftables (modules nft_chain_nat, nft_ct, nft_fib_ipv4, nft_masq; CONFIG_NF_TABLES_BRIDGE)"
	}
	return fail.Call("nftables: "+what, err, cause)
}

// exists says whether the table is there.
func (r *rules) exists(p *protocol) (bool, error) {
	_, err := r.c.ListTableOfFamily(p.table.Name, p.table.Family)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, fail.Call("nftables: find the table", err, "the kernel may lack nftables (module nf_tables)")
	}
	return true, nil
}

// elements returns those of a set.
func (r *rules) elements(s *nftables.Set) ([]nftables.SetElement, error) {
	list, err := r.c.GetSetElements(s)
	if err != nil {
		return nil, fail.Call("nftables: list the elements of "+s.Name, err, "")
	}
	return list, nil
}

// protocols are those of a network.
func (n *Network) protocols() []*protocol {
	if n.Subnet6.IsValid() {
		return []*protocol{ipv4, ipv6}
	}
	return []*protocol{ipv4}
}

// ensure sees to it that the table is there and knows the network: somebody may have flushed the rule set.
func (r *rules) ensure(n *Network) error {
	for _, p := range n.protocols() {
		exists, err := r.exists(p)
		var list []nftables.SetElement
		if err == nil && exists {
			list, err = r.elements(p.bridges)
		} else if err == nil {
			err = r.build(p)
		}
		if err != nil {
			return err
		}
		known := false
		for _, e := range list {
			known = known || string(e.Key) == string(interfaceName(n.Bridge))
		}
		if known {
			continue
		}
		for set, elements := range n.elements(p) {
			if err := r.c.SetAddElements(set, elements); err != nil {
				return err
			}
		}
		if n.Isolated && p == ipv4 {
			if err := r.isolate(n); err != nil {
				return err
			}
		}
		if err := r.flush("add network " + n.Name); err != nil {
			return err
		}
	}
	return nil
}

// remove makes the table forget a network.
func (r *rules) remove(n *Network) error {
	for _, p := range n.protocols() {
		for set, elements := range n.elements(p) {
			if err := r.c.SetDeleteElements(set, elements); err != nil {
				return err
			}
		}
		if n.Isolated && p == ipv4 {
			r.c.AddTable(frames)
			r.c.DelTable(frames)
		}
		if err := r.flush("remove network " + n.Name); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

// elements are what the table's sets have of a network.
func (n *Network) elements(p *protocol) map[*nftables.Set][]nftables.SetElement {
	name := interfaceName(n.Bridge)
	m := map[*nftables.Set][]nftables.SetElement{p.bridges: {{Key: name}}}
	if !n.Isolated {
		m[p.inside] = []nftables.SetElement{{Key: append(name[:len(name):len(name)], name...)}}
	}
	if n.Internal {
		m[p.internal] = []nftables.SetElement{{Key: name}}
		return m
	}
	subnet := n.Subnet
	if p == ipv6 {
		subnet = n.Subnet6
	}
	m[p.subnets] = []nftables.SetElement{{Key: subnet.Masked().Addr().AsSlice()}, {Key: last(subnet).Next().AsSlice(), IntervalEnd: true}}
	return m
}

// interfaceName is a name as the kernel compares it.
func interfaceName(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
}

// build collects the table, its sets and its chains.
func (r *rules) build(p *protocol) error {
	r.c.AddTable(p.table)
	for _, s := range p.sets() {
		if err := r.c.AddSet(s, nil); err != nil {
			return err
		}
	}
	chain := func(name string, kind nftables.ChainType, hook *nftables.ChainHook, priority *nftables.ChainPriority) *nftables.Chain {
		return r.c.AddChain(&nftables.Chain{Name: name, Table: p.table, Type: kind, Hooknum: hook, Priority: priority})
	}
	rule := func(c *nftables.Chain, parts ...[]expr.Any) {
		var all []expr.Any
		for _, part := range parts {
			all = append(all, part...)
		}
		r.c.AddRule(&nftables.Rule{Table: p.table, Chain: c, Exprs: all})
	}

	// What is meant for an address of the host may be meant for a container: the destination is translated.
	ports := chain("published", "", nil, nil)
	rule(ports, p.lookUpPort(true))
	rule(ports, p.lookUpPort(false))
	jump := is(&expr.Verdict{Kind: expr.VerdictJump, Chain: ports.Name})
	rule(chain("prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest), toThisHost(), jump)
	rule(chain("output", nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest), toThisHost(), jump)

	// Sources that the receiver could not answer are translated: containers' addresses on the way out; the host's loopback address on the
	// way in; and a container's address on the way to another in the same network, which would answer past the host that has to
	// translate back. All others the container sees as they are.
	masquerade := is(&expr.Masq{})
	post := chain("postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	rule(post, p.from(p.subnets), out(p.bridges, false), masquerade)
	rule(post, p.from(p.subnets), out(p.bridges, true), translated(), masquerade)
	if p.loopback {
		rule(post, p.loopbackAt(p.source), out(p.bridges, true), masquerade)
	}

	// Who may send what through the host. What this chain accepts, another table may still drop.
	accept, drop := is(&expr.Verdict{Kind: expr.VerdictAccept}), is(&expr.Verdict{Kind: expr.VerdictDrop})
	forward := chain("forward", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter)
	rule(forward, answers(), accept)
	rule(forward, through(p.inside), accept) // bridges ask here only if br_netfilter makes them
	rule(forward, in(p.internal), drop)
	rule(forward, translated(), accept)
	rule(forward, out(p.bridges, true), drop)

	// guard: with route_localnet, which lets the host's own packets from 127.0.0.1 go to the bridge, the kernel also takes packets for
	// 127.0.0.1 from there: a container could reach services that trust everybody who reaches them (CVE-2020-8558), and so could
	// the host's neighbours if the setting were on their side. Nothing from outside is for 127.0.0.1.
	if p.loopback {
		guard := chain("guard", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRaw)
		rule(guard, notFrom("lo"), p.loopbackAt(p.dest), drop)
	}
	return nil
}

// targetOf returns where an element of ports or anyports leads.
func targetOf(e nftables.SetElement, p *protocol) netip.Addr {
	if len(e.Val) < int(p.size) {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(e.Val[:p.size])
	return a
}

var number = binaryutil.NativeEndian.PutUint32
