package rootfs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const atime = unix.MOUNT_ATTR__ATIME

func TestParseOptions(t *testing.T) {
	for words, want := range map[string]options{
		"":         {},
		"defaults": {},
		"nosuid noexec nodev": {
			set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NODEV},
		"suid exec dev": {
			clear: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NODEV},
		"nosuid suid": {clear: unix.MOUNT_ATTR_NOSUID},
		"suid nosuid": {set: unix.MOUNT_ATTR_NOSUID},
		"ro":          {set: unix.MOUNT_ATTR_RDONLY, super: []string{"ro"}},
		"ro rw":       {clear: unix.MOUNT_ATTR_RDONLY, super: []string{"ro", "rw"}},
		"rro":         {setRec: unix.MOUNT_ATTR_RDONLY},
		"rbind rro rnosuid rw": {bind: true, recursive: true, setRec: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID,
			clear: unix.MOUNT_ATTR_RDONLY, super: []string{"rw"}},
		"rro rrw": {clearRec: unix.MOUNT_ATTR_RDONLY},
		// the three ways of atime exclude each other, and nodiratime is beside them
		"noatime":                     {set: unix.MOUNT_ATTR_NOATIME, clear: atime},
		"noatime strictatime":         {set: unix.MOUNT_ATTR_STRICTATIME, clear: atime},
		"strictatime relatime":        {clear: atime},
		"noatime atime":               {clear: atime},
		"nodiratime noatime":          {set: unix.MOUNT_ATTR_NODIRATIME | unix.MOUNT_ATTR_NOATIME, clear: atime},
		"rnoatime":                    {setRec: unix.MOUNT_ATTR_NOATIME, clearRec: atime},
		"rrelatime":                   {clearRec: atime},
		"nosymfollow rnosymfollow":    {set: unix.MOUNT_ATTR_NOSYMFOLLOW, setRec: unix.MOUNT_ATTR_NOSYMFOLLOW},
		"sync dirsync mand lazytime":  {super: []string{"sync", "dirsync", "mand", "lazytime"}},
		"private rshared":             {propagation: []uint64{unix.MS_PRIVATE, unix.MS_SHARED | unix.MS_REC}},
		"slave runbindable":           {propagation: []uint64{unix.MS_SLAVE, unix.MS_UNBINDABLE | unix.MS_REC}},
		"bind":                        {bind: true},
		"remount":                     {remount: true},
		"tmpcopyup":                   {copyUp: true},
		"idmap":                       {idmap: idmapTop},
		"ridmap":                      {idmap: idmapRecursive},
		"silent loud":                 {},
		"size=64m mode=1777 huge rof": {data: []string{"size=64m", "mode=1777", "huge", "rof"}},
		"r":                           {data: []string{"r"}},
	} {
		got, err := parseOptions(strings.Fields(words))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(want, got, cmp.AllowUnexported(options{})), words)
	}
	_, err := parseOptions([]string{"size=1\x00,suid"})
	require.EqualError(t, err, `the option "size=1\x00,suid" has a zero byte in it`)
}

// Whatever the words are: no bit is both wanted and unwanted but in the field of atime, which the
// kernel wants cleared; and each word went somewhere.
func FuzzParseOptions(f *testing.F) {
	f.Add("ro,nosuid,size=5")
	f.Add("rbind,rro,rprivate,noatime,relatime")
	f.Fuzz(func(t *testing.T, text string) {
		words := strings.Split(text, ",")
		o, err := parseOptions(words)
		if err != nil {
			require.Contains(t, text, "\x00")
			return
		}
		for _, pair := range [][2]uint64{{o.set, o.clear}, {o.setRec, o.clearRec}} {
			require.Zero(t, pair[0]&pair[1]&^atime)
			if pair[0]&atime != 0 {
				require.EqualValues(t, atime, pair[1]&atime)
				require.NotEqualValues(t, atime, pair[0]&atime)
			}
		}
		for _, word := range o.data {
			require.Contains(t, words, word)
		}
		m := mount{Mount: &specs.Mount{Type: "tmpfs"}, options: o}
		m.say(&Config{}) // whatever it says, it can say it
	})
}

