package cli

import (
	"fmt"
	"net"
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
		host, ip, inside, err := splitPublish(text)
		if err != nil {
			return err
		}
		ports, proto, err := parsePorts(inside)
		if err != nil {
			return fmt.Errorf("Invalid containerPort: %s: %w", text, err)
		}
		var hostPorts []int
		if host != "" {
			if hostPorts, _, err = parsePorts(host); err != nil {
				return fmt.Errorf("Invalid hostPort: %s: %w", text, err)
			}
			if len(hostPorts) != len(ports) {
				return fmt.Errorf("Invalid ranges specified for container and host Ports: %s: they have different lengths", text)
			}
		}
		for i, p := range ports {
			key := fmt.Sprintf("%d/%s", p, proto)
			b := container.PortBinding{HostIP: ip}
			if host != "" {
				b.HostPort = strconv.Itoa(hostPorts[i])
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

// splitPublish takes [[IP:]HOST PORT:]PORT[/PROTOCOL] apart.
func splitPublish(text string) (host, ip, inside string, err error) {
	rest := text
	if strings.HasPrefix(rest, "[") {
		end := strings.IndexByte(rest, ']')
		if end < 0 || !strings.HasPrefix(rest[end+1:], ":") {
			return "", "", "", fmt.Errorf("Invalid ip address: %s", text)
		}
		ip, rest = rest[1:end], rest[end+2:]
	} else if strings.Count(rest, ":") == 2 {
		ip, rest, _ = strings.Cut(rest, ":")
	}
	if ip != "" {
		parsed := net.ParseIP(ip)
		if parsed == nil {
			return "", "", "", fmt.Errorf("Invalid ip address: %s", ip)
		}
		if parsed.To4() == nil {
			return "", "", "", fmt.Errorf("the address %s: ports are published on IPv4 addresses only", ip)
		}
	}
	host, inside, ok := strings.Cut(rest, ":")
	if !ok {
		host, inside = "", rest
	}
	if strings.Contains(inside, ":") {
		return "", "", "", fmt.Errorf("Invalid proto or port: %s: it is [[IP:]HOST PORT:]PORT[/PROTOCOL]", text)
	}
	return host, ip, inside, nil
}

// parsePorts reads PORT or FIRST-LAST, and /tcp or /udp.
func parsePorts(text string) (ports []int, proto string, err error) {
	text, proto, ok := strings.Cut(text, "/")
	if !ok {
		proto = "tcp"
	}
	if proto != "tcp" && proto != "udp" {
		return nil, "", fmt.Errorf("the protocol %q: it is tcp or udp", proto)
	}
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	a, err1 := strconv.ParseUint(first, 10, 16)
	b, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || a == 0 || b < a {
		return nil, "", fmt.Errorf("%q is no port from 1 to 65535, and no range of them", text)
	}
	for p := int(a); p <= int(b); p++ {
		ports = append(ports, p)
	}
	return ports, proto, nil
}
