package ocitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
)

// NewBundle makes a bundle in a folder of its own, which goes when the test is over, and returns that folder. edit
// changes runc's default spec, in which `terminal` is off; nil leaves it.
func NewBundle(t testing.TB, edit func(*specs.Spec)) string {
	t.Helper()
	dir := folder(t, "jocker-bundle-")
	require.NoError(t, WriteBundle(dir, edit))
	return dir
}

// WriteBundle is NewBundle for those who are no test: it fills a folder.
func WriteBundle(dir string, edit func(*specs.Spec)) error {
	if err := WriteRootfs(filepath.Join(dir, "rootfs")); err != nil {
		return err
	}
	raw, err := defaultSpec()
	if err != nil {
		return err
	}
	var spec specs.Spec
	if err := json.Unmarshal(raw, &spec); err != nil {
		return fmt.Errorf("what runc spec prints: %w", err)
	}
	spec.Process.Terminal = false
	if edit != nil {
		edit(&spec)
	}
	if raw, err = json.MarshalIndent(spec, "", "\t"); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), raw, 0o644)
}

// defaultSpec is what runc says a container should be like.
var defaultSpec = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "jocker-spec-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if out, err := exec.Command("runc", "spec", "--bundle", dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("runc spec: %w: %s (missing? apt-get install runc)", err, out)
	}
	return os.ReadFile(filepath.Join(dir, "config.json"))
})

// applets are those of busybox that the tests call.
const applets = `[ ash awk basename cat chgrp chmod chown cp cut date dd df dirname echo env expr false find grep head
	hostname id kill ln ls mkdir mknod mount mv nproc od printenv printf ps pwd readlink rm rmdir sed seq setsid sh sleep
	sort stat stty sync tail tee test timeout touch tr true tty umount uname unshare usleep wc which whoami xargs yes`

// WriteRootfs makes a root file system around this machine's static busybox.
func WriteRootfs(dir string) error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("%w: apt-get install busybox-static", err)
	}
	for _, d := range []string{"bin", "dev", "etc", "proc", "sys", "tmp", "root", "var"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	errs := []error{
		os.WriteFile(filepath.Join(dir, "bin/busybox"), program, 0o755),
		os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "etc/group"), []byte("root:x:0:\nuser:x:1000:\nextra:x:2000:user\n"), 0o644),
		os.Chmod(filepath.Join(dir, "tmp"), 0o777|os.ModeSticky),
	}
	for _, a := range strings.Fields(applets) {
		errs = append(errs, os.Symlink("busybox", filepath.Join(dir, "bin", a)))
	}
	return errors.Join(errs...)
}

// folder makes a folder in /tmp for a test. It isn't t.TempDir, whose removal would go through a mount that a runtime
// has left in it.
func folder(t testing.TB, prefix string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", prefix)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755)) // a user namespace's root must be able to enter
	t.Cleanup(func() {
		table, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil || strings.Contains(string(table), dir) {
			t.Errorf("something is still mounted below %s, so it can't be removed (%v)", dir, err)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
