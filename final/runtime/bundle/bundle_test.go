//lint:file-ignore SA1019 what the specification advises against still has to work

package bundle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	data, err := json.Marshal(Default())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), data, 0o600))
	spec, abs, read, err := Load(dir)
	require.NoError(t, err)
	require.Equal(t, dir, abs)
	require.Equal(t, data, read)
	want := Default()
	want.Root.Path = filepath.Join(dir, "rootfs")
	require.Empty(t, cmp.Diff(want, spec))
}

func TestRootless(t *testing.T) {
	spec := Default()
	Rootless(spec, 1000, 1001)
	require.NoError(t, Validate(spec))
	_, network := Namespace(spec, specs.NetworkNamespace)
	require.False(t, network)
	for _, m := range spec.Mounts {
		require.NotContains(t, m.Options, "gid=5")
	}
}

// What a file can be instead of a good config.json, and what is said of it.
func TestBadFiles(t *testing.T) {
	write := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	}
	for name, test := range map[string]struct {
		make func(path string) error
		want string
	}{
		"missing":   {func(string) error { return nil }, "no such file or directory (ENOENT): a bundle is a directory with a config.json"},
		"directory": {func(p string) error { return os.Mkdir(p, 0o700) }, "is not a regular file"},
		"fifo":      {func(p string) error { return unix.Mkfifo(p, 0o600) }, "is not a regular file"},
		"huge": {func(p string) error {
			return os.WriteFile(p, make([]byte, MaxConfig+1), 0o600)
		}, "has 16777217 bytes, 16777216 are possible"},
		"empty":      {write(" \n"), "config.json: the file is empty"},
		"truncated":  {write(`{"ociVersion": "1.0.2", "process": {`), "the file ends in the middle, after 36 bytes: it was cut off"},
		"syntax":     {write("{\n  \"ociVersion\": x}"), "line 2, column 17: invalid character 'x'"},
		"wrong type": {write("{\n\"ociVersion\": 1}"), "line 2: ociVersion is a number, where a string is wanted"},
		"version":    {write(`{"ociVersion": "2.0.0"}`), "ociVersion: 2.0.0: this runtime knows the specification's versions 1.x"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, test.make(filepath.Join(dir, "config.json")))
			done := make(chan error, 1)
			go func() { _, _, _, err := Load(dir); done <- err }()
			select {
			case err := <-done:
				require.ErrorContains(t, err, test.want)
			case <-time.After(5 * time.Second):
				t.Fatal("it hangs")
			}
		})
	}
}

func TestValidate(t *testing.T) {
	zero := 0
	for want, edit := range map[string]func(s *specs.Spec){
		"ociVersion: is missing":                                func(s *specs.Spec) { s.Version = "" },
		`ociVersion: "1.0" is not a version`:                    func(s *specs.Spec) { s.Version = "1.0" },
		"root.path: is missing":                                 func(s *specs.Spec) { s.Root = nil },
		"process: is missing":                                   func(s *specs.Spec) { s.Process = nil },
		"process.args: must not be empty":                       func(s *specs.Spec) { s.Process.Args = nil },
		"process.args[0]: has a NUL byte":                       func(s *specs.Spec) { s.Process.Args = []string{"a\x00b"} },
		`process.cwd: must be an absolute path, unlike "tmp"`:   func(s *specs.Spec) { s.Process.Cwd = "tmp" },
		`process.env[1]: "B" has no =`:                          func(s *specs.Spec) { s.Process.Env = []string{"A=", "B"} },
		`process.env[0]: "=B" has no name`:                      func(s *specs.Spec) { s.Process.Env = []string{"=B"} },
		"linux.namespaces: has no mount namespace":              func(s *specs.Spec) { s.Linux = nil },
		"hostname: unable to set hostname":                      func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[4:5] },
		"hostname: has more than 64 bytes":                      func(s *specs.Spec) { s.Hostname = strings.Repeat("x", 65) },
		"mounts[0].destination: is empty":                       func(s *specs.Spec) { s.Mounts[0].Destination = "" },
		"mounts[1]: has a NUL byte":                             func(s *specs.Spec) { s.Mounts[1].Options = []string{"\x00"} },
		`linux.maskedPaths[0]: must be absolute, unlike "proc"`: func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"proc"} },
		"hooks.poststop[0].path: must be absolute":              func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "x"}}} },
		"hooks.prestart[0].timeout: 0: seconds":                 func(s *specs.Spec) { s.Hooks = &specs.Hooks{Prestart: []specs.Hook{{Path: "/x", Timeout: &zero}}} },
		"linux.intelRdt: this runtime does not":                 func(s *specs.Spec) { s.Linux.IntelRdt = &specs.LinuxIntelRdt{} },
	} {
		spec := Default()
		edit(spec)
		require.ErrorContains(t, Validate(spec), want)
	}
	require.NoError(t, Validate(Default()))
}

// Whatever the bytes are, there is a configuration or an error.
func FuzzParse(f *testing.F) {
	data, err := json.Marshal(Default())
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"ociVersion":"1.0.0","root":{"path":"/"},"process":{"args":["a"],"cwd":"/"},"linux":{"namespaces":[{"type":"mount"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := Parse(data)
		require.True(t, (spec == nil) != (err == nil))
	})
}
