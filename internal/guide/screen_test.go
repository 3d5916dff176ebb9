package guide

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWithoutHint(t *testing.T) {
	first, second := mountHint[0], mountHint[1]
	for _, c := range []struct{ lines, want []string }{
		{nil, nil},
		{[]string{"a", "b"}, []string{"a", "b"}},
		{[]string{first, second}, nil},
		{[]string{"a", first, second, "b", first, second}, []string{"a", "b"}},
		{[]string{first}, []string{first}}, // only the whole of it
		{[]string{second, first, "a"}, []string{second, first, "a"}},
	} {
		require.Equal(t, c.want, withoutHint(c.lines))
	}
}

func TestScreen(t *testing.T) {
	for name, c := range map[string]struct {
		written string
		lines   []string
		tail    string
	}{
		"lines":              {"a\r\nb\nc", []string{"a", "b"}, "c"},
		"trailing blanks":    {"a \r\nb ", []string{"a"}, "b "},
		"progress":           {"10%\r20%\r100%\r\n", []string{"100%"}, ""},
		"shorter over":       {"abc\rx\r\n", []string{"xbc"}, ""},
		"erase to the end":   {"abc\rx\x1b[K\r\n", []string{"x"}, ""},
		"erase all":          {"abc\x1b[2K\rx\r\n", []string{"x"}, ""},
		"erase to the left":  {"abc\x1b[1Kd\r\n", []string{"abcd"}, ""},
		"backspace":          {"ab\bc\b\b\b\b\r\n", []string{"ac"}, ""},
		"tab":                {"a\tb\t12345678\tc\r\n", []string{"a       b       12345678        c"}, ""},
		"colours":            {"\x1b[1;31mred\x1b[0m\r\n", []string{"red"}, ""},
		"cursor query":       {"/ # \x1b[6n", nil, "/ # "},
		"erase below":        {"/ # \x1b[J", nil, "/ # "},
		"title":              {"\x1b]0;x\x07a\x1b]0;y\x1b\\b", nil, "ab"},
		"character set":      {"\x1b(Ba\x1b=b", nil, "ab"},
		"control characters": {"a\x00\x07\x0eb\x7f", nil, "ab"},
		"UTF-8":              {"容器\r\n", []string{"容器"}, ""},
		"not UTF-8":          {"a\xffb\r\n", []string{"a\ufffdb"}, ""},
		"cut escape":         {"a\x1b[3", nil, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			var whole, bytes screen
			whole.Write([]byte(c.written))
			for i := 0; i < len(c.written); i++ {
				bytes.Write([]byte{c.written[i]})
			}
			require.Equal(t, c.lines, whole.lines)
			require.Equal(t, c.tail, whole.tail())
			require.Equal(t, c.lines, bytes.lines, "written byte by byte")
			require.Equal(t, c.tail, bytes.tail(), "written byte by byte")
		})
	}
}
