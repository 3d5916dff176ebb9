package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// The network of the bridge. The gateway has the first address.
var (
	subnet  = netip.MustParsePrefix("10.88.0.0/16")
	gateway = subnet.Addr().Next()
)

// Subnet returns the bridge's network, and Gateway the host's address in it.
func Subnet() netip.Prefix { return subnet }

// Gateway returns the host's address in the bridge's network.
func Gateway() netip.Addr { return gateway }

// Lease takes an address for a container: the lowest that is free. dir holds the leases.
func Lease(dir, id string) (netip.Addr, error) {
	for tries := 0; tries < 20; tries++ {
		taken, err := leases(dir)
		if err != nil {
			return netip.Addr{}, err
		}
		for a := gateway.Next(); subnet.Contains(a.Next()); a = a.Next() { // the last is the broadcast address
			if taken[a] {
				continue
			}
			err := os.Symlink(id, filepath.Join(dir, a.String()))
			if err == nil {
				return a, nil
			}
			if !errors.Is(err, os.ErrExist) {
				return netip.Addr{}, err
			}
			// Another start was faster, and may be just as fast with the next: step on.
		}
		time.Sleep(10 * time.Millisecond)
	}
	return netip.Addr{}, fmt.Errorf("all addresses of %s are taken; `jocker system prune` gives back those of containers that are gone", subnet)
}

func leases(dir string) (map[netip.Addr]bool, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	taken := make(map[netip.Addr]bool, len(names))
	for _, name := range names {
		if a, err := netip.ParseAddr(name); err == nil {
			taken[a] = true
		}
	}
	return taken, nil
}

// Holder returns the container that has an address; "" if it is free.
func Holder(dir, address string) string {
	id, _ := os.Readlink(filepath.Join(dir, address))
	return id
}

// Release gives an address back, if it is this container's.
func Release(dir, address, id string) {
	if address != "" && Holder(dir, address) == id {
		os.Remove(filepath.Join(dir, address))
	}
}
