package container

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/engine/network"
)

// takePorts takes the ports of the host that lead to the container: those that were asked for, and with -P one for each port that
// is exposed. As long as the files are open nobody else gets them.
func (c *Container) takePorts(v6 bool) (ports []network.Port, held []*os.File, err error) {
	defer func() {
		if err != nil {
			closeAll(held)
			held = nil
		}
	}()
	for _, inside := range c.publishedPorts() {
		number, proto, _ := strings.Cut(inside, "/")
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return nil, held, fmt.Errorf("%s is no port", inside)
		}
		bindings := c.HostConfig.PortBindings[inside]
		if len(bindings) == 0 {
			bindings = []PortBinding{{}}
		}
		for _, b := range bindings {
			addresses, err := b.addresses(v6)
			if err != nil {
				return nil, held, err
			}
			var first uint16 // on several addresses it is the same port
			for _, a := range addresses {
				p := network.Port{HostIP: a, Proto: proto, Port: uint16(n)}
				f, err := b.take(&p, first)
				if err != nil {
					return nil, held, c.whoHas(p, err)
				}
				first = p.HostPort
				ports, held = append(ports, p), append(held, f)
			}
		}
	}
	return ports, held, nil
}

// publishedPorts are the container's ports that are published, in order: 80/tcp.
func (c *Container) publishedPorts() []string {
	var list []string
	for inside := range c.HostConfig.PortBindings {
		list = append(list, inside)
	}
	if c.HostConfig.PublishAllPorts {
		for inside := range c.Config.ExposedPorts {
			if len(c.HostConfig.PortBindings[inside]) == 0 {
				list = append(list, inside)
			}
		}
	}
	sortPorts(list)
	return list
}

// SortPorts returns the container's ports in order: 80/tcp.
func SortPorts(ports map[string][]PortBinding) []string {
	var list []string
	for inside := range ports {
		list = append(list, inside)
	}
	sortPorts(list)
	return list
}

func sortPorts(list []string) {
	sort.Slice(list, func(i, j int) bool {
		return len(list[i]) < len(list[j]) || len(list[i]) == len(list[j]) && list[i] < list[j]
	})
}

// addresses are those of the host that a binding means.
func (b PortBinding) addresses(v6 bool) ([]netip.Addr, error) {
	if b.HostIP == "" {
		if v6 {
			return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}, nil
		}
		return []netip.Addr{netip.IPv4Unspecified()}, nil
	}
	a, err := netip.ParseAddr(b.HostIP)
	if err != nil {
		return nil, fmt.Errorf("Invalid ip address: %s", b.HostIP)
	}
	if a = a.Unmap(); a.Is6() && !v6 {
		return nil, fmt.Errorf("the port of %s can't be published: the container has no IPv6 address; it gets one in a network that was made with --ipv6", a)
	}
	return []netip.Addr{a}, nil
}

// take takes the port that the binding names, the first one that is free if it names several, or any. first is not 0 if it is decided.
func (b PortBinding) take(p *network.Port, first uint16) (*os.File, error) {
	low, high, isRange := strings.Cut(b.HostPort, "-")
	if !isRange {
		high = low
	}
	from, err1 := strconv.ParseUint("0"+low, 10, 16)
	to, err2 := strconv.ParseUint("0"+high, 10, 16)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("Invalid hostPort: %s", b.HostPort)
	}
	if first != 0 {
		from, to = uint64(first), uint64(first)
	}
	for n := from; ; n++ {
		p.HostPort = uint16(n)
		f, err := network.Hold(p)
		if err == nil || n >= to || !errors.Is(err, unix.EADDRINUSE) {
			return f, err
		}
	}
}

// whoHas adds to the error for a port that is taken who has it.
func (c *Container) whoHas(p network.Port, err error) error {
	if !errors.Is(err, unix.EADDRINUSE) {
		return err
	}
	list, listErr := c.store.List()
	if listErr != nil {
		return err
	}
	for _, other := range list {
		if status, err := other.Status(); err != nil || !status.Active() {
			continue
		}
		for inside, bindings := range other.Network().Ports {
			for _, b := range bindings {
				if strings.HasSuffix(inside, "/"+p.Proto) && b.HostPort == strconv.Itoa(int(p.HostPort)) {
					return fmt.Errorf("%w: container %s publishes it; stop that, or take another port", err, other.Name)
				}
			}
		}
	}
	flag := "-ltnp"
	if p.Proto == "udp" {
		flag = "-lunp"
	}
	return fmt.Errorf("%w: a program of this host uses it (ss %s 'sport = :%d'); stop that, or take another port", err, flag, p.HostPort)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
