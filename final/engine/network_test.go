package engine

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/engine/network"
	"jocker/internal/labtest"
)

// newNetwork makes an empty network, as of a machine without a network card.
func newNetwork(t *testing.T) *os.File {
	t.Helper()
	ns, err := network.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { ns.Close() })
	return ns
}

// inNetwork calls f in a network. Sockets that f makes, and processes that it starts, are of this network for good.
func inNetwork(ns *os.File, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with this function
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(err)
		}
		f()
	}()
	<-done
}

// tool executes a program of the machine in a network.
func tool(t *testing.T, ns *os.File, args ...string) string {
	t.Helper()
	var out []byte
	var err error
	inNetwork(ns, func() { out, err = exec.Command(args[0], args[1:]...).CombinedOutput() })
	require.NoError(t, err, "%q: %s (apt-get install iproute2 nftables)", args, out)
	return string(out)
}

// withoutNetwork gives the host up its own network, for tests that need servers of the machine and connect no container.
func (h *host) withoutNetwork() {
	h.net, h.args = nil, h.args[2:]
}

// noNetwork waits until nothing of jocker's is left in the host's network, as the kernel takes networks of containers down late.
func (h *host) noNetwork() {
	h.t.Helper()
	if h.net == nil {
		return
	}
	var left string
	for start := time.Now(); time.Since(start) < labtest.Scale(5*time.Second); time.Sleep(20 * time.Millisecond) {
		h.ok("system", "prune", "-f")
		left = tool(h.t, h.net, "ip", "-br", "link") + tool(h.t, h.net, "nft", "list", "tables")
		if !strings.Contains(left, "jk0") && !strings.Contains(left, "jn") && !strings.Contains(left, "jb") && !strings.Contains(left, "jocker") {
			return
		}
	}
	h.t.Errorf("left in the host's network:\n%s", left)
}

