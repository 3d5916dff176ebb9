package attacks

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
)

// fakeProc: CVE-2019-16884, CVE-2025-52881.
//
// A container's security label is set by writing to /proc/self/attr/exec, sysctls and the OOM score are set in /proc, too. An image that has a
// volume at /proc, or below, puts files of its own there: the runtime writes the label into one of them, nobody complains, and the container runs
// without a label. In 2025 it was found that a race does it as well, and that such a write can also be led to /proc/sysrq-trigger,
// which stops the machine, or /proc/sys/kernel/core_pattern, by which the host runs a program of the attacker's.
//
// Here nothing can be mounted on /proc but a procfs, and nothing below it but a few harmless files (rootfs/proc.go, checkProc); since a link
// can lead there as well, the place that was found is looked at, too (checkPlace). Let both say yes, and the attack succeeds.
func fakeProc(a *arena) string {
	fake := fakeTree(a)
	tmpfs := func(to string) specs.Mount { return specs.Mount{Source: "tmpfs", Type: "tmpfs", Destination: to} }
	for _, m := range []specs.Mount{
		bind(fake, "/proc"), bind(fake, "/tmp/../proc/."), tmpfs("/proc"), bind(fake+"/sys", "/proc/sys"), bind(fake+"/sys", "//proc//./sys/"),
		tmpfs("/proc/self/attr"), tmpfs("/proc/thread-self"), bind(fake+"/sys", "/proc/1"), bind(fake+"/fake", "/proc/sysrq-trigger"),
		bind(fake+"/sys", "/link"), bind(fake+"/fake", "/link/kernel/shmmni"), bind("/proc/sys", "/proc"), bind("/proc/self", "/proc"),
	} {
		bundle, root := a.bundle("mount | grep ' /proc/\\|fake'; echo ran", func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, m)
			s.Linux.Sysctl = map[string]string{"kernel.shmmni": "4321"}
		})
		require.NoError(a.t, os.Symlink("/proc/sys", root+"/link"))
		r := a.runtime.RunBundle(a.t, "victim", bundle)
		if raw, err := os.ReadFile(fake + "/sys/kernel/shmmni"); err != nil || string(raw) != "untouched" {
			return "a sysctl was written to the attacker's file"
		}
		if strings.Contains(r.Stdout, "ran") {
			return "the container runs with a mount on " + m.Destination + ":\n" + r.Stdout
		}
		require.Equal(a.t, 1, r.Code, r)
		require.Regexp(a.t, "cannot be mounted on /proc|nothing can be mounted inside /proc|where nothing can be mounted", r.Stderr)
	}
	return ""
}

// fakeTree makes a directory that looks like /proc.
func fakeTree(a *arena) string {
	fake := a.t.TempDir()
	for _, dir := range []string{"sys/kernel", "self/attr"} {
		require.NoError(a.t, os.MkdirAll(filepath.Join(fake, dir), 0o755))
	}
	for _, file := range []string{"fake", "sys/kernel/shmmni", "self/attr/exec", "self/oom_score_adj"} {
		require.NoError(a.t, os.WriteFile(filepath.Join(fake, file), []byte("untouched"), 0o644))
	}
	return fake
}

// procIsLink: CVE-2019-19921, CVE-2023-27561, CVE-2023-28642.
//
// The image's /proc is a link. The runtime follows it, within the container, and mounts the procfs where it leads to, a volume perhaps. Everything
// that it then does to /proc by its path is done there: until another container, which has the volume too, turns the link to a directory of its
// own. The second of these CVEs is the first one again, come back in a clean-up; the third needs no race, only AppArmor, and /sys beside /proc.
//
// A procfs and a sysfs are mounted on a path without links only (rootfs, target: RESOLVE_NO_SYMLINKS). Leave that out, and the container runs.
func procIsLink(a *arena) string {
	for _, name := range []string{"proc", "sys"} {
		bundle, root := a.bundle("echo ran", nil)
		require.NoError(a.t, os.Remove(filepath.Join(root, name)))
		require.NoError(a.t, os.Mkdir(filepath.Join(root, "elsewhere"), 0o755))
		require.NoError(a.t, os.Symlink("elsewhere", filepath.Join(root, name)))
		r := a.runtime.RunBundle(a.t, "victim", bundle)
		if strings.Contains(r.Stdout, "ran") {
			return "the container runs, and /" + name + " is a link"
		}
		require.Contains(a.t, r.Stderr, "is mounted on an ordinary directory only, and here a link is on the way")
	}
	return ""
}

// procBecomesLink is the same as a race.
func procBecomesLink(a *arena) string {
	bundle, root := a.bundle("[ ! -e /elsewhere/uptime ] || echo elsewhere", nil)
	require.NoError(a.t, os.Mkdir(root+"/elsewhere", 0o755))
	require.NoError(a.t, os.Symlink("elsewhere", root+"/link"))
	return a.racing(root+"/proc", root+"/link", func() (bool, string) {
		r := a.runtime.Run(a.t, "run", "--bundle", bundle, "victim")
		if strings.Contains(r.Stdout, "elsewhere") {
			return true, "the procfs was mounted where the link led to"
		}
		return r.Code == 0, ""
	})
}

// imageProc: CVE-2025-52881, without any mount.
//
// config.json may leave out /proc. Then the image's own directory is /proc, and its files are the attacker's: links to other files, too, which
// the runtime would write to with all its rights. So what it writes it writes through a procfs that is mounted nowhere and that nobody else has
// (rootfs, OpenProc). Let OpenProc open "/proc", and the attack succeeds.
func imageProc(a *arena) string {
	bundle, root := a.bundle("cat /true/sys/kernel/shmmni", func(s *specs.Spec) {
		s.Mounts = append(without(s.Mounts, "/proc"), specs.Mount{Source: "proc", Type: "proc", Destination: "/true"})
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
		s.Linux.Sysctl = map[string]string{"kernel.shmmni": "4321"}
	})
	require.NoError(a.t, os.MkdirAll(root+"/proc/sys/kernel", 0o755))
	require.NoError(a.t, os.WriteFile(root+"/precious", []byte("untouched"), 0o644))
	require.NoError(a.t, os.Symlink("/precious", root+"/proc/sys/kernel/shmmni"))
	r := a.runtime.RunBundle(a.t, "victim", bundle)
	if raw, err := os.ReadFile(root + "/precious"); err != nil || string(raw) != "untouched" {
		return "a sysctl was written to the file that the image chose"
	}
	require.Equal(a.t, "4321\n", r.Stdout, r)
	return ""
}
