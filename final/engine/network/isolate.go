package network

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// Containers of an isolated network may speak to the host and not to each other. So what comes out of a container's cable has to be
// addressed to the bridge, or to everybody; and what is for everybody is not passed on to other cables (see conn.setPort). Then no
// frame goes from container to container unless the host, where the forward chain is asked, sends it on.
//
// Bridges have a simpler switch, IFLA_BRPORT_ISOLATED. It would cut ports off that containers publish: with the module br_netfilter,
// which Docker and Kubernetes load, the kernel translates the destination of a frame already on the bridge, sees that its new
// destination is on the same bridge, and passes it on there, from one isolated port to another.

// frames is the table for frames, as `nft list table bridge jocker` shows it; hosts are the addresses that a container may send to.
var (
	frames = &nftables.Table{Family: nftables.TableFamilyBridge, Name: "jocker"}
	hosts  = &nftables.Set{Table: frames, Name: "hosts", KeyType: nftables.TypeEtherAddr}
)

var everybody = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// isolate collects the rule that keeps the containers of a network apart.
func (r *rules) isolate(n *Network) error {
	r.c.AddTable(frames)
	r.c.DelTable(frames) // it may be there; all of this happens at once
	r.c.AddTable(frames)
	if err := r.c.AddSet(hosts, []nftables.SetElement{{Key: MAC(n.Gateway)}, {Key: everybody}}); err != nil {
		return err
	}
	chain := r.c.AddChain(&nftables.Chain{Name: "prerouting", Table: frames, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw})
	r.c.AddRule(&nftables.Rule{Table: frames, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: register},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: []byte(isolatedCable)}, // a beginning: iifname "jk*"
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseLLHeader, Offset: 0, Len: 6},
		inSet(hosts, false),
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	return nil
}
