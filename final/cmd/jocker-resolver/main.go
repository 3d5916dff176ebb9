// Jocker-resolver answers the containers of one network when they ask for each other's names.
//
// Synopsis:
//
//	jocker-resolver -bridge INTERFACE -domain NETWORK -names DIRECTORY [-internal]
//
// Description:
//
//	`jocker run` and `jocker start` start it with the first container of a network, and hand it two sockets for port 53 of the
//	bridge's address, UDP (descriptor 3) and TCP (4), and one that says that this network has a resolver (5). It ends when the bridge
//	goes, which goes with the last container.
//
//	The directory has an empty file NAME@ADDRESS for each name of a container. A file is believed as long as the host's end of
//	the address's cable is there (package network says why it has the address in its name); so whoever was killed has no name. Nothing
//	is kept in memory, hence nothing can be out of date: a look-up is a getdents(2) and a netlink request.
//
//	All other questions are passed on to the name servers of the host's /etc/resolv.conf, which may be on its loopback
//	interface, where containers can't go themselves. With -internal they are answered with "no such name".
//
// How to read it:
//
//	main.go     the sockets, and when it is over
//	answer.go   what is answered (RFC 1035)
//	forward.go  what is passed on
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// A resolver is that of one network.
type resolver struct {
	domain, names string
	internal      bool
	alive         func(address string) bool // is somebody plugged in with it
	servers       func() []string           // to which other questions are passed on
}

func main() {
	debug.SetGCPercent(20)
	r := &resolver{alive: plugged, servers: hostServers}
	bridge := flag.String("bridge", "", "the network's bridge")
	flag.StringVar(&r.domain, "domain", "", "the network's name, which may follow a container's")
	flag.StringVar(&r.names, "names", "", "directory of NAME@ADDRESS")
	flag.BoolVar(&r.internal, "internal", false, "pass nothing on")
	flag.Parse()
	if err := r.run(*bridge); err != nil {
		fmt.Fprintln(os.Stderr, "jocker-resolver:", err)
		os.Exit(1)
	}
}

func (r *resolver) run(bridge string) error {
	index := interfaceIndex(bridge)
	if index == 0 {
		return fmt.Errorf("there is no interface %q; jocker-resolver is started by jocker", bridge)
	}
	udp, err := net.FilePacketConn(os.NewFile(3, "udp"))
	if err != nil {
		return fmt.Errorf("descriptor 3: %w", err)
	}
	tcp, err := net.FileListener(os.NewFile(4, "tcp"))
	if err != nil {
		return fmt.Errorf("descriptor 4: %w", err)
	}
	go r.serveUDP(udp)
	go r.serveTCP(tcp)
	return untilGone(bridge, index)
}

// busy is how many questions are worked on at most; more are dropped, and asked again.
var busy = make(chan struct{}, 128)

func (r *resolver) serveUDP(conn net.PacketConn) {
	buffer := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			continue
		}
		question := append([]byte(nil), buffer[:n]...)
		if answer, done := r.answer(question); done {
			conn.WriteTo(answer, from)
			continue
		}
		select {
		case busy <- struct{}{}:
			go func() {
				defer func() { <-busy }()
				conn.WriteTo(r.forward("udp", question), from)
			}()
		default:
		}
	}
}

// serveTCP takes connections, on which messages have their length before them.
func (r *resolver) serveTCP(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			continue
		}
		select {
		case busy <- struct{}{}:
			go func() {
				defer func() { <-busy }()
				defer conn.Close()
				for {
					conn.SetDeadline(time.Now().Add(10 * time.Second))
					question, err := readMessage(conn)
					if err != nil {
						return
					}
					answer, done := r.answer(question)
					if !done {
						answer = r.forward("tcp", question)
					}
					if writeMessage(conn, answer) != nil {
						return
					}
				}
			}()
		default:
			conn.Close()
		}
	}
}

func readMessage(conn io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(conn, message)
	return message, err
}

func writeMessage(conn io.Writer, message []byte) error {
	_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...))
	return err
}

// untilGone returns when an interface is removed, of which the kernel tells those who ask (rtnetlink(7)).
func untilGone(name string, index uint32) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK})
	}
	if err != nil {
		return os.NewSyscallError("socket(AF_NETLINK)", err)
	}
	buffer := make([]byte, 16<<10)
	for {
		if interfaceIndex(name) != index {
			return nil
		}
		// What the message says does not matter: many may have been lost.
		if _, _, err := unix.Recvfrom(fd, buffer, 0); err != nil && err != unix.EINTR && err != unix.ENOBUFS {
			return os.NewSyscallError("recvfrom(AF_NETLINK)", err)
		}
	}
}

// interfaceIndex returns the number of an interface, 0 if there is none of that name. (net.InterfaceByName has the kernel describe all.)
func interfaceIndex(name string) uint32 {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	if unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request) != nil { // netdevice(7)
		return 0
	}
	return request.Uint32()
}
