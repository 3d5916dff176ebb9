package cgroup

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzMounts(f *testing.F) {
	table, _ := os.ReadFile("/proc/self/mountinfo")
	f.Add(table)
	f.Add([]byte("36 35 98:0 / /a\\040b rw master:1 - cgroup cgroup rw,cpu,cpuacct\n37 35 0:1 / /u rw - cgroup2 cgroup2 rw\n"))
	f.Fuzz(func(t *testing.T, table []byte) {
		for _, m := range parseMounts(table) {
			require.Equal(t, m.version == 1, len(m.controllers) > 0)
			require.NotEmpty(t, m.root)
			require.NotEmpty(t, m.point)
		}
	})
}

func FuzzMembership(f *testing.F) {
	f.Add([]byte("4:memory,cpu:/x\n0::/y\n"), "cpu", "/x")
	f.Fuzz(func(t *testing.T, table []byte, controller, root string) {
		path, ok := membership(table, controller)
		require.Equal(t, ok, strings.HasPrefix(path, "/"))
		if ok && root != "" {
			require.True(t, strings.HasPrefix(below(path, root), "/"))
		}
	})
}

// What is read is what was written.
func FuzzList(f *testing.F) {
	for _, s := range []string{"", "0", "0-3,7", "3-1", "0-65535", "+1", " 1 , 2 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := parseList(s)
		if err != nil {
			require.Nil(t, list)
			return
		}
		var parts []string
		for _, n := range list {
			parts = append(parts, decimal(int64(n)))
		}
		again, err := parseList(strings.Join(parts, ","))
		require.NoError(t, err)
		require.Equal(t, list, again)
	})
}

func FuzzStats(f *testing.F) {
	f.Add([]byte("8:0 rbytes=4096 wbytes=1 rios=1 wios=0 dbytes=0 dios=0\n"))
	f.Add([]byte("8:0 Read 5\n8:0 Total 5\nTotal 5\n"))
	f.Add([]byte("some avg10=0.12 avg60=NaN avg300=1e999 total=5\nfull avg10=0 avg60=0 avg300=0 total=18446744073709551615\n"))
	f.Add([]byte("anon 5\noom_kill 1\nmax\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := &Stats{}
		s.Blkio.IoQueuedRecursive = parseBlkio(text)
		parseIOStat(&s.Blkio, text)
		s.CPU.PSI = parsePressure(text)
		s.Memory.Raw = table(text)
		_, err := json.Marshal(s)
		require.NoError(t, err)
		parseNumber(text)
		value(text, "oom_kill")
		for _, pid := range appendPids(nil, text) {
			require.Positive(t, pid)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/a", "a/b", "..", "/a/../../b", "/./", "a//b", "/x\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if checkPath(path) != nil {
			return
		}
		c := clean("/base/" + path)
		require.True(t, strings.HasPrefix(c, "/base/"), c)
		require.NotContains(t, c+"/", "/../")
		require.NotContains(t, c, "//")
	})
}
