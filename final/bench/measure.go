package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"jocker/final/runtime/seccomp"
	"jocker/internal/ocitest"
)

// makeBundles makes the bundles: true, sleep for exec, and spin for the system call. They differ in their program.
func (b *bench) makeBundles() error {
	for name, args := range map[string][]string{"true": {"/bin/true"}, "sleep": {"/bin/sleep", "600"}, "spin": {"/spin", "-"}} {
		if err := ocitest.WriteBundle(filepath.Join(b.dir, name), func(s *specs.Spec) { harden(s, args) }); err != nil {
			return err
		}
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir, "spin/rootfs/spin"), self, 0o755)
}

// harden completes runc's default spec: the program, and Docker's default filter.
func harden(s *specs.Spec, args []string) {
	s.Process.Args = args
	s.Linux.Seccomp = seccomp.Default(s.Process.Capabilities.Bounding)
}

// hyperfine runs one command of each peer, in this order, and returns all times in seconds.
func hyperfine(dir string, order []string, runs int, command func(peer string) []string) (map[string][]float64, error) {
	out := filepath.Join(dir, "hyperfine.json")
	args := []string{"--shell=none", "--style=none", "--warmup=" + strconv.Itoa(min(3, runs)), "--runs=" + strconv.Itoa(runs), "--export-json=" + out}
	for _, p := range order {
		args = append(args, strings.Join(command(p), " "))
	}
	if text, err := exec.Command("hyperfine", args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("hyperfine: %w\n%s", err, text)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	var v struct{ Results []struct{ Times []float64 } }
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("%s: %w", out, err)
	}
	times := map[string][]float64{}
	for i, p := range order {
		times[p] = v.Results[i].Times
	}
	return times, nil
}

func (b *bench) run(order []string) (map[string][]float64, error) {
	return hyperfine(b.dir, order, b.runs, func(p string) []string {
		return b.command(p, "run", "--bundle", filepath.Join(b.dir, "true"), "bench-"+p)
	})
}

func (b *bench) exec(order []string) (map[string][]float64, error) {
	for _, p := range order {
		id := "bench-exec-" + p
		create := exec.Command(b.command(p)[0], b.command(p, "run", "--detach", "--bundle", filepath.Join(b.dir, "sleep"), id)[1:]...)
		if err := create.Run(); err != nil {
			return nil, fmt.Errorf("%v: %w", create.Args, err)
		}
		defer func() {
			d := b.command(p, "delete", "--force", id)
			exec.Command(d[0], d[1:]...).Run()
		}()
	}
	return hyperfine(b.dir, order, b.runs, func(p string) []string { return b.command(p, "exec", "bench-exec-"+p, "/bin/true") })
}

// fifty runs fifty containers, two at a time.
func (b *bench) fifty(order []string) (map[string][]float64, error) {
	for _, p := range order { // a script: hyperfine splits words, and quotes in quotes are hard to read
		run := b.command(p, "run", "--bundle", filepath.Join(b.dir, "true"), "bench-{}-"+p)
		script := "#!/bin/sh\nseq 50 | xargs -P 2 -I {} " + strings.Join(run, " ") + "\n"
		if err := os.WriteFile(filepath.Join(b.dir, "fifty-"+p), []byte(script), 0o755); err != nil {
			return nil, err
		}
	}
	return hyperfine(b.dir, order, max(b.runs/10, 2), func(p string) []string { return []string{filepath.Join(b.dir, "fifty-"+p)} })
}

// syscall runs spin in a container of each peer, whose filter is then asked about a call with arguments.
func (b *bench) syscall(order []string) (map[string][]float64, error) {
	times := map[string][]float64{}
	for range 3 {
		for _, p := range order {
			c := b.command(p, "run", "--bundle", filepath.Join(b.dir, "spin"), "bench-spin-"+p)
			out, err := exec.Command(c[0], c[1:]...).Output()
			if err != nil {
				return nil, fmt.Errorf("%v: %w", c, err)
			}
			seconds, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
			if err != nil {
				return nil, fmt.Errorf("%v: %w", c, err)
			}
			times[p] = append(times[p], seconds)
		}
	}
	return times, nil
}

// limits are those tried, in KiB.
var limits = []int64{256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 32768}

// sizes measures what has nothing to do with time.
func (b *bench) sizes() error {
	info, err := os.Stat(b.program["ours"])
	if err != nil {
		return err
	}
	b.Binary = float64(info.Size())
	b.RSS, b.MinLimit = map[string]float64{}, map[string]float64{}
	for _, p := range peers {
		// GNU time: its child starts small. A child of this program would inherit our own peak.
		c := append([]string{"-f", "%M"}, b.command(p, "run", "--bundle", filepath.Join(b.dir, "true"), "bench-rss-"+p)...)
		out, err := exec.Command("/usr/bin/time", c...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("/usr/bin/time %v: %w: %s", c, err, out)
		}
		if b.RSS[p], err = strconv.ParseFloat(strings.TrimSpace(string(out)), 64); err != nil {
			return err
		}
		for _, kib := range limits {
			dir := filepath.Join(b.dir, fmt.Sprintf("limit-%s-%d", p, kib))
			err := ocitest.WriteBundle(dir, func(s *specs.Spec) {
				harden(s, []string{"/bin/true"})
				bytes := kib << 10
				s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &bytes, Swap: &bytes}
			})
			if err != nil {
				return err
			}
			if b.works(p, dir, 5) {
				b.MinLimit[p] = float64(kib)
				break
			}
		}
	}
	return nil
}

// works says whether a bundle runs each of n times.
func (b *bench) works(peer, dir string, n int) bool {
	for range n {
		c := b.command(peer, "run", "--bundle", dir, "bench-limit-"+peer)
		if err := exec.Command("timeout", append([]string{"10"}, c...)...).Run(); err != nil {
			d := b.command(peer, "delete", "--force", "bench-limit-"+peer)
			exec.Command(d[0], d[1:]...).Run()
			return false
		}
	}
	return true
}
