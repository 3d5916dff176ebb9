package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// BridgeName is the interface that all containers are plugged into.
const BridgeName = "jocker0"

// New makes a network name space with its loopback interface up. With an address it is connected to the bridge, under the
// name of the container id. It lives as long as the file is open, is mounted, or a process is in it. dir is for notes about the bridge.
func New(dir, id string, address netip.Addr) (ns *os.File, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The thread leaves the host's network and never comes back: it ends with this function.
		runtime.LockOSThread()
		ns, err = connect(dir, id, address)
	}()
	<-done
	return ns, err
}

func connect(dir, id string, address netip.Addr) (ns *os.File, err error) {
	host, err := dial() // stays in the host's name space
	if err != nil {
		return nil, err
	}
	defer host.close()
	var bridge int32
	if address.IsValid() {
		if bridge, err = ensureBridge(host, dir); err != nil {
			return nil, err
		}
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fail.Call("unshare(CLONE_NEWNET)", err, "it takes root (CAP_SYS_ADMIN)")
	}
	if ns, err = os.Open("/proc/thread-self/ns/net"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			ns.Close()
		}
	}()
	inside, err := dial()
	if err != nil {
		return nil, err
	}
	defer inside.close()
	const loopback = 1 // always
	if err := inside.up(loopback, "lo"); err != nil || !address.IsValid() {
		return ns, err
	}
	name := InterfaceName(id)
	err = host.addVeth(name, bridge, "eth0", MAC(address), int(ns.Fd()))
	if errors.Is(err, unix.EEXIST) {
		// The cable of the container's last run: the kernel takes a name space down some time after its last process.
		if err = host.remove(name); err == nil {
			err = host.addVeth(name, bridge, "eth0", MAC(address), int(ns.Fd()))
		}
	}
	if err != nil {
		return nil, err
	}
	port, err := host.index(name)
	if err == nil {
		err = host.isolate(port)
	}
	if err != nil {
		return nil, err
	}
	eth0, err := inside.index("eth0")
	if err == nil {
		err = inside.addAddress(eth0, address.As4(), byte(subnet.Bits()))
	}
	if err == nil {
		err = inside.up(eth0, "eth0")
	}
	if err == nil {
		err = inside.addGateway(gateway.As4())
	}
	return ns, err
}

// InterfaceName is the host's end of a container's cable. Names have 15 bytes at most.
func InterfaceName(id string) string { return "jk" + id[:12] }

// MAC returns the hardware address that goes with an address. The first byte says that nobody sold it, so no other card has it.
func MAC(a netip.Addr) []byte {
	b := a.As4()
	return []byte{0x02, 0x42, b[0], b[1], b[2], b[3]}
}

// ensureBridge makes the bridge, and what belongs to it, if that has not been done since the machine started.
func ensureBridge(host *conn, dir string) (int32, error) {
	note := filepath.Join(dir, "bridge")
	index, err := host.index(BridgeName)
	if err != nil {
		return 0, err
	}
	if data, err := os.ReadFile(note); err == nil && index != 0 && string(data) == strconv.Itoa(int(index)) {
		return index, nil
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return 0, fail.Call("flock("+lock.Name()+")", err, "")
	}
	if err := host.addBridge(BridgeName, MAC(gateway)); err != nil {
		return 0, err
	}
	if index, err = host.index(BridgeName); err != nil {
		return 0, err
	}
	if err := host.addAddress(index, gateway.As4(), byte(subnet.Bits())); err != nil {
		return 0, err
	}
	if err := host.up(index, BridgeName); err != nil {
		return 0, err
	}
	for _, s := range []struct{ name, value, why string }{
		{"ip_forward", "1", "the host must pass on what is not for itself"},
	} {
		if err := os.WriteFile("/proc/sys/net/ipv4/"+s.name, []byte(s.value), 0); err != nil {
			return 0, fmt.Errorf("%w (%s); set it by hand if this host does not let root do it", err, s.why)
		}
	}
	if err := setUpNAT(); err != nil {
		return 0, err
	}
	return index, os.WriteFile(note, []byte(strconv.Itoa(int(index))), 0o600)
}
