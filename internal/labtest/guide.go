package labtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"jocker/internal/guide"
)

// Guide proves the guide of a lab, in whose folder the test runs: played with the lab's program it keeps its word,
// and the host is as before; played with the program of the lab before it doesn't, so it is about this lab. before is
// "" for the first lab. The Chinese guide has the same blocks (a test of package guide compares them); it is played
// too if LABTEST_FULL is set.
func Guide(t *testing.T, lab, before string) {
	files := []string{"README.md"}
	if os.Getenv("LABTEST_FULL") != "" {
		files = append(files, "README.zh-CN.md")
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			out, err := play(t, file, nil)
			if err != nil {
				t.Fatalf("%s\n%v", out, err)
			}
		})
	}
	if before == "" {
		return
	}
	t.Run("with "+before, func(t *testing.T) {
		out, err := play(t, "README.md", map[string]string{lab: before})
		var failure *guide.Failure
		if !errors.As(err, &failure) {
			t.Fatalf("the guide of %s should not be true of %s, but: %v\n%s", lab, before, err, out)
		}
	})
}

var program = regexp.MustCompile(`\b(?:lab0[0-9]|mistakes|jocker(?:-runtime)?)\b`)

// play plays a guide with the programs that it names; instead replaces some of them.
func play(t *testing.T, file string, instead map[string]string) (out string, err error) {
	t.Helper()
	emptyStore(t)
	Snapshot(t)
	g, err := guide.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for _, b := range g.Blocks {
		for _, c := range b.Commands {
			for _, name := range program.FindAllString(c.Text, -1) {
				target := name
				if other, ok := instead[name]; ok {
					target = other
				}
				if name == "jocker" { // looks for them beside itself
					Bin(t, "jocker-shim")
					Bin(t, "jocker-runtime")
				}
				if err := os.Symlink(Bin(t, target), filepath.Join(bin, name)); err != nil && !errors.Is(err, os.ErrExist) {
					t.Fatal(err)
				}
			}
		}
	}
	if _, err := os.Lstat(filepath.Join(bin, "lab01")); err != nil { // stands in for stress where that is missing
		if err := os.Symlink(Bin(t, "lab01"), filepath.Join(bin, "lab01")); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	_, err = g.Play(context.Background(), guide.Options{Bin: bin, Out: &b})
	return b.String(), err
}

// emptyStore covers the machine's own images and containers, until the end of the test, by a store that has only the
// image busybox. The tests have a mount namespace of their own, so nobody else sees it.
func emptyStore(t *testing.T) {
	t.Helper()
	const parent = "/var/lib"
	if err := syscall.Mount("tmpfs", parent, "tmpfs", 0, ""); err != nil {
		t.Fatalf("mount tmpfs on %s: %v", parent, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(parent, syscall.MNT_DETACH); err != nil {
			t.Errorf("umount %s: %v", parent, err)
		}
	})
	if out, err := exec.Command(Bin(t, "lab"), "rootfs").CombinedOutput(); err != nil {
		t.Fatalf("lab rootfs: %v\n%s", err, out)
	}
}
