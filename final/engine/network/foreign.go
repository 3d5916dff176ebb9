package network

import (
	"fmt"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"jocker/final/runtime/fail"
)

// Foreign returns what to tell the administrator if somebody else's rules drop what is forwarded to and from a bridge; "" if none do. A
// packet has to be accepted by every table's chain, so ours can't let through what another's drops, and another's is not ours to
// change. Docker sets such a policy, and ufw and firewalld do.
//
// What rules in such a chain let through is not worked out: if one of its table names the bridge, somebody has thought of it. Rules
// of iptables-legacy are not seen.
func Foreign(bridge string) (string, error) {
	c, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return "", fail.Call("socket(AF_NETLINK, NETLINK_NETFILTER)", err, "the kernel lacks nftables (module nf_tables)")
	}
	defer c.CloseLasting()
	chains, err := c.ListChains()
	if err != nil {
		return "", fail.Call("nftables: list the chains", err, "")
	}
	for _, chain := range chains {
		family := chain.Table.Family
		if chain.Hooknum == nil || *chain.Hooknum != *nftables.ChainHookForward || chain.Policy == nil || *chain.Policy != nftables.ChainPolicyDrop ||
			family != nftables.TableFamilyIPv4 && family != nftables.TableFamilyINet || names(c, chains, chain.Table, bridge) {
			continue
		}
		name, command := map[nftables.TableFamily]string{nftables.TableFamilyIPv4: "ip", nftables.TableFamilyINet: "inet"}[family], ""
		if chain.Name == "FORWARD" { // iptables made it
			command = fmt.Sprintf("iptables -I FORWARD -i %[1]s -j ACCEPT; iptables -I FORWARD -o %[1]s -j ACCEPT", bridge)
		} else {
			command = fmt.Sprintf("nft insert rule %[1]s %[2]s %[3]s iifname %[4]s accept; nft insert rule %[1]s %[2]s %[3]s oifname %[4]s accept",
				name, chain.Table.Name, chain.Name, bridge)
		}
		return fmt.Sprintf("the chain %s of the table %s %s, which is not jocker's, drops what it does not know (policy drop): containers on %s reach no other hosts, and other hosts no published ports; let them through: %s",
			chain.Name, name, chain.Table.Name, bridge, command), nil
	}
	return "", nil
}

// names says whether a rule of a table compares something with an interface's name, or its beginning.
func names(c *nftables.Conn, chains []*nftables.Chain, table *nftables.Table, bridge string) bool {
	for _, chain := range chains {
		if chain.Table.Name != table.Name || chain.Table.Family != table.Family {
			continue
		}
		rules, err := c.GetRules(table, chain)
		if err != nil {
			continue // it has expressions that the library does not know
		}
		for _, rule := range rules {
			for _, e := range rule.Exprs {
				if cmp, ok := e.(*expr.Cmp); ok && len(cmp.Data) > 1 && strings.HasPrefix(bridge+"\x00", strings.TrimRight(string(cmp.Data), "\x00")) && cmp.Data[0] != 0 {
					return true
				}
			}
		}
	}
	return false
}
