package cli

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParsePublish(t *testing.T) {
	for text, want := range map[string]publication{
		"80":                    {"", nil, []int{80}, "tcp"},
		"8080:80":               {"", []int{8080}, []int{80}, "tcp"},
		"8080:80/UDP":           {"", []int{8080}, []int{80}, "udp"},
		"127.0.0.1:8080:80/udp": {"127.0.0.1", []int{8080}, []int{80}, "udp"},
		"127.0.0.1::80":         {"127.0.0.1", nil, []int{80}, "tcp"},
		"[::1]:8080:80":         {"::1", []int{8080}, []int{80}, "tcp"},
		"1-2:3-4":               {"", []int{1, 2}, []int{3, 4}, "tcp"},
		"1-3:9":                 {"", []int{1, 2, 3}, []int{9}, "tcp"},
		"7-8":                   {"", nil, []int{7, 8}, "tcp"},
	} {
		got, err := parsePublish(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, bad := range []string{"", ":", "x", "0", "65536", "1-2:1-3", "2-1:1-2", "80/", "80/icmp", "80/tcp:80", "1:2:3:4", "1.2.3:1:1", "[::1:1:1", "[::1]1:1", "fe80::1%eth0:1:1", "+1", " 1"} {
		_, err := parsePublish(bad)
		require.Error(t, err, bad)
	}
}

func FuzzParsePublish(f *testing.F) {
	for _, seed := range []string{"80", "127.0.0.1:8080:80/udp", "[::1]:1-2:3-4", "1-3:9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePublish(text)
		if err != nil {
			return
		}
		require.NotEmpty(t, p.ports)
		require.Contains(t, []string{"tcp", "udp"}, p.proto)
		require.True(t, len(p.hostPorts) == 0 || len(p.hostPorts) == len(p.ports) || len(p.ports) == 1)
		for _, n := range append(p.hostPorts, p.ports...) {
			require.True(t, n > 0 && n < 65536)
		}
		if p.hostIP != "" {
			_, err := netip.ParseAddr(p.hostIP)
			require.NoError(t, err)
		}
	})
}
