package attacks

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// inheritCapabilities: CVE-2022-29162 (and CVE-2022-24769 in Docker's own spec).
//
// A process that is not root can gain capabilities by executing a file that has some: those that the file permits, and those in both the file's inheritable set
// and the process's. The latter was always empty, on all machines, so nobody minded such files in images; until engines
// filled it. `exec --cap` put the capability into all sets, the inheritable one too.
//
// The inheritable set is what config.json says, and by default empty, also if the caller's is not (process/capability, apply; container, ExecOptions.process). Let exec
// append to c.Inheritable as well, and the attack succeeds.
func inheritCapabilities(a *arena) string {
	caps := []string{"CAP_NET_RAW"}
	bundle, root := a.bundle("exec sleep 1000", func(s *specs.Spec) {
		s.Process.NoNewPrivileges = false
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Permitted: caps, Effective: caps}
	})
	program := filepath.Join(root, "inviting/busybox")
	require.NoError(a.t, os.Mkdir(filepath.Dir(program), 0o755))
	copyFile(a.t, filepath.Join(root, "bin/busybox"), program)
	// struct vfs_cap_data of <linux/capability.h>: revision 2 and "effective"; permitted nothing, inheritable CAP_NET_RAW
	require.NoError(a.t, unix.Setxattr(program, "security.capability", []byte{1, 0, 0, 2, 0, 0, 0, 0, 0, 1 << (unix.CAP_NET_RAW - 8), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0))
	id := a.inside(bundle)
	show := []string{"/inviting/busybox", "grep", "-E", "Cap(Inh|Eff)", "/proc/self/status"}
	for _, flags := range [][]string{{"--user", "1000"}, {"--user", "1000", "--cap", "CAP_NET_RAW"}} {
		c := a.runtime.Cmd(append(append(append([]string{"exec"}, flags...), id), show...)...)
		c.Args = append([]string{"setpriv", "--inh-caps", "+net_raw,+chown"}, c.Args...) // a caller that has some itself
		r := ok(a.t, c.Run(a.t))
		if r.Stdout != "CapInh:\t0000000000000000\nCapEff:\t0000000000000000\n" {
			return fmt.Sprintf("user 1000 by exec %v has: %s", flags, r.Stdout)
		}
	}
	return ""
}

// misreadUser: CVE-2026-30892.
//
// `exec --user` takes a user and a group, by number or name. A parser that stops at the first sign that it doesn't understand, or takes what it can't read
// for 0, makes root of an odd user; and root is what it is all about. Whoever can choose the user of a process, and may not be
// root, tries these. Here a number is digits and nothing else, of 32 bits at most and not -1, which the kernel takes for "leave it";
// everything else is a name, and an unknown name is an error (process/user). Let parseWho read a number with fmt.Sscan, and the attack succeeds.
func misreadUser(a *arena) string {
	bundle, _ := a.bundle("exec sleep 1000", nil)
	id := a.inside(bundle)
	for _, user := range []string{
		"-1", "4294967295", "4294967296", "18446744073709551616", "-4294967296", "0x3e8", "0b1", "1e3", "+1000", " 1000", "1000 ", "01000", "1_000",
		":", ":0", "1000:", "1000:-1", "1000:4294967296", "1000:0x0", "1000:x", "1000:1000:0", "1000,0", "1000\n0", "１０００", "0abc", "root:", "nobodyknows", "../root", "user:0 ",
	} {
		r := a.runtime.Run(a.t, "exec", "--user", user, id, "id")
		if r.Code == 0 {
			return fmt.Sprintf("--user %q is %s", user, r.Stdout)
		}
		require.Equal(a.t, 255, r.Code, r)
		require.Contains(a.t, r.Stderr, "user")
	}
	r := ok(a.t, a.runtime.Run(a.t, "exec", "--user", "1000:2000", id, "id"))
	require.Contains(a.t, r.Stdout, "uid=1000(user) gid=2000(extra)")
	return ""
}

// abstractSockets: CVE-2020-15257.
//
// containerd's shims listened on abstract unix sockets, which have no file and so no owner: whoever is in the same network namespace can connect. A container
// with the host's network, even without a capability, could ask a shim for a new container with all rights. A created container of ours waits on a socket
// for `start`; it has a path, in a directory of root's (state, Listen). Put an "@" before its name there, and the attacker finds it.
func abstractSockets(a *arena) string {
	waiting, _ := a.bundle("true", nil)
	ok(a.t, a.runtime.Create(a.t, "waiting", waiting))
	bundle, _ := a.bundle("", func(s *specs.Spec) {
		attacker("sockets")(s)
		var rest []specs.LinuxNamespace
		for _, ns := range s.Linux.Namespaces {
			if ns.Type != specs.NetworkNamespace {
				rest = append(rest, ns)
			}
		}
		s.Linux.Namespaces = rest
		s.Mounts = without(s.Mounts, "/sys")
	})
	r := ok(a.t, a.runtime.RunBundle(a.t, "victim", bundle))
	require.Contains(a.t, r.Stdout, "looked", r)
	for _, line := range strings.Split(r.Stdout, "\n") {
		if strings.HasPrefix(line, "connected") && (strings.Contains(line, "waiting") || strings.Contains(line, "start.sock")) {
			return line
		}
	}
	return ""
}

// socketFinder is in the container. It connects to whatever sockets there are.
func socketFinder() {
	f, err := os.Open("/proc/net/unix")
	if err != nil {
		fmt.Println(err)
		return
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 {
			continue
		}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			continue
		}
		if unix.Connect(fd, &unix.SockaddrUnix{Name: fields[7]}) == nil {
			fmt.Println("connected to", fields[7])
		}
		unix.Close(fd)
	}
	fmt.Println("looked")
}
