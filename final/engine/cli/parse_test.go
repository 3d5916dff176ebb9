package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// The keys to detach are found wherever they are cut in two, and what only begins like them is passed on.
func TestDetacher(t *testing.T) {
	type typed []string
	for _, c := range []struct {
		typed typed
		want  string // what is passed on
		left  bool
	}{
		{typed{"abc"}, "abc", false},
		{typed{"a\x10\x11"}, "", true},
		{typed{"a", "\x10", "\x11"}, "a", true},
		{typed{"a\x10", "b"}, "a\x10b", false},
		{typed{"\x10\x10", "\x11"}, "\x10", true},
		{typed{"\x10", "\x10", "x"}, "\x10\x10x", false},
	} {
		d, got, left := detacher{keys: []byte("\x10\x11")}, "", false
		for _, text := range c.typed {
			var pass []byte
			pass, left = d.take([]byte(text))
			got += string(pass)
		}
		require.Equal(t, []any{c.want, c.left}, []any{got, left}, "%q", c.typed)
	}
	d := detacher{}
	pass, left := d.take([]byte("\x10\x11"))
	require.Equal(t, "\x10\x11", string(pass), "--detach-keys '' means that there are none")
	require.False(t, left)
}

func TestParseKeys(t *testing.T) {
	keys, err := parseKeys("ctrl-p,x,ctrl-@,ctrl-\\")
	require.NoError(t, err)
	require.Equal(t, []byte{0x10, 'x', 0, 0x1c}, keys)
	for _, bad := range []string{"ctrl-", "ctrl-1", "xy", "a,,b", "ctrl-pp"} {
		_, err := parseKeys(bad)
		require.Error(t, err, bad)
	}
}

// -cpuset and -cpushare are the book's; -c, -p and the others behind one dash are letters. What stands behind the image is not ours.
func TestBookFlags(t *testing.T) {
	root := &cobra.Command{Use: "jocker"}
	root.AddCommand(runCommand(&app{}))
	for _, c := range [][2][]string{
		{{"run", "-ti", "-cpuset", "1", "-cpushare", "512", "busybox", "sh"}, {"run", "-ti", "--cpuset-cpus", "1", "--cpu-shares", "512", "busybox", "sh"}},
		{{"run", "-cpuset=0-1", "busybox"}, {"run", "--cpuset-cpus=0-1", "busybox"}},
		{{"run", "--name", "-cpuset", "busybox", "-cpuset"}, {"run", "--name", "-cpuset", "busybox", "-cpuset"}},
		{{"run", "-m", "64m", "-e", "-cpushare", "busybox", "prog", "-cpuset", "1"}, {"run", "-m", "64m", "-e", "-cpushare", "busybox", "prog", "-cpuset", "1"}},
		{{"run", "-c", "512", "busybox"}, {"run", "-c", "512", "busybox"}},
	} {
		require.Empty(t, cmp.Diff(c[1], bookFlags(root, c[0])))
	}
}

func TestSplitCopy(t *testing.T) {
	for arg, want := range map[string][2]string{"box:/a": {"box", "/a"}, "box:": {"box", ""}, "/a:b": {"", "/a:b"}, "./a:b": {"", "./a:b"}, "a/b:c": {"", "a/b:c"}, "-": {"", "-"}, "": {"", ""}} {
		name, file := splitCopy(arg)
		require.Equal(t, want, [2]string{name, file}, arg)
	}
}

func TestSizes(t *testing.T) {
	require.Equal(t, "1.5KiB 1023B 2GiB", binarySize(1536)+" "+binarySize(1023)+" "+binarySize(2<<30))
	require.Equal(t, "██████████ ▏░░░░░░░░░ ░░░░░░░░░░", bar(7, 5)+" "+bar(1, 1000)+" "+bar(0, 5))
}

func TestEscape(t *testing.T) {
	require.Equal(t, "&lt;script&gt;&amp;&quot;", escape(`<script>&"`))
}

// Whatever is typed behind a flag: an answer or an error.
func FuzzFlags(f *testing.F) {
	for _, text := range []string{"ctrl-p,ctrl-q", "8080:80/tcp", "[::1]:80:80", "type=bind,src=/a,dst=/b", "a=b", "nofile=1:2", "/dev/null:/x:rw", "10m"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parseKeys(text)
		splitCopy(text)
		parseMoment(text)
		parseMount(text)
		(&createFlags{publish: []string{text}, expose: []string{text}}).readPorts()
		checkSysctls([]string{text})
		parseFilters([]string{text}, "a")
		flags := &createFlags{ulimits: []string{text}, devices: []string{text}}
		flags.readDevices()
		flags = &createFlags{cpus: text, memory: text, swap: text, restart: text}
		flags.readSizes()
		flags.readRestart()
	})
}