func TestPlanErrors(t *testing.T) {
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}}
	for want, m := range map[string]specs.Mount{
		`mounts[0] (): the destination is empty`:                                                                     {Type: "tmpfs"},
		`mounts[0] (/a/..): nothing can be mounted on the container's root itself; name another root.path`:           {Destination: "/a/..", Type: "tmpfs"},
		`mounts[0] (/a): the type bind needs one of the options bind and rbind`:                                      {Destination: "/a", Type: "bind", Source: "/tmp"},
		`mounts[0] (/a): the type is missing; a bind mount needs the option bind or rbind`:                           {Destination: "/a", Source: "/tmp"},
		`mounts[0] (/a): a bind mount needs a source`:                                                                {Destination: "/a", Options: []string{"bind"}},
		`mounts[0] (/a): the option "size=5" is unknown to bind mounts`:                                              {Destination: "/a", Source: "/tmp", Options: []string{"bind", "size=5"}},
		`mounts[0] (/a): the option sync is one of a file system as a whole; a bind mount cannot change it`:          {Destination: "/a", Source: "/tmp", Options: []string{"bind", "sync"}},
		`mounts[0] (/a): the option tmpcopyup is for the type tmpfs only`:                                            {Destination: "/a", Type: "ramfs", Options: []string{"tmpcopyup"}},
		`mounts[0] (/proc): a tmpfs cannot be mounted on /proc; only the type proc can`:                              {Destination: "/proc", Type: "tmpfs"},
		`mounts[0] (/a): "/x\x00" has a zero byte in it`:                                                             {Destination: "/a", Source: "/x\x00", Options: []string{"bind"}},
		`mounts[0] (/a): uidMappings and gidMappings belong together; one of them is missing`:                        {Destination: "/a", Source: "/tmp", Options: []string{"bind"}, UIDMappings: ids},
		`mounts[0] (/a): ids can be mapped for bind mounts only, so the options idmap and ridmap need bind or rbind`: {Destination: "/a", Type: "tmpfs", Options: []string{"idmap"}},
		`mounts[0] (/proc/self/attr/../attr): nothing can be mounted inside /proc, but for a few files with numbers such as /proc/meminfo`: {
			Destination: "/proc/self/attr/../attr", Source: "/tmp", Options: []string{"bind"}},
		`mounts[0] (/a): the options idmap and ridmap need uidMappings and gidMappings, or a user namespace of which to take them`: {
			Destination: "/a", Source: "/tmp", Options: []string{"bind", "ridmap"}},
	} {
		_, err := New(&Config{Root: "/r", Mounts: []specs.Mount{m}, Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}})
		require.EqualError(t, err, want)
	}
}

func TestConfigErrors(t *testing.T) {
	own := []specs.LinuxNamespace{{Type: specs.MountNamespace}}
	for want, c := range map[string]Config{
		`root.path: "rootfs" is not an absolute path`: {Root: "rootfs"},
		`mounts: the container has no mount namespace, so this would change the host; add {"type": "mount"} to linux.namespaces`: {
			Root: "/r", Mounts: []specs.Mount{{Destination: "/a", Type: "tmpfs"}}},
		`root.readonly: the container has no mount namespace, so this would change the host; add {"type": "mount"} to linux.namespaces`: {
			Root: "/r", Readonly: true},
		`linux.rootfsPropagation: "public" is none of shared, slave, private, unbindable, rshared, rslave, rprivate, runbindable`: {
			Root: "/r", Namespaces: own, Propagation: "public"},
		`linux.devices: /dev/x has the type "q"; it must be c, u (character), b (block) or p (fifo)`: {
			Root: "/r", Namespaces: own, Devices: []specs.LinuxDevice{{Path: "/dev/x", Type: "q"}}},
		`linux.devices: "dev/x" is not the absolute path of a file`: {
			Root: "/r", Namespaces: own, Devices: []specs.LinuxDevice{{Path: "dev/x", Type: "c"}}},
		`linux.sysctl: net.core.somaxconn is a setting of the network namespace, and the container shares the host's; add {"type": "network"} to linux.namespaces`: {
			Root: "/r", Namespaces: own, Sysctl: map[string]string{"net.core.somaxconn": "5"}},
		`linux.sysctl: kernel.panic is not a setting of a namespace; it would change the host, so it is refused`: {
			Root: "/r", Namespaces: own, Sysctl: map[string]string{"kernel.panic": "5"}},
		`linux.sysctl: "net/../kernel/panic" is not the name of a setting`: {
			Root: "/r", Namespaces: own, Sysctl: map[string]string{"net/../kernel/panic": "5"}},
	} {
		_, err := New(&c)
		require.EqualError(t, err, want)
	}
}

// No name of a setting leads out of /proc/sys, and none that is not of a namespace passes.
func FuzzSysctl(f *testing.F) {
	f.Add("net.ipv4.conf.eth0/1.forwarding")
	f.Add("net/ipv4/conf/eth0.1/forwarding")
	f.Add("net..core")
	f.Fuzz(func(t *testing.T, key string) {
		c := Config{Namespaces: []specs.LinuxNamespace{{Type: specs.NetworkNamespace}}}
		if c.checkSysctl(key) != nil {
			return
		}
		require.Equal(t, "net", sysctlPath(key)[0])
		for _, part := range sysctlPath(key) {
			require.NotContains(t, []string{"", ".", ".."}, part)
			require.NotContains(t, part, "/")
		}
	})
}

func TestSysctlPath(t *testing.T) {
	for key, want := range map[string]string{
		"net.ipv4.ip_forward":             "net ipv4 ip_forward",
		"net/ipv4/ip_forward":             "net ipv4 ip_forward",
		"net.ipv4.conf.eth0/1.forwarding": "net ipv4 conf eth0.1 forwarding",
		"net/ipv4/conf/eth0.1/forwarding": "net ipv4 conf eth0.1 forwarding",
		"net":                             "net",
	} {
		require.Equal(t, want, strings.Join(sysctlPath(key), " "), key)
	}
}

func TestUnescape(t *testing.T) {
	require.Equal(t, "/a b\\c\n", unescape(`/a\040b\134c\012`))
	require.Equal(t, `/a\04`, unescape(`/a\04`))
}

func FuzzKernelMounts(f *testing.F) {
	f.Add("22 27 0:21 / /proc rw,relatime - proc proc rw\n", "/r")
	f.Add("22 27 0:21 / /a\\040b rw shared:1 - sysfs sysfs rw\n", "/r")
	f.Fuzz(func(t *testing.T, info, root string) {
		for _, place := range kernelMounts(info, root) {
			require.False(t, place == root || strings.HasPrefix(place, root+"/"))
		}
	})
}
