package systemd

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
)

// properties returns them by name, as strings with their D-Bus type.
func properties(t *testing.T, text string, v2 bool) map[string]string {
	t.Helper()
	r := &specs.LinuxResources{}
	require.NoError(t, json.Unmarshal([]byte(text), r))
	list, err := Properties(r, v2, true)
	require.NoError(t, err)
	found := map[string]string{}
	for _, p := range list {
		found[p.Name] = p.Value.Signature().String() + " " + fmt.Sprint(p.Value.Value())
	}
	return found
}

func TestProperties(t *testing.T) {
	none := fmt.Sprintf("t %d", uint64(math.MaxUint64))
	for _, test := range []struct {
		text   string
		v1, v2 map[string]string
	}{
		{`{}`, map[string]string{}, map[string]string{}},
		{`{"memory": {"limit": 1000, "swap": 1500, "reservation": 500}, "pids": {"limit": 7}, "blockIO": {"weight": 500}}`,
			map[string]string{"MemoryLimit": "t 1000", "TasksMax": "t 7", "BlockIOWeight": "t 500"},
			map[string]string{"MemoryMax": "t 1000", "MemorySwapMax": "t 500", "MemoryLow": "t 500", "TasksMax": "t 7", "IOWeight": "t 4950"}},
		{`{"memory": {"limit": -1}, "pids": {"limit": -1}, "cpu": {"quota": -1}}`,
			map[string]string{"MemoryLimit": none, "TasksMax": none, "CPUQuotaPerSecUSec": none},
			map[string]string{"MemoryMax": none, "MemorySwapMax": none, "TasksMax": none, "CPUQuotaPerSecUSec": none}},
		{`{"cpu": {"shares": 1024, "quota": 33333, "period": 50000, "cpus": "0,9", "mems": "0"}, "pids": {"limit": 0}}`,
			map[string]string{"CPUShares": "t 1024", "CPUQuotaPerSecUSec": "t 670000", "CPUQuotaPeriodUSec": "t 50000", "TasksMax": "t 1"},
			map[string]string{"CPUWeight": "t 39", "CPUQuotaPerSecUSec": "t 670000", "CPUQuotaPeriodUSec": "t 50000", "TasksMax": "t 1",
				"AllowedCPUs": "ay [1 2]", "AllowedMemoryNodes": "ay [1]"}},
	} {
		if diff := cmp.Diff(test.v1, properties(t, test.text, false)); diff != "" {
			t.Error("v1", test.text, diff)
		}
		if diff := cmp.Diff(test.v2, properties(t, test.text, true)); diff != "" {
			t.Error("v2", test.text, diff)
		}
	}
}

func TestDeviceAllow(t *testing.T) {
	const groups = "Character devices:\n  1 mem\n  5 /dev/tty\n136 pts\n136 pts2\n\nBlock devices:\n136 disk\n"
	policy, entries, err := deviceAllow([]specs.LinuxDeviceCgroup{{Access: "rwm"}}, groups)
	require.NoError(t, err)
	require.Equal(t, "strict", policy)
	require.Equal(t, []allowed{{"char-*", "m"}, {"block-*", "m"}, {"/dev/char/1:3", "rwm"}, {"/dev/char/1:5", "rwm"}, {"/dev/char/1:7", "rwm"},
		{"/dev/char/1:8", "rwm"}, {"/dev/char/1:9", "rwm"}, {"/dev/char/5:0", "rwm"}, {"/dev/char/5:2", "rwm"}, {"char-pts", "rwm"}, {"char-pts2", "rwm"}}, entries)

	policy, entries, err = deviceAllow([]specs.LinuxDeviceCgroup{{Allow: true}}, groups)
	require.NoError(t, err)
	require.Equal(t, "auto", policy)
	require.Empty(t, entries)

	minor := int64(5)
	_, _, err = deviceAllow([]specs.LinuxDeviceCgroup{{Allow: true, Type: "c", Minor: &minor, Access: "r"}}, groups)
	require.EqualError(t, err, `systemd knows no rule for all devices with a certain minor number ("c *:5 r")`)
}
