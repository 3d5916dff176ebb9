package user

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	id := func(n uint32) *Who { return &Who{ID: n} }
	for text, want := range map[string]Request{
		"0":                     {User: Who{ID: 0}},
		"1000":                  {User: Who{ID: 1000}},
		"1:2":                   {User: Who{ID: 1}, Group: id(2)},
		"4294967294:4294967294": {User: Who{ID: 4294967294}, Group: id(4294967294)},
		"www-data":              {User: Who{Name: "www-data"}},
		"web:0":                 {User: Who{Name: "web"}, Group: id(0)},
		"1:staff":               {User: Who{ID: 1}, Group: &Who{Name: "staff"}},
		"_apt:_ssh$":            {User: Who{Name: "_apt"}, Group: &Who{Name: "_ssh$"}},
		"jürgen":                {User: Who{Name: "jürgen"}},
	} {
		got, err := Parse(text)
		require.NoError(t, err, text)
		require.Empty(t, cmp.Diff(want, got), text)
		require.Equal(t, text, got.String())
	}
	for text, want := range map[string]string{
		"":             `user "": the user is not valid: it is empty; write USER or USER:GROUP`,
		":":            `user ":": the user is not valid: it is empty; write USER or USER:GROUP`,
		":5":           `user ":5": the user is not valid: it is empty; write USER or USER:GROUP`,
		"5:":           `user "5:": the group is not valid: it is empty; write USER or USER:GROUP`,
		"1:2:3":        `user "1:2:3": the group is not valid: it begins like a number, but is none; a name does not begin so`,
		"a:b:c":        `user "a:b:c": the group is not valid: a name has no ':' in it`,
		"-1":           `user "-1": the user is not valid: it begins like a number, but is none; a name does not begin so`,
		"+0":           `user "+0": the user is not valid: it begins like a number, but is none; a name does not begin so`,
		"0x0":          `user "0x0": the user is not valid: it begins like a number, but is none; a name does not begin so`,
		"1000abc":      `user "1000abc": the user is not valid: it begins like a number, but is none; a name does not begin so`,
		" 5":           `user " 5": the user is not valid: a name has no ' ' in it`,
		"5 ":           `user "5 ": the user is not valid: it begins like a number, but is none; a name does not begin so`,
		"007":          `user "007": the user is not valid: a number is at most 4294967294 and has no leading zeros`,
		"4294967295":   `user "4294967295": the user is not valid: a number is at most 4294967294 and has no leading zeros`,
		"4294967296":   `user "4294967296": the user is not valid: a number is at most 4294967294 and has no leading zeros`,
		"99999999999":  `user "99999999999": the user is not valid: a number is at most 4294967294 and has no leading zeros`,
		"web\x00":      `user "web\x00": the user is not valid: a name has no '\x00' in it`,
		"../../passwd": `user "../../passwd": the user is not valid: a name has no '/' in it`,
	} {
		_, err := Parse(text)
		require.EqualError(t, err, want)
	}
}

// What is taken is what was typed: a Request writes itself as it was read, and a number is root's
// only if it is "0".
func FuzzParse(f *testing.F) {
	for _, text := range []string{"0", "1:2", "web:staff", "-1", "00", "1 ", ":", "4294967295", "0:0", "1e3", "٣"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil {
			require.Equal(t, Request{}, r)
			return
		}
		require.Equal(t, text, r.String())
		user, _, _ := strings.Cut(text, ":")
		require.Equal(t, user == "0", r.User == Who{})
	})
}

const passwdText = `# a comment
root:x:0:0:root:/root:/bin/bash
broken
web:x:1001:1002:Web,,,:/srv/web:/bin/sh
web:x:9:9::/second:
minus:x:-1:0::/:
huge:x:4294967295:0::/:
twin:x:1001:5::/twin:/bin/sh
nohome:x:1003:1003
+::::::
last:x:1004:1004::/last:`

const groupText = `root:x:0:root
broken
staff:x:50:nobody,web
webs:x:1002:web
adm:x:4:webmaster, web,web
bad:x:x:web
dup:x:60:web,web
last:x:70:last`

