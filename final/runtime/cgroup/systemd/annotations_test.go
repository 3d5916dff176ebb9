package systemd

import (
	"testing"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"

	"jocker/final/runtime/cgroup"
)

func TestAnnotated(t *testing.T) {
	list, err := Annotated(map[string]string{"TimeoutStopUSec": "uint64 123456789", "RuntimeMaxSec": "2.5", "SendSIGHUP": "true",
		"After": "['x.service', 'y.service']", "CollectMode": "'inactive-or-failed'", "KillSignal": "9"})
	require.NoError(t, err)
	property := func(name string, value any) dbus.Property {
		return dbus.Property{Name: name, Value: godbus.MakeVariant(value)}
	}
	require.Equal(t, []dbus.Property{
		property("After", []string{"x.service", "y.service"}), property("CollectMode", "inactive-or-failed"), property("KillSignal", int32(9)),
		property("RuntimeMaxUSec", uint64(2500000)), property("SendSIGHUP", true), property("TimeoutStopUSec", uint64(123456789)),
	}, list)
	for value, want := range map[string]string{
		"inactive": `annotation org.systemd.property.TimeoutStopSec: "inactive" is no gvariant text `,
		"'x'":      `annotation org.systemd.property.TimeoutStopSec: "'x'" is no number of seconds`,
		"-1":       `annotation org.systemd.property.TimeoutStopSec: "-1" is no number of seconds`,
		"1e300":    `annotation org.systemd.property.TimeoutStopSec: "1e300" is no number of seconds`,
	} {
		_, err := Annotated(map[string]string{"TimeoutStopSec": value})
		require.ErrorContains(t, err, want)
		// It is found before systemd is asked, whether there is one or not.
		r := request("start", 1<<26)
		r.Unit.Properties = map[string]string{"TimeoutStopSec": value}
		require.ErrorContains(t, Do(r), want)
	}
}

func FuzzAnnotated(f *testing.F) {
	for _, text := range []string{"uint64 5", "true", "'x'", "['a', 'b']", "-1", "1e9", "{'a': <1>}"} {
		f.Add("TimeoutStopSec", text)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		u := &cgroup.Unit{}
		if u.Annotate(map[string]string{cgroup.PropertyPrefix + name: text}) != nil {
			return
		}
		list, err := Annotated(u.Properties)
		require.Equal(t, err == nil, len(list) == 1)
	})
}
