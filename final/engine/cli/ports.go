package cli

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"jocker/final/engine/container"
)

// readPorts reads -p and --expose.
func (f *createFlags) readPorts() error {
	c, h := &f.o.Config, &f.o.Host
	expose := func(port string) {
		if c.ExposedPorts == nil {
			c.ExposedPorts = map[string]struct{}{}
		}
		c.ExposedPorts[port] = struct{}{}
	}
	for _, text := range f.expose {
		ports, proto, err := parsePorts(text)
		if err != nil {
			return fmt.Errorf("invalid port to expose: %s: %w", text, err)
		}
		for _, p := range ports {
			expose(fmt.Sprintf("%d/%s", p, proto))
		}
	}
	for _, text := range f.publish {
		p, err := parsePublish(text)
		if err != nil {
			return err
		}
		for i, inside := range p.ports {
			key := fmt.Sprintf("%d/%s", inside, p.proto)
			b := container.PortBinding{HostIP: p.hostIP}
			switch {
			case len(p.hostPorts) == len(p.ports):
				b.HostPort = strconv.Itoa(p.hostPorts[i])
			case len(p.hostPorts) > 0: // the first of them that is free
				b.HostPort = fmt.Sprintf("%d-%d", p.hostPorts[0], p.hostPorts[len(p.hostPorts)-1])
			}
			if h.PortBindings == nil {
				h.PortBindings = map[string][]container.PortBinding{}
			}
			h.PortBindings[key] = append(h.PortBindings[key], b)
			expose(key)
		}
	}
	return nil
}

// A publication is what one -p says. It has as many ports of the host as of the container, none, or several for one.
type publication struct {
	hostIP    string
	hostPorts []int
	ports     []int
	proto     string
}

// parsePublish reads [[IP:]HOST PORT:]PORT[/PROTOCOL], where ports can be ranges and an IPv6 address stands in brackets.
func parsePublish(text string) (p publication, err error) {
	rest := text
	if strings.HasPrefix(rest, "[") {
		end := strings.IndexByte(rest, ']')
		if end < 0 || !strings.HasPrefix(rest[end+1:], ":") {
			return p, fmt.Errorf("Invalid ip address: %s", text)
		}
		p.hostIP, rest = rest[1:end], rest[end+2:]
	} else if strings.Count(rest, ":") == 2 {
		p.hostIP, rest, _ = strings.Cut(rest, ":")
	}
	if p.hostIP != "" {
		if a, err := netip.ParseAddr(p.hostIP); err != nil || a.Zone() != "" {
			return p, fmt.Errorf("Invalid ip address: %s", p.hostIP)
		}
	}
	host, inside, ok := strings.Cut(rest, ":")
	if !ok {
		host, inside = "", rest
	}
	if strings.Contains(inside, ":") {
		return p, fmt.Errorf("Invalid proto or port: %s: it is [[IP:]HOST PORT:]PORT[/PROTOCOL]", text)
	}
	if p.ports, p.proto, err = parsePorts(inside); err != nil {
		return p, fmt.Errorf("Invalid containerPort: %s: %w", text, err)
	}
	if host != "" {
		if p.hostPorts, err = parseRange(host); err != nil {
			return p, fmt.Errorf("Invalid hostPort: %s: %w", text, err)
		}
		if len(p.hostPorts) != len(p.ports) && len(p.ports) != 1 {
			return p, fmt.Errorf("Invalid ranges specified for container and host Ports: %s: they have different lengths", text)
		}
	}
	return p, nil
}

// parsePorts reads PORT or FIRST-LAST, and /tcp or /udp.
func parsePorts(text string) (ports []int, proto string, err error) {
	text, proto, ok := strings.Cut(text, "/")
	if !ok {
		proto = "tcp"
	}
	proto = strings.ToLower(proto)
	if proto != "tcp" && proto != "udp" {
		return nil, "", fmt.Errorf("the protocol %q: it is tcp or udp", proto)
	}
	ports, err = parseRange(text)
	return ports, proto, err
}

// parseRange reads PORT or FIRST-LAST.
func parseRange(text string) (ports []int, err error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	a, err1 := strconv.ParseUint(first, 10, 16)
	b, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || a == 0 || b < a {
		return nil, fmt.Errorf("%q is no port from 1 to 65535, and no range of them", text)
	}
	for p := int(a); p <= int(b); p++ {
		ports = append(ports, p)
	}
	return ports, nil
}