// neighbour is another host, 192.0.2.2, beside this one, which becomes 192.0.2.1.
func (h *host) neighbour() *os.File {
	other := newNetwork(h.t)
	var err error
	inNetwork(other, func() {
		var out []byte
		out, err = exec.Command("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.net.Fd())).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	})
	require.NoError(h.t, err)
	for ns, address := range map[*os.File]string{h.net: "192.0.2.1/24", other: "192.0.2.2/24"} {
		tool(h.t, ns, "ip", "address", "add", address, "dev", "eth0")
		tool(h.t, ns, "ip", "link", "set", "eth0", "up")
	}
	return other
}

// web starts a container whose web server answers with the address of who asks.
func (h *host) web(name string, options ...string) {
	h.t.Helper()
	const server = "mkdir -p /www/cgi-bin; printf '#!/bin/sh\necho; echo $REMOTE_ADDR' >/www/cgi-bin/who; chmod +x /www/cgi-bin/who; exec httpd -f -h /www"
	h.ok(append(append([]string{"run", "-d", "--name", name, "--stop-signal", "KILL"}, options...), "busybox", "sh", "-c", server)...)
	inside := h.netOf(name)
	defer inside.Close()
	require.Eventually(h.t, func() bool { return ask(inside, "127.0.0.1:80") != "" }, 5*time.Second, 10*time.Millisecond)
}

// netOf opens a running container's network.
func (h *host) netOf(name string) *os.File {
	h.t.Helper()
	f, err := os.Open("/proc/" + h.ok("inspect", "-f", "{{.State.Pid}}", name) + "/ns/net")
	require.NoError(h.t, err)
	return f
}

func (h *host) address(name string) string {
	h.t.Helper()
	return h.ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name)
}

// ask asks the web server of web for the address that it sees; "" if it can't be reached.
func ask(from *os.File, server string) (answer string) {
	inNetwork(from, func() {
		c, err := net.DialTimeout("tcp", server, 300*time.Millisecond)
		if err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprint(c, "GET /cgi-bin/who HTTP/1.0\r\n\r\n")
		data, _ := io.ReadAll(c)
		_, body, _ := strings.Cut(string(data), "\r\n\r\n")
		if _, after, ok := strings.Cut(string(data), "\n\n"); ok {
			body = after
		}
		answer = strings.TrimPrefix(strings.Trim(strings.TrimSpace(body), "[]"), "::ffff:")
	})
	return answer
}

// bridgeFilters turns the module br_netfilter, if it is there, on or off: with it, the kernel translates addresses on bridges already.
func bridgeFilters(t *testing.T, ns *os.File, on string) {
	inNetwork(ns, func() {
		err := os.WriteFile("/proc/sys/net/bridge/bridge-nf-call-iptables", []byte(on), 0)
		if err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
	})
}

func TestPublishedPorts(t *testing.T) {
	h := newHost(t)
	other := h.neighbour()
	h.web("web", "-p", "8080:80", "-p", "127.0.0.1:8081:80", "-p", "192.0.2.1:8082:80/tcp", "-p", "8100-8101:80-81", "-p", "80")
	random := strings.TrimPrefix(h.ok("port", "web", "80")[strings.LastIndex(h.ok("port", "web", "80"), "\n")+1:], "0.0.0.0:")
	h.ok("run", "-d", "--name", "client", "busybox", "sleep", "1000")
	client, web := h.netOf("client"), h.netOf("web")
	defer client.Close()
	defer web.Close()
	const gateway, this = "10.90.0.1", "192.0.2.1"
	for _, filters := range []string{"1", "0"} {
		bridgeFilters(t, h.net, filters)
		for _, test := range []struct {
			who    string
			from   *os.File
			server string
			sees   string // the address of the client that the server sees; "": it is not reached
		}{
			{"another host", other, this + ":8080", "192.0.2.2"},
			{"another host", other, this + ":8082", "192.0.2.2"},
			{"another host", other, this + ":8100", "192.0.2.2"},
			{"another host", other, this + ":" + random, "192.0.2.2"},
			{"another host, what is for the loopback address", other, this + ":8081", ""},
			{"the host", h.net, this + ":8080", this},
			{"the host", h.net, gateway + ":8080", gateway},
			{"the host, on loopback", h.net, "127.0.0.1:8080", gateway},
			{"the host, on loopback", h.net, "127.0.0.1:8081", gateway},
			{"the host, on another address than the one that is published", h.net, "127.0.0.1:8082", ""},
			{"another container", client, gateway + ":8080", gateway},
			{"another container", client, this + ":8082", gateway},
			{"the container itself", web, this + ":8080", gateway},
			{"another container, past the host", client, h.address("web") + ":80", ""},
			{"another container, its own loopback address", client, "127.0.0.1:8080", ""},
		} {
			require.Equal(t, test.sees, ask(test.from, test.server), "%s asks %s; bridge-nf-call-iptables=%s", test.who, test.server, filters)
		}
	}
	require.Equal(t, "0.0.0.0:8080\n127.0.0.1:8081\n192.0.2.1:8082\n0.0.0.0:8100\n0.0.0.0:"+random, h.ok("port", "web", "80/tcp"))
	require.Contains(t, h.ok("ps", "--format", "{{.Ports}}", "-f", "name=web"), "0.0.0.0:8080->80/tcp, ")
	require.Equal(t, "8080", h.ok("inspect", "-f", `{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}`, "web"))

	h.ok("stop", "web")
	require.Empty(t, ask(h.net, "127.0.0.1:8080"))
	h.ok("start", "web")
	require.Eventually(t, func() bool { return ask(other, this+":8080") == "192.0.2.2" }, 5*time.Second, 10*time.Millisecond)
}

// A neighbour, or a container, that sends packets for 127.0.0.1 to the host (CVE-2020-8558), or packets for a container past the ports
// that it publishes, finds nobody.
func TestGuard(t *testing.T) {
	h := newHost(t)
	other := h.neighbour()
	h.web("web", "-p", "127.0.0.1:8081:80")
	inside := h.netOf("web")
	defer inside.Close()
	var service net.Listener
	inNetwork(h.net, func() {
		var err error
		service, err = net.Listen("tcp", "127.0.0.1:7")
		require.NoError(t, err)
	})
	defer service.Close()
	reached := func(from *os.File, server string) (ok bool) {
		inNetwork(from, func() {
			c, err := net.DialTimeout("tcp", server, 300*time.Millisecond)
			if ok = err == nil; ok {
				c.Close()
			}
		})
		return ok
	}
	require.True(t, reached(h.net, "127.0.0.1:7"))

	for from, router := range map[*os.File]string{inside: "10.90.0.1", other: "192.0.2.1"} {
		inNetwork(from, func() { // what a container with CAP_NET_ADMIN can do, and one with CAP_NET_RAW by hand
			require.NoError(t, os.WriteFile("/proc/sys/net/ipv4/conf/eth0/route_localnet", []byte("1"), 0))
		})
		tool(t, from, "ip", "address", "del", "127.0.0.1/8", "dev", "lo")
		tool(t, from, "ip", "route", "add", "127.0.0.1", "via", router)
	}
	tool(t, other, "ip", "route", "add", "10.90.0.0/16", "via", "192.0.2.1")
	attacks := map[string]func() bool{
		"a container reaches a service on the host's loopback address":             func() bool { return reached(inside, "127.0.0.1:7") },
		"a neighbour reaches a port of a container that is not published":          func() bool { return reached(other, h.address("web")+":80") },
		"a neighbour reaches a port that is published on the loopback address":     func() bool { return reached(other, "127.0.0.1:8081") },
		"a container reaches a port that is published on the loopback address too": func() bool { return reached(inside, "127.0.0.1:8081") },
	}
	for what, attack := range attacks {
		require.False(t, attack(), what)
	}

	// The attacks are real: without the rules they succeed.
	tool(t, h.net, "nft", "flush", "chain", "ip", "jocker", "guard")
	tool(t, h.net, "nft", "flush", "chain", "ip", "jocker", "forward")
	require.True(t, attacks["a container reaches a service on the host's loopback address"]())
	require.True(t, attacks["a neighbour reaches a port of a container that is not published"]())
}

func TestUDPPort(t *testing.T) {
	h := newHost(t)
	other := h.neighbour()
	h.ok("run", "-d", "--name", "echo", "-p", "9000:9001/udp", "busybox", "sleep", "1000")
	inside := h.netOf("echo")
	defer inside.Close()
	var server net.PacketConn
	inNetwork(inside, func() {
		var err error
		server, err = net.ListenPacket("udp4", ":9001")
		require.NoError(t, err)
	})
	defer server.Close()
	go func() {
		buffer := make([]byte, 100)
		for {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			server.WriteTo([]byte(string(buffer[:n])+" from "+from.(*net.UDPAddr).IP.String()), from)
		}
	}()
	for _, test := range []struct {
		from         *os.File
		server, want string
	}{{other, "192.0.2.1:9000", "hello from 192.0.2.2"}, {h.net, "127.0.0.1:9000", "hello from 10.90.0.1"}} {
		inNetwork(test.from, func() {
			c, err := net.Dial("udp4", test.server)
			require.NoError(t, err)
			defer c.Close()
			c.SetDeadline(time.Now().Add(5 * time.Second))
			c.Write([]byte("hello"))
			buffer := make([]byte, 100)
			n, err := c.Read(buffer)
			require.NoError(t, err)
			require.Equal(t, test.want, string(buffer[:n]))
		})
	}
}

// The way out: other hosts see this host's address.
func TestMasquerade(t *testing.T) {
	h := newHost(t)
	other := h.neighbour()
	tool(t, h.net, "ip", "route", "add", "default", "via", "192.0.2.2")
	h.ok("run", "-d", "--name", "one", "busybox", "sleep", "1000")
	inside := h.netOf("one")
	defer inside.Close()
	var l net.Listener
	inNetwork(other, func() {
		var err error
		l, err = net.Listen("tcp4", ":80")
		require.NoError(t, err)
	})
	defer l.Close()
	inNetwork(inside, func() {
		c, err := net.DialTimeout("tcp4", "192.0.2.2:80", 5*time.Second)
		require.NoError(t, err)
		c.Close()
	})
	c, err := l.Accept()
	require.NoError(t, err)
	require.Equal(t, "192.0.2.1", c.RemoteAddr().(*net.TCPAddr).IP.String())
	c.Close()
}

func TestPortInUse(t *testing.T) {
	h := newHost(t)
	h.ok("run", "-d", "--name", "first", "-p", "8080:80", "busybox", "sleep", "1000")
	require.Contains(t, h.fails(125, "run", "--rm", "-p", "8080:80", "busybox", "true"), "Bind for 0.0.0.0:8080 failed: port is already allocated: address already in use: container first publishes it")
	require.Contains(t, h.fails(125, "run", "--rm", "-p", "127.0.0.1:8080:80", "busybox", "true"), "container first")
	h.ok("run", "--rm", "-p", "8080:80/udp", "busybox", "true") // another port
	inNetwork(h.net, func() {
		l, err := net.Listen("tcp", ":8080")
		if err == nil {
			l.Close()
		}
		require.ErrorIs(t, err, unix.EADDRINUSE, "an ordinary program doesn't get it either")
		l, err = net.Listen("tcp", ":8081")
		require.NoError(t, err)
		defer l.Close()
		require.Contains(t, h.fails(125, "run", "--rm", "-p", "8081:80", "busybox", "true"), "a program of this host uses it (ss -ltnp 'sport = :8081')")
		h.ok("run", "-d", "--name", "range", "-p", "8080-8082:80", "busybox", "sleep", "1000")
	})
	require.Equal(t, "0.0.0.0:8082", h.ok("port", "range", "80"), "the first of the range that is free")
	require.Contains(t, h.fails(125, "run", "--rm", "-p", "203.0.113.9:1:1", "busybox", "true"), "no interface of this host has that address")
	h.ok("rm", "-f", "first")
	h.ok("run", "--rm", "-p", "8080:80", "busybox", "true")
	for _, bad := range []string{"x:80", "80:x", "0:80", "1:2:3:4", "70000:80", "80/icmp", "1-2:1-3", "[::1:80:80", "300.1.1.1:1:1", "80/tcp:80"} {
		h.fails(125, "run", "--rm", "-p", bad, "busybox", "true")
	}
	require.Len(t, strings.Fields(h.ok("ps", "-aq")), 1)
}

func TestPublishAll(t *testing.T) {
	h := newHost(t)
	h.ok("run", "-d", "--name", "all", "-P", "--expose", "80", "--expose", "53/udp", "busybox", "sleep", "1000")
	ports := h.ok("port", "all")
	require.Regexp(t, `^53/udp -> 0\.0\.0\.0:\d+\n80/tcp -> 0\.0\.0\.0:\d+$`, ports)
}

// A shim that is killed leaves rules and a cable; the container that gets them next must not be reachable by them.
func TestShimOfPublishedPortKilled(t *testing.T) {
	h := newHost(t)
	h.web("old", "-p", "8080:80")
	address := h.address("old")
	for _, pid := range []string{"{{.State.ShimPid}}", "{{.State.Pid}}"} {
		n, err := strconv.Atoi(h.ok("inspect", "-f", pid, "old"))
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(n, syscall.SIGKILL))
	}
	cable := func() string { return tool(t, h.net, "ip", "-br", "link") }
	require.Eventually(t, func() bool { return !strings.Contains(cable(), "jk0") }, 5*time.Second, 10*time.Millisecond, "the kernel removes the cable")
	h.web("new")
	require.Equal(t, address, h.address("new"), "the address is free again")
	require.Empty(t, ask(h.net, "127.0.0.1:8080"), "the port still leads to the address")
	h.ok("rm", "-f", "new")
	h.web("next", "-p", "8080:80")
	require.Equal(t, "10.90.0.1", ask(h.net, "127.0.0.1:8080"))
}

func TestAddressesDiffer(t *testing.T) {
	h := newHost(t)
	const count = 50
	var group sync.WaitGroup
	for i := 0; i < count; i++ {
		i := i
		group.Add(1)
		go func() {
			defer group.Done()
			h.run("", "run", "-d", "--name", fmt.Sprint("c", i), "--stop-signal", "KILL", "busybox", "sleep", "1000")
		}()
	}
	group.Wait()
	seen := map[string]bool{}
	for i := 0; i < count; i++ {
		seen[h.address(fmt.Sprint("c", i))] = true
	}
	require.Len(t, seen, count)
}

// Two stores on one host share the bridge, and not the addresses.
func TestTwoRoots(t *testing.T) {
	a, b := newHost(t), newHost(t)
	b.net, b.args[1] = a.net, a.args[1]
	a.ok("run", "-d", "--name", "one", "busybox", "sleep", "1000")
	b.ok("run", "-d", "--name", "one", "busybox", "sleep", "1000")
	require.NotEqual(t, a.address("one"), b.address("one"))
	require.Contains(t, tool(t, a.net, "ip", "-br", "address", "show", network.DefaultBridge), "10.90.0.1/16")
	a.ok("rm", "-f", "one")
	a.ok("system", "prune", "-f")
	_, _, code := b.run("", "exec", "one", "ping", "-c", "1", "-w", "2", "10.90.0.1")
	require.Zero(t, code, "the other store's bridge stays")
	b.ok("rm", "-f", "one")
}

// The default network gets out of the way of others.
func TestSubnetTaken(t *testing.T) {
	h := newHost(t)
	tool(t, h.net, "ip", "address", "add", "10.90.7.7/24", "dev", "lo")
	h.ok("run", "-d", "--name", "one", "busybox", "sleep", "1000")
	require.Equal(t, "10.100.0.2", h.address("one"))
	require.Equal(t, "10.100.0.1", h.ok("inspect", "-f", "{{.NetworkSettings.Gateway}}", "one"))
}

// With the last container all goes that the first one brought, by itself.
func TestLastOneOut(t *testing.T) {
	labtest.Snapshot(t)
	h := newHost(t)
	h.ok("run", "--rm", "-p", "8080:80", "busybox", "true")
	require.Contains(t, tool(t, h.net, "ip", "-br", "link"), network.DefaultBridge, "a second container that follows at once finds the bridge")
	require.Eventually(t, func() bool {
		return !strings.Contains(tool(t, h.net, "ip", "-br", "link")+tool(t, h.net, "nft", "list", "tables"), "jocker")
	}, labtest.Scale(5*time.Second), 50*time.Millisecond)
}

// Whoever removed the bridge was killed before he came to the rules.
func TestBridgeGone(t *testing.T) {
	h := newHost(t)
	h.ok("run", "-d", "--name", "one", "-p", "8080:80", "busybox", "sleep", "1000")
	tool(t, h.net, "ip", "link", "delete", network.DefaultBridge)
	h.ok("rm", "-f", "one")
	h.noNetwork()
}

// Rules of others are left as they are. If they drop what is forwarded the user is told, until he has let it through.
func TestForeignRules(t *testing.T) {
	h := newHost(t)
	other := h.neighbour()
	const rules = "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n"
	tool(t, h.net, "nft", rules)
	run := func(args ...string) string {
		_, errs, code := h.run("", append([]string{"run", "--rm", "-p", "8080:80", "busybox"}, args...)...)
		require.Zero(t, code, errs)
		h.noNetwork()
		return errs
	}
	require.Contains(t, run("true"), "the chain FORWARD of the table ip filter, which is not jocker's, drops what it does not know")
	require.Equal(t, rules, tool(t, h.net, "nft", "list", "table", "ip", "filter"))
	for _, way := range []string{"iifname", "oifname"} {
		tool(t, h.net, "nft", "insert", "rule", "ip", "filter", "FORWARD", way, "jocker0", "accept")
	}
	require.Empty(t, run("true"))
	h.web("web", "-p", "8080:80")
	require.Equal(t, "192.0.2.2", ask(other, "192.0.2.1:8080"))
}
