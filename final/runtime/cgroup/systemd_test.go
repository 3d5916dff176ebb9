package cgroup

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestUnit(t *testing.T) {
	for path, want := range map[string]Unit{
		"":                          {Name: "jocker-box.scope", Slice: "system.slice"},
		"system.slice:docker:ab12":  {Name: "docker-ab12.scope", Slice: "system.slice"},
		":libpod:x":                 {Name: "libpod-x.scope", Slice: "system.slice"},
		"kube-pod_1.slice::cri@a-b": {Name: "cri@a-b.scope", Slice: "kube-pod_1.slice"},
	} {
		u, err := parseUnit(path, "box")
		require.NoError(t, err)
		if diff := cmp.Diff(&want, u); diff != "" {
			t.Error(path, diff)
		}
	}
	for path, want := range map[string]string{
		"/docker/x":            `linux.cgroupsPath "/docker/x": with --systemd-cgroup it has the form slice:prefix:name, "system.slice:docker:box" for example`,
		"a.slice:b:c/d":        `linux.cgroupsPath "a.slice:b:c/d": '/' cannot be in the name of a systemd unit`,
		"a.slice:b:":           `linux.cgroupsPath "a.slice:b:": its third part is the container's name, not empty, not too long and not a slice`,
		"a.slice:b:pod1.slice": `linux.cgroupsPath "a.slice:b:pod1.slice": its third part is the container's name, not empty, not too long and not a slice`,
		"service:b:c":          `linux.cgroupsPath: "service" is not the name of a systemd slice; one is called system.slice, for example`,
		"a--b.slice:b:c":       `linux.cgroupsPath: "a--b.slice" is not the name of a systemd slice; one is called system.slice, for example`,
	} {
		_, err := LocateSystemd(path, "box")
		require.EqualError(t, err, want)
	}
}

func TestAnnotate(t *testing.T) {
	u := &Unit{}
	require.NoError(t, u.Annotate(map[string]string{"org.systemd.property.TimeoutStopUSec": "uint64 5", "org.example": "x"}))
	require.Equal(t, map[string]string{"TimeoutStopUSec": "uint64 5"}, u.Properties)
	for _, name := range []string{"", "Timeout Stop", "A.B", "A=1\n"} {
		require.EqualError(t, u.Annotate(map[string]string{PropertyPrefix + name: "true"}),
			fmt.Sprintf("annotation %q: the name of a systemd property has letters only, as org.systemd.property.TimeoutStopUSec", PropertyPrefix+name))
	}
}

func TestSlicePath(t *testing.T) {
	for slice, want := range map[string]string{"-.slice": "", "a.slice": "/a.slice", "a-b-c.slice": "/a.slice/a-b.slice/a-b-c.slice"} {
		path, err := slicePath(slice)
		require.NoError(t, err)
		require.Equal(t, want, path)
	}
	g, err := LocateSystemd("a-b.slice:p:n", "")
	require.NoError(t, err)
	for i := range g.Hierarchies {
		require.Equal(t, "/a.slice/a-b.slice/p-n.scope", g.Hierarchies[i].Path)
	}
}

func FuzzUnit(f *testing.F) {
	f.Add("system.slice:docker:ab12")
	f.Add("a-b.slice::..")
	f.Fuzz(func(t *testing.T, path string) {
		u, err := parseUnit(path, "box")
		if err != nil {
			return
		}
		require.NotContains(t, u.Name, "/")
		require.NotContains(t, u.Name, "\n")
		require.True(t, strings.HasSuffix(u.Name, ".scope") && len(u.Name) > len(".scope"))
		if p, err := slicePath(u.Slice); err == nil {
			require.NotContains(t, p+"/", "/../")
			require.NotContains(t, p, "//")
		}
	})
}

func TestMask(t *testing.T) {
	mask, err := Mask("0-1,9")
	require.NoError(t, err)
	require.Equal(t, []byte{3, 2}, mask)
	_, err = Mask("x")
	require.Error(t, err)
}

// Without the command beside the runtime, and without systemd, the error says what is missing.
func TestNoHelper(t *testing.T) {
	g := &Group{Unit: &Unit{Name: "x.scope", Slice: "system.slice"}}
	err := g.startUnit(nil)
	require.ErrorContains(t, err, `/jocker-systemd"): no such file or directory (ENOENT): --systemd-cgroup needs this command beside the runtime`)
	require.True(t, g.refused)
	require.NoError(t, g.Delete())
}
