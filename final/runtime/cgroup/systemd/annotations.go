package systemd

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"

	"jocker/final/runtime/cgroup"
)

// Annotated turns what config.json's annotations say of the unit (cgroup.Unit.Annotate) into properties. A value is written as
// gvariant text: "true", "uint64 5", "'a text'", "['x.service']". As in systemd's own files, but not on D-Bus, a time may be given in
// seconds: TimeoutStopSec=5 becomes TimeoutStopUSec=5000000.
func Annotated(properties map[string]string) (list []dbus.Property, err error) {
	for name, text := range properties {
		value, err := godbus.ParseVariant(text, godbus.Signature{})
		if err != nil {
			return nil, fmt.Errorf("annotation %s%s: %q is no gvariant text (%w); one is written as uint64 5, 'a text' or ['x.service']",
				cgroup.PropertyPrefix, name, text, err)
		}
		if base, ok := strings.CutSuffix(name, "Sec"); ok && !strings.HasSuffix(base, "U") && !strings.HasSuffix(base, "N") {
			us, ok := microseconds(value.Value())
			if !ok {
				return nil, fmt.Errorf("annotation %s%s: %q is no number of seconds", cgroup.PropertyPrefix, name, text)
			}
			name, value = base+"USec", godbus.MakeVariant(us)
		}
		list = append(list, dbus.Property{Name: name, Value: value})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list, nil
}

// microseconds converts a number of seconds, of any type that a gvariant has. None is so long that it could not be.
func microseconds(value any) (us uint64, ok bool) {
	var seconds float64
	switch n := value.(type) {
	case byte:
		seconds = float64(n)
	case int16:
		seconds = float64(n)
	case uint16:
		seconds = float64(n)
	case int32:
		seconds = float64(n)
	case uint32:
		seconds = float64(n)
	case int64:
		seconds = float64(n)
	case uint64:
		seconds = float64(n)
	case float64:
		seconds = n
	default:
		return 0, false
	}
	if !(seconds >= 0 && seconds*1e6 < math.MaxUint64) {
		return 0, false
	}
	return uint64(math.Round(seconds * 1e6)), true
}
