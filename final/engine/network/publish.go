package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// A Port is a port of the host that leads to one of a container.
type Port struct {
	HostIP   netip.Addr // unspecified: all of the host's
	HostPort uint16     // 0: any; Hold fills it in
	Proto    string     // tcp or udp
	Port     uint16     // the container's
}

func (p Port) String() string {
	return netip.AddrPortFrom(p.HostIP, p.HostPort).String() + "/" + p.Proto
}

func (p Port) number() byte {
	if p.Proto == "udp" {
		return unix.IPPROTO_UDP
	}
	return unix.IPPROTO_TCP
}

// Hold binds a socket to a port of the host, so that no other program gets it as long as the file is open; if another has it, the
// error wraps EADDRINUSE. The kernel decides between everybody who wants the port, containers and other programs alike, and
// it gives the port back when the process that holds it ends, however it ends. No packet reaches the socket: those
// for the port are translated before they get there.
func Hold(p *Port) (*os.File, error) {
	kind := unix.SOCK_STREAM
	if p.Proto == "udp" {
		kind = unix.SOCK_DGRAM
	}
	domain := unix.AF_INET6
	var to unix.Sockaddr = &unix.SockaddrInet6{Addr: p.HostIP.As16(), Port: int(p.HostPort)}
	if p.HostIP.Is4() {
		domain, to = unix.AF_INET, &unix.SockaddrInet4{Addr: p.HostIP.As4(), Port: int(p.HostPort)}
	}
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fail.Call("socket("+p.Proto+")", err, "")
	}
	f := os.NewFile(uintptr(fd), p.String())
	if err = hold(fd, to, p); err == nil {
		p.HostPort, err = boundPort(fd)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func hold(fd int, to unix.Sockaddr, p *Port) error {
	option := func(level, name, value int) error { return unix.SetsockoptInt(fd, level, name, value) }
	if p.HostIP.Is6() {
		if err := option(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return fail.Call("setsockopt(IPV6_V6ONLY)", err, "")
		}
	}
	if p.Proto == "udp" {
		return holdError(p, unix.Bind(fd, to))
	}
	// Connections of a server that has just ended keep its port for a minute (TIME_WAIT) from whoever doesn't set SO_REUSEADDR.
	// With it, two could bind; only one can listen. The one that could then stops listening and stays bound, so that a
	// connection would be refused, not taken and left waiting, if somebody removed our rules.
	for _, step := range []func() error{
		func() error { return option(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) },
		func() error { return unix.Bind(fd, to) },
		func() error { return unix.Listen(fd, 0) },
		func() error { return option(unix.SOL_SOCKET, unix.SO_REUSEADDR, 0) },
		func() error { return unix.Shutdown(fd, unix.SHUT_RD) },
	} {
		if err := step(); err != nil {
			return holdError(p, err)
		}
	}
	return nil
}

func holdError(p *Port, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("Bind for %s:%d failed: port is already allocated: %w", p.HostIP, p.HostPort, err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("Bind for %s:%d failed: %w: no interface of this host has that address (ip address)", p.HostIP, p.HostPort, err)
	}
	return fail.Call("bind("+p.String()+")", err, "")
}

func boundPort(fd int) (uint16, error) {
	name, err := unix.Getsockname(fd)
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return uint16(a.Port), err
	case *unix.SockaddrInet6:
		return uint16(a.Port), err
	}
	return 0, fail.Call("getsockname("+strconv.Itoa(fd)+")", err, "")
}

// publish makes the endpoint's ports of the host lead to it, and takes away those that led to its address or from its ports: they
// are left of containers that were killed together with their shims.
func (r *rules) publish(e *Endpoint) error {
	for _, p := range e.protocols() {
		add := map[*nftables.Set][]nftables.SetElement{}
		keys := map[string]bool{}
		for _, port := range e.Ports {
			if port.HostIP.Is4() != (p == ipv4) {
				continue
			}
			set, element := p.element(port, e)
			add[set] = append(add[set], element)
			keys[string(element.Key)] = true
		}
		stale := func(key []byte, target netip.Addr) bool {
			return keys[string(key)] || target == e.Address || target == e.Address6
		}
		if err := r.withdraw(p, stale); err != nil {
			return err
		}
		for set, elements := range add {
			for ; len(elements) > 0; elements = elements[min(len(elements), 256):] { // a list has 64 KiB at most
				if err := r.c.SetAddElements(set, elements[:min(len(elements), 256)]); err != nil {
					return err
				}
			}
		}
		if err := r.flush("publish ports"); err != nil {
			return err
		}
	}
	return nil
}

// element is a port in the maps. Each part of a key takes a multiple of four bytes.
func (p *protocol) element(port Port, e *Endpoint) (*nftables.Set, nftables.SetElement) {
	set, key, target := p.anyMap, []byte{}, e.Address
	if !port.HostIP.IsUnspecified() {
		set, key = p.ports, port.HostIP.AsSlice()
	}
	if p == ipv6 {
		target = e.Address6
	}
	key = append(key, port.number(), 0, 0, 0, byte(port.HostPort>>8), byte(port.HostPort), 0, 0)
	return set, nftables.SetElement{Key: key, Val: append(target.AsSlice(), byte(port.Port>>8), byte(port.Port), 0, 0)}
}

// withdraw collects the removal of published ports.
func (r *rules) withdraw(p *protocol, goes func(key []byte, target netip.Addr) bool) error {
	for _, set := range []*nftables.Set{p.ports, p.anyMap} {
		list, err := r.elements(set)
		if err != nil {
			return err
		}
		var gone []nftables.SetElement
		for _, e := range list {
			if goes(e.Key, targetOf(e, p)) {
				gone = append(gone, nftables.SetElement{Key: e.Key})
			}
		}
		for ; len(gone) > 0; gone = gone[min(len(gone), 256):] {
			if err := r.c.SetDeleteElements(set, gone[:min(len(gone), 256)]); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweep withdraws ports that lead to cables that are not there, and removes tables without a bridge. The caller holds the lock.
func (r *rules) sweep(host *conn) error {
	for _, p := range []*protocol{ipv4, ipv6} {
		exists, err := r.exists(p)
		if err != nil {
			return err
		}
		if !exists {
			continue
		}
		bridges, err := r.elements(p.bridges)
		switch {
		case err != nil:
		case len(bridges) == 0:
			r.c.DelTable(p.table)
		default:
			err = r.withdraw(p, func(_ []byte, target netip.Addr) bool {
				if target.Is6() {
					b := target.As16()
					target, _ = netip.AddrFromSlice(b[12:])
				}
				for _, name := range cables(target) {
					if cable, err := host.link(name); err != nil || cable.index != 0 {
						return false
					}
				}
				return true
			})
		}
		if err != nil {
			return err
		}
		if err := r.flush("sweep"); err != nil {
			return err
		}
	}
	return nil
}
