package main

import (
	"encoding/binary"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"jocker/final/engine/shim"
)

// firstHeld is the first of the sockets that were given to us for the ports of the host that lead to the container. They do nothing
// but exist: see network.Hold.
const firstHeld = lockFD + 1

// keep sees to it that the sockets are not handed on to what we execute.
func keep(n int) {
	for i := 0; i < n; i++ {
		unix.CloseOnExec(firstHeld + i)
	}
}

// cutOff removes the container's cables. The kernel would do so when its network name space goes, but connections that the other side has
// not closed keep that for minutes.
func (c *container) cutOff() {
	for _, name := range c.Cables {
		removeLink(name)
	}
	c.netns.Close()
}

// linger turns into the command that removes what the last container leaves on the host, such as the bridge: `jocker sweep`, which begins
// with waiting for a second. The next container often follows at once, and whoever runs them in a loop should not pay for a new bridge
// each time. Of several shims that end in this second one is enough; which one is decided by an abstract socket, of which a
// network name space has only one with this name, and which goes when its owner does (unix(7)).
func linger(o *shim.Options) error {
	if len(o.Engine) == 0 {
		return nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return os.NewSyscallError("socket(AF_UNIX)", err)
	}
	if unix.Bind(fd, &unix.SockaddrUnix{Name: "@jocker-linger"}) != nil {
		return nil // another one does it
	}
	argv := append(append([]string{}, o.Engine...), strconv.Itoa(fd)) // it is handed on
	return os.NewSyscallError("execve("+argv[0]+")", unix.Exec(argv[0], argv, os.Environ()))
}

// removeLink removes a network interface.
func removeLink(name string) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	order := binary.NativeEndian
	request := make([]byte, unix.SizeofNlMsghdr+unix.SizeofIfInfomsg, 64) // see package network for what it consists of
	order.PutUint16(request[4:], unix.RTM_DELLINK)
	order.PutUint16(request[6:], unix.NLM_F_REQUEST)
	request = order.AppendUint16(request, uint16(unix.SizeofRtAttr+len(name)+1))
	request = order.AppendUint16(request, unix.IFLA_IFNAME)
	request = append(append(request, name...), 0)
	for len(request)%4 != 0 {
		request = append(request, 0)
	}
	order.PutUint32(request, uint32(len(request)))
	unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) // returns when it is done
}
