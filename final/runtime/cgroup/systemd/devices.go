package systemd

import (
	"fmt"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"jocker/final/runtime/cgroup/devices"
)

// On v1 systemd writes the controller devices anew at every reload: everything is allowed to a unit that says nothing about
// devices. So there, it has to know the list. On v2 the runtime's program stays attached, whatever systemd attaches besides.

// An allowed is an entry of DeviceAllow: a device file, or a group of them such as char-pts, and "rwm".
type allowed struct{ Path, Access string }

// deviceAllow turns rules into the policy and the list. groups is /proc/devices, which has the names of all major numbers.
func deviceAllow(list []specs.LinuxDeviceCgroup, groups string) (policy string, entries []allowed, err error) {
	rules, err := devices.Parse(list)
	if err != nil {
		return "", nil, err
	}
	state, err := devices.Reduce(devices.Defaults(rules))
	if err != nil {
		return "", nil, err
	}
	entries = []allowed{}
	if state.Allow {
		return "auto", entries, nil
	}
	for _, e := range state.Except {
		kind := map[byte]string{'b': "block", 'c': "char"}[e.Type]
		switch {
		case e.Major == devices.Any && e.Minor == devices.Any:
			entries = append(entries, allowed{kind + "-*", e.Access.String()})
		case e.Major == devices.Any:
			return "", nil, fmt.Errorf("systemd knows no rule for all devices with a certain minor number (%q)", e)
		case e.Minor == devices.Any:
			// A number without a name has no driver, and so no device that could be opened.
			for _, name := range groupNames(groups, kind, e.Major) {
				entries = append(entries, allowed{kind + "-" + name, e.Access.String()})
			}
		default:
			entries = append(entries, allowed{fmt.Sprintf("/dev/%s/%d:%d", kind, e.Major, e.Minor), e.Access.String()})
		}
	}
	return "strict", entries, nil
}

// groupNames finds the names of a major number in /proc/devices, of which the lines are "136 pts" below a heading.
func groupNames(groups, kind string, major int64) (names []string) {
	heading := map[string]string{"block": "Block devices:", "char": "Character devices:"}[kind]
	within := false
	for _, line := range strings.Split(groups, "\n") {
		if strings.HasSuffix(line, ":") {
			within = line == heading
			continue
		}
		number, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if within && ok && number == fmt.Sprint(major) {
			names = append(names, name)
		}
	}
	return names
}
