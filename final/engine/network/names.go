package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// In a network that somebody made, containers find each other by name. Who has a name is said by empty files NAME@ADDRESS in a
// directory of the network's; cmd/jocker-resolver looks there when it is asked, and believes a file only as long as the cable of the address
// is there. So nothing has to be told to it, and nothing goes wrong if it is killed: the next container starts it anew.

// Names says where the names of a network are kept, and who answers for them.
type Names struct {
	Dir      string // files NAME@ADDRESS
	Resolver string // the program
}

// tell writes a container's names down. Those that the address had before are somebody's who is gone.
func (n Names) tell(e *Endpoint) error {
	if err := os.MkdirAll(n.Dir, 0o700); err != nil {
		return err
	}
	for _, a := range []netip.Addr{e.Address, e.Address6} {
		if !a.IsValid() {
			continue
		}
		old, err := filepath.Glob(n.Dir + "/*@" + a.String())
		if err != nil {
			return err
		}
		for _, path := range old {
			os.Remove(path)
		}
		for _, name := range e.Names {
			if err := os.WriteFile(filepath.Join(n.Dir, strings.ToLower(name)+"@"+a.String()), nil, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// serve starts the network's resolver, unless there is one: only one can have an abstract socket of its name. It ends when the bridge
// goes.
func (e *Endpoint) serve() error {
	gateway := e.Network.Gateway
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail.Call("socket(AF_UNIX)", err, "")
	}
	only := os.NewFile(uintptr(fd), "abstract socket")
	defer only.Close()
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: "@jocker-resolver-" + e.Bridge}); errors.Is(err, unix.EADDRINUSE) {
		return nil
	} else if err != nil {
		return fail.Call("bind(@jocker-resolver-"+e.Bridge+")", err, "")
	}
	udp, err := listen(unix.SOCK_DGRAM, gateway, e.Bridge)
	if err != nil {
		return err
	}
	defer udp.Close()
	tcp, err := listen(unix.SOCK_STREAM, gateway, e.Bridge)
	if err != nil {
		return err
	}
	defer tcp.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	argv := []string{"jocker-resolver", "-bridge", e.Bridge, "-domain", e.Name, "-names", e.In.Dir}
	if e.Internal {
		argv = append(argv, "-internal")
	}
	process, err := os.StartProcess(e.In.Resolver, argv, &os.ProcAttr{Dir: "/", Files: []*os.File{null, null, null, udp, tcp, only},
		Sys: &unix.SysProcAttr{Setsid: true}})
	if err != nil {
		return fmt.Errorf("starting the resolver of network %s: %w", e.Name, err)
	}
	return process.Release()
}

// listen makes a socket for port 53 of an address, which hears only what comes from the bridge.
func listen(kind int, a netip.Addr, bridge string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fail.Call("socket(AF_INET)", err, "")
	}
	f := os.NewFile(uintptr(fd), "port 53")
	if kind == unix.SOCK_STREAM {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) // connections to the resolver before may linger
	}
	if err == nil {
		err = unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, bridge)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: a.As4(), Port: 53})
	}
	if err == nil && kind == unix.SOCK_STREAM {
		err = unix.Listen(fd, 16)
	}
	if err != nil {
		f.Close()
		return nil, fail.Call("bind("+a.String()+":53)", err, "a name server of this host that listens on all addresses has to leave the bridges of jocker alone (dnsmasq: bind-interfaces)")
	}
	return f, nil
}
