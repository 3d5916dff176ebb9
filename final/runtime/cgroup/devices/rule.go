// Package devices decides which device files a container may open or make.
//
// A device is a type (block or character) and two numbers. Who may call mknod could make himself a
// file for the host's disk, and read everything; so the permission must not hang on files. It hangs
// on the cgroup: the kernel asks it at every mknod, and at every open of a device file.
//
// config.json has a list of rules, and the last that matches decides. How the kernel is told differs:
//
//   - cgroup v1 has a controller, devices. It knows two modes, deny all and allow all, and a list of
//     exceptions. v1.go reduces the rules to that.
//   - cgroup v2 has none. A program is attached to the cgroup, in the instructions of eBPF, and the kernel
//     runs it. compile.go writes the program, ebpf.go has the instructions, attach.go the system calls.
//
// Start with rule.go, which says what the rules mean: Allowed is that in ten lines. Tests
// compare the other two with it.
//
// Sources: Documentation/admin-guide/cgroup-v1/devices.rst, and "Device controller" in cgroup-v2.rst, of the kernel;
// "Allowed Device list" in the OCI runtime specification's config-linux.md.
package devices

import (
	"fmt"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Access is what a process wants to do with a device; the bits are eBPF's.
type Access uint8

// The kinds of access.
const (
	Mknod Access = 1 << iota
	Read
	Write
	All = Mknod | Read | Write
)

// String writes the access as v1 does: "rwm".
func (a Access) String() string {
	var b strings.Builder
	for i, bit := range [...]Access{Read, Write, Mknod} {
		if a&bit != 0 {
			b.WriteByte("rwm"[i])
		}
	}
	return b.String()
}

// Any stands for every major or minor number.
const Any = -1

// A Rule allows or denies some access to some devices.
type Rule struct {
	Allow        bool
	Type         byte  // 'b', 'c', or 'a' for both
	Major, Minor int64 // Any, or a number
	Access       Access
}

// String writes the rule's devices as v1 does: "c 136:* rwm".
func (r Rule) String() string {
	return fmt.Sprintf("%c %s:%s %s", r.Type, number(r.Major), number(r.Minor), r.Access)
}

func number(n int64) string {
	if n == Any {
		return "*"
	}
	return fmt.Sprint(n)
}

// matches tells whether a rule speaks of a device.
func (r *Rule) matches(typ byte, major, minor int64) bool {
	return (r.Type == 'a' || r.Type == typ) && (r.Major == Any || r.Major == major) && (r.Minor == Any || r.Minor == minor)
}

// Allowed says what a list of rules means: of all rules about a device and a kind of access the
// last one decides, and where there is none, the answer is no. typ is 'b' or 'c'.
func Allowed(rules []Rule, typ byte, major, minor int64, access Access) bool {
	for i := len(rules) - 1; i >= 0 && access != 0; i-- {
		r := &rules[i]
		if !r.matches(typ, major, minor) || r.Access&access == 0 {
			continue
		}
		if !r.Allow {
			return false
		}
		access &^= r.Access
	}
	return access == 0
}

// Parse reads config.json's linux.resources.devices. A type, number or access that isn't given means all of them; so
// does -1 as a number.
func Parse(list []specs.LinuxDeviceCgroup) ([]Rule, error) {
	rules := make([]Rule, 0, len(list)+len(defaults))
	for i := range list {
		d := &list[i]
		r := Rule{Allow: d.Allow, Type: 'a', Major: Any, Minor: Any}
		switch d.Type {
		case "", "a":
		case "b", "c":
			r.Type = d.Type[0]
		default:
			return nil, fmt.Errorf("linux.resources.devices[%d]: type is %q: it is \"b\" for block devices, \"c\" for character devices or \"a\" for both", i, d.Type)
		}
		for _, n := range [...]struct {
			name string
			from *int64
			to   *int64
			max  int64
		}{{"major", d.Major, &r.Major, 1<<12 - 1}, {"minor", d.Minor, &r.Minor, 1<<20 - 1}} {
			if n.from == nil {
				continue
			}
			if *n.to = *n.from; *n.to < Any || *n.to > n.max {
				return nil, fmt.Errorf("linux.resources.devices[%d]: %s is %d: it is 0 to %d, or -1 for all", i, n.name, *n.to, n.max)
			}
		}
		for _, letter := range d.Access {
			at := strings.IndexRune("mrw", letter)
			if at < 0 {
				return nil, fmt.Errorf("linux.resources.devices[%d]: access is %q: it is made of r (read), w (write) and m (mknod)", i, d.Access)
			}
			r.Access |= 1 << at
		}
		if r.Access == 0 {
			r.Access = All
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// Defaults appends what every container may use, as runc does: the devices of the runtime specification
// ("Default Devices"), its terminals, and mknod of anything, for a file that can't be opened does no harm.
func Defaults(rules []Rule) []Rule { return append(rules, defaults[:]...) }

var defaults = [...]Rule{
	{true, 'c', Any, Any, Mknod},
	{true, 'b', Any, Any, Mknod},
	{true, 'c', 1, 3, All},     // /dev/null
	{true, 'c', 1, 5, All},     // /dev/zero
	{true, 'c', 1, 7, All},     // /dev/full
	{true, 'c', 1, 8, All},     // /dev/random
	{true, 'c', 1, 9, All},     // /dev/urandom
	{true, 'c', 5, 0, All},     // /dev/tty
	{true, 'c', 5, 2, All},     // /dev/ptmx
	{true, 'c', 136, Any, All}, // /dev/pts/*, and with it /dev/console
}
