package lookup

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file's header is the image's author's. Whatever it says, the reader ends, and reads little.
func FuzzELF(f *testing.F) {
	here, _ := native()
	f.Add([]byte(makeELF(kindShared, here, "/lib64/ld-linux-x86-64.so.2")))
	f.Add([]byte(makeELF(kindProgram, 183, "")))
	f.Add([]byte("\x7fELF\x01\x02\x01" + strings.Repeat("\xff", 60)))
	f.Fuzz(func(t *testing.T, data []byte) {
		asked := 0
		e, ok := parseELF(func(offset int64, n int) []byte {
			asked += n
			if offset < 0 || offset > int64(len(data)) {
				return nil
			}
			return data[offset:min(int64(len(data)), offset+int64(n))]
		})
		require.Less(t, asked, 1<<20)
		require.LessOrEqual(t, len(e.interpreter), 4096)
		if ok {
			require.True(t, strings.HasPrefix(string(data), "\x7fELF"))
			require.NotEmpty(t, e.why())
		}
	})
}

// The "#!" line, too.
func FuzzScript(f *testing.F) {
	for _, text := range []string{"#!/bin/sh\n", "#! /usr/bin/env python3\r\n", "#!\n", "#!/bin/sh\x00 -e", "\xef\xbb\xbf#!/bin/sh", "#!/" + strings.Repeat("x", 254)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		head = head[:min(len(head), 256)]
		s, ok := parseScript(head)
		whyNoScript(head)
		if !ok {
			return
		}
		require.NotEmpty(t, s.interpreter)
		require.False(t, strings.ContainsAny(s.interpreter, " \t\n\x00"), "%q", s.interpreter)
		line, _, _ := strings.Cut(strings.TrimLeft(string(head[2:]), " \t"), "\n")
		require.True(t, strings.HasPrefix(line, s.interpreter))
	})
}
