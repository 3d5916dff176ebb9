package main

import (
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"jocker/final/engine/shim"
)

// A client is somebody who is attached to the container, or waits for its end.
type client struct {
	*shim.Conn
	want byte
}

func (c *client) send(packet []byte) error { return c.SendRaw(packet) }

// clients are all of them.
type clients struct {
	lock   sync.Mutex
	all    map[*client]bool
	over   []byte // what is told to who comes too late
	halt   chan struct{}
	socket *os.File
}

func newClients() *clients {
	return &clients{all: map[*client]bool{}, halt: make(chan struct{}, 1)}
}

func (cs *clients) add(conn *shim.Conn, want byte) *client {
	c := &client{conn, want}
	cs.lock.Lock()
	cs.all[c] = true
	cs.lock.Unlock()
	return c
}

func (cs *clients) drop(c *client) {
	cs.lock.Lock()
	delete(cs.all, c)
	cs.lock.Unlock()
	c.Close()
}

// broadcast sends a packet to all clients that want it. A client that does not read makes the container wait, as a full pipe would.
func (cs *clients) broadcast(packet []byte) {
	cs.lock.Lock()
	var to []*client
	for c := range cs.all {
		if c.want&shim.WantOutput != 0 || packet[0] == shim.Exit {
			to = append(to, c)
		}
	}
	cs.lock.Unlock()
	for _, c := range to {
		if c.send(packet) != nil {
			cs.drop(c)
		}
	}
}

// close sends a last packet to everybody.
func (cs *clients) close(last []byte) {
	cs.lock.Lock()
	cs.over = last
	cs.lock.Unlock()
	cs.broadcast(last)
}

// listen makes the socket.
func (cs *clients) listen(dir string) error {
	fd, err := shim.Listen(dir, "shim.sock", unix.SOCK_SEQPACKET)
	if err != nil {
		return err
	}
	cs.socket = os.NewFile(uintptr(fd), "shim.sock")
	return nil
}

// accept takes clients in, for ever.
func (cs *clients) accept(c *container) {
	raw, err := cs.socket.SyscallConn()
	if err != nil {
		return
	}
	for {
		fd := -1
		err := raw.Read(func(socket uintptr) bool {
			var err error
			fd, _, err = unix.Accept4(int(socket), unix.SOCK_CLOEXEC)
			return err != unix.EAGAIN
		})
		if err != nil {
			return
		}
		if fd >= 0 {
			go cs.welcome(shim.NewConn(fd), c)
		}
	}
}

// welcome asks a client who it is and what it wants.
func (cs *clients) welcome(conn *shim.Conn, c *container) {
	uid, err := conn.Peer()
	if err != nil || uid != uint32(os.Geteuid()) && uid != 0 {
		conn.Close() // the directory's mode keeps others away; this is the second lock
		return
	}
	kind, data, err := conn.Receive(make([]byte, 16))
	if err != nil || kind != shim.Hello || len(data) != 1 {
		conn.Close()
		return
	}
	client := cs.add(conn, data[0])
	cs.lock.Lock()
	over := cs.over
	cs.lock.Unlock()
	if over != nil {
		client.send(over)
	}
	cs.serve(client, c)
}

// serve does what a client says, until it goes.
func (cs *clients) serve(client *client, c *container) {
	buffer := make([]byte, 512)
	if client.want&shim.WantInput != 0 && c.Stdin {
		buffer = make([]byte, shim.MaxData+1)
	}
	for {
		kind, data, err := client.Receive(buffer)
		if err != nil {
			break
		}
		io := c.io.Load()
		switch {
		case kind == shim.Halt:
			c.halted.Store(true)
			select {
			case cs.halt <- struct{}{}:
			default:
			}
		case kind == shim.Signal && len(data) == 1:
			if pid := c.pid.Load(); pid != 0 {
				unix.Kill(int(pid), unix.Signal(data[0]))
			}
		case kind == shim.Policy:
			c.setPolicy(string(data))
		case kind == shim.Rename:
			c.rename(string(data))
		case io == nil:
		case kind == shim.Input && client.want&shim.WantInput != 0:
			io.write(data)
		case kind == shim.Close:
			if c.StdinOnce {
				io.eof()
			}
		case kind == shim.Resize:
			if rows, columns, ok := shim.Size(data); ok {
				io.resize(rows, columns)
			}
		}
	}
	if io := c.io.Load(); io != nil && client.want&shim.WantInput != 0 && c.StdinOnce {
		io.eof()
	}
	cs.drop(client)
}

// setPolicy takes another restart policy: NAME or NAME:RETRIES.
func (c *container) setPolicy(text string) {
	name, retries, _ := strings.Cut(text, ":")
	c.lock.Lock()
	defer c.lock.Unlock()
	c.Restart = name
	c.MaxRetries, _ = strconv.Atoi(retries)
}

// rename takes another name. A container that goes with its end has a link of this name among what is removed.
func (c *container) rename(name string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	old := "/names/" + c.Name
	for i, path := range c.Remove {
		if strings.HasSuffix(path, old) {
			c.Remove[i] = strings.TrimSuffix(path, old) + "/names/" + name
		}
	}
	c.Name = name
}
