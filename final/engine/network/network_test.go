package network

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestAddresses(t *testing.T) {
	a := netip.MustParseAddr("10.90.0.2")
	require.Equal(t, "jk0a5a0002", (&Network{Isolated: true}).cable(a))
	require.Equal(t, "jn0a5a0002", (&Network{}).cable(a))
	require.Equal(t, "02:42:0a:5a:00:02", MAC(a).String())
	for prefix, want := range map[string]string{"10.90.0.0/16": "10.90.255.255", "10.0.0.4/30": "10.0.0.7", "fd00::/120": "fd00::ff", "1.2.3.4/32": "1.2.3.4"} {
		require.Equal(t, want, last(netip.MustParsePrefix(prefix)).String())
	}
	require.Equal(t, "fd00:1::a5a:2", with(netip.MustParsePrefix("fd00:1::/64"), a).String())
}

// The table's keys and values are as the kernel lays registers out: each part begins at four bytes.
func TestElement(t *testing.T) {
	e := &Endpoint{Address: netip.MustParseAddr("10.90.0.2"), Address6: netip.MustParseAddr("fd00::2")}
	set, element := ipv4.element(Port{netip.IPv4Unspecified(), 8080, "tcp", 80}, e)
	require.Equal(t, "anyports", set.Name)
	require.Equal(t, []byte{6, 0, 0, 0, 0x1f, 0x90, 0, 0}, element.Key)
	require.Equal(t, []byte{10, 90, 0, 2, 0, 80, 0, 0}, element.Val)
	require.Equal(t, e.Address, targetOf(element, ipv4))
	set, element = ipv4.element(Port{netip.MustParseAddr("127.0.0.1"), 8080, "udp", 80}, e)
	require.Equal(t, "ports", set.Name)
	require.Equal(t, []byte{127, 0, 0, 1, 17, 0, 0, 0, 0x1f, 0x90, 0, 0}, element.Key)
	for _, p := range []*protocol{ipv4, ipv6} {
		for _, s := range []uint32{p.ports.KeyType.Bytes, p.anyMap.KeyType.Bytes} {
			require.Contains(t, []uint32{8, p.size + 8}, s)
		}
		require.Equal(t, p.size+4, p.ports.DataType.Bytes)
	}
}

// FuzzReadLink feeds the reader of the kernel's answers: what is damaged is left out.
func FuzzReadLink(f *testing.F) {
	m := message(linkHeader(7, unix.IFF_UP, 0))
	m.text(unix.IFLA_IFNAME, "jk0a5a0002")
	m.number(unix.IFLA_MASTER, 3)
	f.Add([]byte(m[unix.SizeofIfInfomsg:]))
	require.Equal(f, link{7, true, "jk0a5a0002", "", 3}, readLink(m))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := readLink(append(linkHeader(7, 0, 0), b...))
		require.Equal(t, int32(7), l.index)
		require.LessOrEqual(t, len(l.name)+len(l.alias), len(b))
	})
}

func FuzzAttributes(f *testing.F) {
	f.Add([]byte{8, 0, 1, 0, 1, 2, 3, 4})
	f.Add([]byte{3, 0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := 0
		attributes(b, func(_ uint16, value []byte) { sum += 4 + len(value) })
		require.LessOrEqual(t, sum, len(b))
	})
}
