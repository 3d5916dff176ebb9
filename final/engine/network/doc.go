// Package network connects containers: a bridge on the host, a cable to each container, addresses, and ports of the host that lead to them.
//
// # What a container's network is made of
//
//	                       host                          │  container
//	internet ── eth0 ── routing, NAT ── jocker0 ── jk0a5a0002 ═══ eth0
//	                    (nftables)      bridge     veth pair   10.90.0.2
//
// A network name space has interfaces, addresses, routes and firewall rules of its own; a new one has nothing but a
// loopback interface that is down. A veth pair is a cable: what goes in at one end comes out at the other, and the ends may be in
// different name spaces. The host's ends are plugged into a bridge, a switch made of software, which has an address
// itself: the containers' gateway. From there the host routes, and as nobody outside knows these addresses it puts its own in
// their place (masquerading, a kind of NAT). A published port is the opposite: what comes for a port of the host gets a container's
// address as its destination.
//
// # The kernel keeps the books
//
// There is no file that says who has which address, for a file can be wrong. An address is taken by making the cable that has it in
// its name: jk0a5a0002 is 10.90.0.2, and the kernel makes no second interface of a name. When the last process of a container has
// ended it removes the container's name space, and with it the cable; so whatever is killed, the address is free again. Likewise a port
// of the host is taken by binding a socket to it (Hold), which the container's shim keeps open: no other container gets it, and
// no other program either, until the shim ends, however it ends.
//
// Only rules outlive what they are for. Whoever gets an address or a port therefore removes what still leads to it, and Sweep
// removes all rules that lead to cables that are not there.
//
// # One at a time
//
// Whoever changes the host's side locks the host's network name space (lock.go). So a bridge isn't removed while
// somebody plugs in, also if the two have different stores.
//
// # Who reaches whom
//
//	from                          to                            reached                        by
//	a container                   other hosts                   yes                            the host's address as its source
//	another host                  a published port              yes, with its address          dnat
//	another host                  a port that is not published  no, even with a route to it    chain forward
//	the host                      any port of a container       yes; it is the administrator   the bridge
//	the host, 127.0.0.1           a published port              yes                            route_localnet, chain guard
//	a container                   the host's loopback services  no                             chain guard
//	a container on jocker0        another one there             no                             table bridge jocker (isolate.go)
//	a container                   a published port of another   yes, by the host's address     dnat
//	a container in a network      another one in it             yes, and by its name           set inside, jocker-resolver
//	that was made                 one in another network        no                             chain forward
//	a container, --internal       anybody outside               no                             set internal
//
// Ports are published for IPv6, too, if the network has it; not on ::1, whose packets the kernel never lets out of the host.
//
// Docker's default network lets each container reach all ports of all others. Here a container has to publish a port for that. Those
// that belong together are put into a network of their own, where they reach each other.
//
// Rules of others on the host, such as Docker's or a firewall's, are left alone, and may drop what ours let through (foreign.go says so)
//
// # Reading order
//
//	network.go  connect.go   what is made, in which order
//	address.go  lock.go      who gets what
//	message.go  link.go      rtnetlink(7): interfaces, addresses and routes, as messages to the kernel
//	nat.go      match.go     nftables: the table ip jocker and the words of its rules
//	isolate.go               the table bridge jocker
//	publish.go               ports of the host
//	foreign.go               rules of others that stand in the way
//	definition.go  names.go  networks that somebody made, and who is who in them
package network
