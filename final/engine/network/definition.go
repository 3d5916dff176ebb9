package network

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Definition is a network that somebody made: ROOT/networks/NAME.json. Its bridge is only there while containers are in it.
type Definition struct {
	Network
	Created time.Time
	Labels  map[string]string
}

// ErrNotFound is wrapped by the error for a network that is not there. Its words are Docker's.
var ErrNotFound = errors.New("network not found")

// pool is where networks get their addresses from if nobody says: each 256 of them.
var pool = netip.MustParsePrefix("10.91.0.0/16")

func file(root, name string) string { return filepath.Join(root, "networks", name+".json") }

// Create makes a network. Subnet, Gateway, Subnet6 and Gateway6 are chosen if they are not valid, the latter two only with v6.
func Create(root string, d *Definition, v6 bool) error {
	dir := filepath.Join(root, "networks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil { // two must not choose the same addresses
		return err
	}
	id := make([]byte, 32)
	rand.Read(id)
	d.ID, d.Created = hex.EncodeToString(id), time.Now().UTC()
	d.Bridge = "jb" + d.ID[:12]
	if err := d.choose(root, v6); err != nil {
		return err
	}
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	path := file(root, d.Name)
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	defer os.Remove(path + ".new")
	if err := os.Link(path+".new", path); errors.Is(err, os.ErrExist) {
		return fmt.Errorf("network with name %s already exists", d.Name)
	} else if err != nil {
		return err
	}
	return nil
}

// choose fills in the addresses, and refuses those that are somebody's.
func (d *Definition) choose(root string, v6 bool) error {
	taken, err := takenPrefixes(root)
	if err != nil {
		return err
	}
	overlaps := func(p netip.Prefix) string {
		for _, t := range taken {
			if t.prefix.Overlaps(p) {
				return t.whose
			}
		}
		return ""
	}
	if !d.Subnet.IsValid() {
		for b := 0; b < 256 && (!d.Subnet.IsValid() || overlaps(d.Subnet) != ""); b++ {
			four := pool.Addr().As4()
			four[2] = byte(b)
			d.Subnet = netip.PrefixFrom(netip.AddrFrom4(four), 24)
		}
	}
	if v6 && !d.Subnet6.IsValid() { // unique local addresses: RFC 4193
		b := [16]byte{0: 0xfd}
		rand.Read(b[1:6])
		d.Subnet6 = netip.PrefixFrom(netip.AddrFrom16(b), 64)
	}
	for _, p := range []netip.Prefix{d.Subnet, d.Subnet6} {
		switch whose := overlaps(p); {
		case !p.IsValid():
		case p.Addr().Is4() && p.Bits() > 30 || p.Addr().Is6() && p.Bits() > 96:
			return fmt.Errorf("invalid subnet %s: there is no room in it for a gateway and a container (/30 at most; IPv6: /96)", p)
		case whose != "":
			return fmt.Errorf("Pool overlaps with other one on this address space: %s and %s; take another --subnet", p, whose)
		}
	}
	if !d.Gateway.IsValid() {
		d.Gateway = d.Subnet.Addr().Next()
	}
	if !d.Subnet.Contains(d.Gateway) || d.Gateway == d.Subnet.Addr() || d.Gateway == last(d.Subnet) {
		return fmt.Errorf("invalid gateway %s: it is no address of %s that an interface can have", d.Gateway, d.Subnet)
	}
	if d.Subnet6.IsValid() {
		d.Gateway6 = with(d.Subnet6, d.Gateway)
	}
	return nil
}

type takenPrefix struct {
	prefix netip.Prefix
	whose  string
}

// takenPrefixes are those of all networks and interfaces.
func takenPrefixes(root string) (taken []takenPrefix, err error) {
	list, err := List(root)
	if err != nil {
		return nil, err
	}
	own := map[int32]bool{}
	host, err := dial()
	if err != nil {
		return nil, err
	}
	defer host.close()
	for _, d := range list {
		for _, p := range []netip.Prefix{d.Subnet, d.Subnet6} {
			if p.IsValid() {
				taken = append(taken, takenPrefix{p, p.String() + " of network " + d.Name})
			}
		}
		bridge, err := host.link(d.Bridge)
		if err != nil {
			return nil, err
		}
		own[bridge.index] = true
	}
	def, err := Default()
	if err != nil {
		return nil, err
	}
	taken = append(taken, takenPrefix{def.Subnet, def.Subnet.String() + " of network " + def.Name})
	used, err := host.addresses()
	for _, a := range used {
		if p := a.prefix.Masked(); !own[a.link] && !p.Addr().IsLinkLocalUnicast() {
			taken = append(taken, takenPrefix{p, p.String() + " of an interface of this host (ip address)"})
		}
	}
	return taken, err
}

// Find returns the network of a name, or of an ID's beginning.
func Find(root, name string) (*Definition, error) {
	if data, err := os.ReadFile(file(root, filepath.Base(name))); err == nil && filepath.Base(name) == name {
		d := &Definition{}
		return d, json.Unmarshal(data, d)
	}
	list, err := List(root)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		if len(name) >= 4 && strings.HasPrefix(d.ID, name) {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%w: %s; `jocker network ls` lists those that are there", ErrNotFound, name)
}

// List returns the networks that somebody made, by name.
func List(root string) ([]*Definition, error) {
	paths, err := filepath.Glob(file(root, "*"))
	sort.Strings(paths)
	var list []*Definition
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // just removed
		}
		d := &Definition{}
		if err == nil {
			err = json.Unmarshal(data, d)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, d)
	}
	return list, err
}

// Remove removes a network that nobody is plugged into.
func (d *Definition) Remove(root string) error {
	return os.Remove(file(root, d.Name))
}

// Everybody returns the default network and those that somebody made.
func Everybody(root string) ([]*Network, error) {
	def, err := Default()
	if err != nil {
		return nil, err
	}
	list, err := List(root)
	all := []*Network{def}
	for _, d := range list {
		all = append(all, &d.Network)
	}
	return all, err
}
