package container

import (
	"net/netip"
	"os"
	"strings"
)

// writeFiles writes the three files of the network that every container gets of its own.
func (c *Container) writeFiles(net netResult) error {
	address := ""
	if net.address.IsValid() {
		address = net.address.String()
	}
	host := c.Config.Hostname
	if host == "" {
		host, _ = os.Hostname()
	}
	if err := c.write("hostname", []byte(host+"\n"), 0o644); err != nil {
		return err
	}
	if c.HostConfig.NetworkMode == "host" && len(c.HostConfig.ExtraHosts) == 0 {
		data, err := os.ReadFile("/etc/hosts")
		if err != nil {
			data = []byte("127.0.0.1\tlocalhost\n")
		}
		if err := c.write("hosts", data, 0o644); err != nil {
			return err
		}
	} else if err := c.write("hosts", c.hosts(address), 0o644); err != nil {
		return err
	}
	return c.write("resolv.conf", c.resolvConf(net.nameServer), 0o644)
}

func (c *Container) hosts(address string) []byte {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n")
	for _, e := range c.HostConfig.ExtraHosts { // NAME:ADDRESS, and an IPv6 address has colons itself
		if name, ip, ok := strings.Cut(e, ":"); ok {
			b.WriteString(ip + "\t" + name + "\n")
		}
	}
	if address != "" {
		name := c.Config.Hostname
		if c.Config.Domainname != "" {
			name += "." + c.Config.Domainname + " " + c.Config.Hostname
		}
		b.WriteString(address + "\t" + name + "\n")
	}
	return []byte(b.String())
}

// resolvConf is the host's, less name servers on the host's loopback, which is not the container's. If there are no others it is that
// of systemd-resolved, which has itself on the loopback in /etc/resolv.conf and those that it asks here. own is the network's
// name server, which comes first.
func (c *Container) resolvConf(own string) []byte {
	host, _ := os.ReadFile("/etc/resolv.conf")
	h := &c.HostConfig
	if h.NetworkMode != "host" && !reachable(host) {
		if upstream, err := os.ReadFile("/run/systemd/resolve/resolv.conf"); err == nil {
			host = upstream
		}
	}
	var b strings.Builder
	var servers int
	if own != "" {
		b.WriteString("nameserver " + own + "\n")
		servers++
	}
	for _, s := range h.DNS {
		b.WriteString("nameserver " + s + "\n")
		servers++
	}
	for _, line := range strings.Split(string(host), "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) < 2:
		case f[0] == "nameserver" && own == "" && len(h.DNS) == 0 && (h.NetworkMode == "host" || !isLoopback(f[1])):
			b.WriteString("nameserver " + f[1] + "\n")
			servers++
		case f[0] == "search" && len(h.DNSSearch) == 0, f[0] == "options" && len(h.DNSOptions) == 0:
			b.WriteString(strings.Join(f, " ") + "\n")
		}
	}
	if len(h.DNSSearch) > 0 && h.DNSSearch[0] != "." {
		b.WriteString("search " + strings.Join(h.DNSSearch, " ") + "\n")
	}
	if len(h.DNSOptions) > 0 {
		b.WriteString("options " + strings.Join(h.DNSOptions, " ") + "\n")
	}
	if servers == 0 {
		b.WriteString("# The host has no name server that a container could reach; --dns ADDRESS names one.\n")
	}
	return []byte(b.String())
}

// reachable says whether a resolv.conf names a server that is not on the loopback interface.
func reachable(conf []byte) bool {
	for _, line := range strings.Split(string(conf), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" && !isLoopback(f[1]) {
			return true
		}
	}
	return false
}

func isLoopback(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && a.Unmap().IsLoopback()
}