func files(t *testing.T) (passwd, group string) {
	dir := t.TempDir()
	passwd, group = filepath.Join(dir, "passwd"), filepath.Join(dir, "group")
	require.NoError(t, os.WriteFile(passwd, []byte(passwdText), 0o644))
	require.NoError(t, os.WriteFile(group, []byte(groupText), 0o644))
	return passwd, group
}

func TestFind(t *testing.T) {
	passwd, group := files(t)
	before := specs.User{UID: 7, GID: 8, AdditionalGids: []uint32{9}}
	for text, want := range map[string]specs.User{
		"5":         {UID: 5, GID: 8, AdditionalGids: []uint32{9}},
		"5:6":       {UID: 5, GID: 6, AdditionalGids: []uint32{9}},
		"5:staff":   {UID: 5, GID: 50, AdditionalGids: []uint32{9}},
		"web":       {UID: 1001, GID: 1002, AdditionalGids: []uint32{1002, 50, 4, 60}},
		"web:3":     {UID: 1001, GID: 3, AdditionalGids: []uint32{3}},
		"last":      {UID: 1004, GID: 1004, AdditionalGids: []uint32{1004, 70}},
		"last:last": {UID: 1004, GID: 70, AdditionalGids: []uint32{70}},
		"nohome":    {UID: 1003, GID: 1003, AdditionalGids: []uint32{1003}},
	} {
		r, err := Parse(text)
		require.NoError(t, err)
		got, err := r.find(before, passwd, group)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(want, got), text)
	}
	for text, want := range map[string]string{
		"minus":    `user "minus": the container's ` + passwd + ` has no user "minus"; name one that it has, or give a number`,
		"huge":     `user "huge": the container's ` + passwd + ` has no user "huge"; name one that it has, or give a number`,
		"broken":   `user "broken": the container's ` + passwd + ` has no user "broken"; name one that it has, or give a number`,
		"root:bad": `user "root:bad": the container's ` + group + ` has no group "bad"; name one that it has, or give a number`,
	} {
		r, err := Parse(text)
		require.NoError(t, err)
		_, err = r.find(before, passwd, group)
		require.EqualError(t, err, want)
	}
}

func TestHome(t *testing.T) {
	passwd, _ := files(t)
	for uid, want := range map[uint32]string{0: "/root", 1001: "/srv/web", 1003: "/", 1004: "/last", 9: "/second", 12345: "/"} {
		got, err := home(uid, passwd)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	got, err := home(0, passwd+".none")
	require.NoError(t, err)
	require.Equal(t, "/", got)
}

// Files that an image may bring to make init wait, or fill its memory.
func TestHostileFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "passwd")
	check := func(want string) {
		t.Helper()
		got, err := home(5, path)
		require.EqualError(t, err, want)
		require.Equal(t, "/", got)
		require.NoError(t, os.Remove(path))
	}
	require.NoError(t, unix.Mkfifo(path, 0o644))
	check(path + " in the container is not a regular file; names can't be looked up in it")
	require.NoError(t, os.Symlink("/dev/zero", path))
	check(path + " in the container is not a regular file; names can't be looked up in it")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	require.NoError(t, os.Truncate(path, 1<<40)) // a terabyte of zeros, which takes no room
	check(path + " in the container has a line of more than 65536 bytes; it is not read further")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("web:x:1:1::/:\n", 2<<20)), 0o644))
	check(path + " in the container has more than 16777216 bytes; it is not read further")
	require.NoError(t, os.Symlink(path, path))
	check(`open("` + path + `", O_RDONLY|O_NONBLOCK): too many levels of symbolic links (ELOOP)`)
}

// Lines come out whole, wherever the reads end.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\n\nc"), uint16(1))
	f.Add([]byte(strings.Repeat("x", 5000)+"\ny"), uint16(3))
	f.Fuzz(func(t *testing.T, data []byte, stop uint16) {
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(path, data, 0o644))
		var want, got []string
		if len(data) > 0 {
			want = strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		}
		long := false
		for _, line := range want {
			long = long || len(line) >= maxLine
		}
		err := lines(path, func(line []byte) bool {
			got = append(got, string(line))
			parsePasswd(line)
			parseGroup(line)
			return len(got) <= int(stop)
		})
		if long {
			return
		}
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(want[:min(len(want), int(stop)+1)], got))
	})
}
