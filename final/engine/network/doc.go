// Package network connects containers: a bridge on the host, a cable to each container, addresses, and ports of the host that lead to them.
//
// # What a container's network is made of
//
//	                       host                          │  container
//	internet ── eth0 ── routing, NAT ── jocker0 ── jk4f5e… ═══ eth0
//	                    (nftables)      bridge     veth pair   10.88.0.2
//
// A network name space has interfaces, addresses, routes and firewall rules of its own; a new one has nothing but a
// loopback interface that is down. A veth pair is a cable: what goes in at one end comes out at the other, and the ends may be in
// different name spaces. The host's ends are plugged into a bridge, a switch made of software, which has an address
// itself: the containers' gateway. From there the host routes, and as nobody outside knows these addresses it puts its own in
// their place (masquerading, a kind of NAT).
//
// # A name space without a name
//
// The name space is made by a thread that leaves the host's (New). An open file keeps it alive until a process runs in it, and
// no longer: with the last process the kernel removes the name space, the cable, and its end in the bridge. So whatever is killed,
// no interface is left behind.
//
// # Addresses
//
// An address is taken by making a symbolic link with its name, whose text is the container's ID. The kernel lets one process
// make a link, and tells all others that it is there: no lock, and no table that could be wrong. They are in /run, and so go with the machine.
//
// # Containers from each other
//
// The bridge's ports are isolated from each other: containers reach the gateway and what is behind it, and other containers only
// through ports that these publish. (Docker's default network lets each container reach all ports of all others.)
//
// Everything is said to the kernel over netlink sockets: rtnetlink(7) for interfaces, addresses and routes (message.go, link.go),
// nftables for the rest (nat.go).
package network
