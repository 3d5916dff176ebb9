package container

import (
	"os"
	"strings"
)

// writeFiles writes the three files of the network that every container gets of its own. address is its IPv4 address, or "".
func (c *Container) writeFiles(address string) error {
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
	return c.write("resolv.conf", c.resolvConf(), 0o644)
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

// resolvConf is the host's, less name servers on the host's loopback, which is not the container's.
func (c *Container) resolvConf() []byte {
	host, _ := os.ReadFile("/etc/resolv.conf")
	h := &c.HostConfig
	var b strings.Builder
	var servers int
	for _, s := range h.DNS {
		b.WriteString("nameserver " + s + "\n")
		servers++
	}
	for _, line := range strings.Split(string(host), "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) < 2:
		case f[0] == "nameserver" && len(h.DNS) == 0 && (h.NetworkMode == "host" || !strings.HasPrefix(f[1], "127.") && f[1] != "::1"):
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
