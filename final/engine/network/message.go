package network

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file speaks netlink(7): a request is a header, a fixed part that depends on its kind, and attributes, each with length, kind
// and value. Values can be attributes themselves. Everything is aligned to four bytes and in the machine's byte order.

// A conn is a socket to the kernel's network configuration. It stays in the name space in which it was made.
type conn struct {
	fd       int
	sequence uint32
}

func dial() (*conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fail.Call("socket(AF_NETLINK, NETLINK_ROUTE)", err, "")
	}
	return &conn{fd: fd}, nil
}

func (c *conn) close() { unix.Close(c.fd) }

// A message is a request in the making.
type message []byte

var order = binary.NativeEndian

// newMessage begins a request.
func newMessage(kind, flags uint16, fixed []byte) message {
	m := make(message, unix.SizeofNlMsghdr, 256)
	order.PutUint16(m[4:], kind)
	order.PutUint16(m[6:], flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	return append(m, fixed...)
}

// attribute appends one.
func (m *message) attribute(kind uint16, value []byte) {
	b := order.AppendUint16(*m, uint16(4+len(value)))
	b = append(order.AppendUint16(b, kind), value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	*m = b
}

func (m *message) number(kind uint16, n uint32)  { m.attribute(kind, order.AppendUint32(nil, n)) }
func (m *message) text(kind uint16, text string) { m.attribute(kind, append([]byte(text), 0)) }

// nest appends one whose value is what inside appends.
func (m *message) nest(kind uint16, inside func(*message)) {
	var value message
	inside(&value)
	m.attribute(kind|unix.NLA_F_NESTED, value)
}

// do sends a request and waits for the answers: the fixed part and attributes of each message, if there are any. what is said in
// an error. A request with NLM_F_DUMP may have many answers, the last of which is NLMSG_DONE.
func (c *conn) do(m message, what string) (answers [][]byte, err error) {
	c.sequence++
	order.PutUint32(m, uint32(len(m)))
	order.PutUint32(m[8:], c.sequence)
	if err := unix.Sendto(c.fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fail.Call("netlink: "+what, err, "")
	}
	buffer := make([]byte, 32<<10) // no message of a dump is longer
	for {
		n, _, err := unix.Recvfrom(c.fd, buffer, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fail.Call("netlink: "+what, err, "")
		}
		for b := buffer[:n]; len(b) >= unix.SizeofNlMsghdr; {
			size := int(order.Uint32(b))
			if size < unix.SizeofNlMsghdr || size > len(b) {
				return nil, fmt.Errorf("netlink: %s: the kernel's answer is cut off", what)
			}
			kind, sequence, body := order.Uint16(b[4:]), order.Uint32(b[8:]), b[unix.SizeofNlMsghdr:size]
			b = b[min((size+3)&^3, len(b)):]
			switch {
			case sequence != c.sequence:
			case (kind == unix.NLMSG_ERROR || kind == unix.NLMSG_DONE) && len(body) >= 4:
				if errno := -int32(order.Uint32(body)); errno != 0 {
					return nil, fail.Call("netlink: "+what, unix.Errno(errno), cause(unix.Errno(errno)))
				}
				return answers, nil
			default:
				answers = append(answers, append([]byte(nil), body...))
			}
		}
	}
}

// attributes calls f for each attribute. What is damaged ends the list.
func attributes(b []byte, f func(kind uint16, value []byte)) {
	for len(b) >= 4 {
		size, kind := int(order.Uint16(b)), order.Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER)
		if size < 4 || size > len(b) {
			return
		}
		f(kind, b[4:size])
		b = b[min((size+3)&^3, len(b)):]
	}
}

func cause(err unix.Errno) string {
	switch err {
	case unix.EPERM:
		return "it takes root (CAP_NET_ADMIN)"
	case unix.EOPNOTSUPP:
		return "the kernel lacks this kind of interface (modules bridge and veth)"
	}
	return ""
}
