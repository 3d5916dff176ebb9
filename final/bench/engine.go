package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"jocker/internal/ocitest"
)

// enginePeers are the engines: ours first.
var enginePeers = []string{"ours", "docker", "podman"}

// EngineResults is what results-engine.json holds.
type EngineResults struct {
	When     time.Time
	Machine  string            // uname -a
	Versions map[string]string // of each peer
	Rounds   []Round           `json:"rounds"`

	PSS    map[string]float64 // KiB of memory that each idle detached container costs, its own processes left out
	Starts []float64          // seconds that each of very many `run -d` took, in their order
	Ps     []float64          // seconds that `ps` took with all of them running
	Disk   float64            // bytes that a second container of an image takes
}

func runEngine(jocker string, rounds, runs, many int, out string) error {
	if os.Getenv("BENCH_IN_NAMESPACE") == "" {
		return again(syscall.CLONE_NEWNS | syscall.CLONE_NEWNET)
	}
	restore, err := ocitest.EmptyUnified() // for the sake of crun, which podman may use
	if err != nil {
		return err
	}
	defer restore()
	e, err := startEngines(jocker)
	if err != nil {
		return err
	}
	defer e.stop()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-interrupted
		e.stop()
		os.Exit(1)
	}()
	if err := e.startRegistry(); err != nil {
		return err
	}
	for n := range rounds {
		r := Round{}
		for _, m := range []struct {
			name    string
			network []string
		}{{"run", nil}, {"none", []string{"--network", "none"}}} {
			fmt.Fprintf(os.Stderr, "round %d of %d: %-8s\r", n+1, rounds, m.name)
			for _, p := range enginePeers { // hyperfine does not tell what a command had to say
				if _, err := e.output(p, append(append([]string{"run", "--rm"}, m.network...), "busybox", "true")...); err != nil {
					return err
				}
			}
			r[m.name], err = hyperfine(e.dir, rotate(enginePeers, n), runs, func(p string) []string {
				return append(append(e.command(p, "run", "--rm"), m.network...), "busybox", "true")
			})
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d: pull    \r", n+1, rounds)
		if r["pull"], err = e.pull(rotate(enginePeers, n)); err != nil {
			return fmt.Errorf("pull: %w", err)
		}
		e.Rounds = append(e.Rounds, r)
	}
	fmt.Fprintf(os.Stderr, "memory and disk          \r")
	if err := e.memory(10); err != nil {
		return err
	}
	if err := e.disk(); err != nil {
		return err
	}
	if err := e.many(many); err != nil {
		return err
	}
	if err := keep(e.EngineResults, out); err != nil {
		return err
	}
	fmt.Print(engineTable(e.EngineResults))
	return nil
}

// memory measures what n idle containers of each engine cost: the proportional set size (proc_pid_smaps(5)) of all processes in
// whose command line a container's ID stands, as it does in jocker-shim's, conmon's and containerd-shim's. Docker's daemon is
// left out, in its favour.
func (e *engines) memory(n int) (err error) {
	e.PSS = map[string]float64{}
	for _, p := range enginePeers {
		ids := make([]string, n)
		for i := range ids {
			if ids[i], err = e.output(p, "run", "-d", "busybox", "sleep", "600"); err != nil {
				return err
			}
		}
		time.Sleep(time.Second) // whoever is to end has ended
		for _, id := range ids {
			kib, err := pss(id)
			if err != nil {
				return err
			}
			e.PSS[p] += kib / float64(n)
		}
		if err := e.removeAll(p); err != nil {
			return err
		}
	}
	return nil
}

// pss returns the KiB of the processes that have a word in their command line.
func pss(word string) (kib float64, err error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		if line, _ := os.ReadFile(f); !strings.Contains(string(line), word) {
			continue
		}
		rollup, err := os.ReadFile(filepath.Dir(f) + "/smaps_rollup")
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(rollup), "\nPss:")
		if words := strings.Fields(rest); len(words) > 0 {
			n, _ := strconv.ParseFloat(words[0], 64)
			kib += n
		}
	}
	if kib == 0 {
		return 0, fmt.Errorf("no process has %s in its command line", word)
	}
	return kib, nil
}

// disk measures what a second container takes on the disk, as du(1) counts.
func (e *engines) disk() error {
	var size [2]float64
	for i := range size {
		if _, err := e.output("ours", "run", "-d", "busybox", "sleep", "600"); err != nil {
			return err
		}
		out, err := exec.Command("du", "-s", "--block-size=1", e.path("jocker")).Output()
		if err != nil {
			return fmt.Errorf("du: %w", err)
		}
		if size[i], err = strconv.ParseFloat(strings.Fields(string(out))[0], 64); err != nil {
			return err
		}
	}
	e.Disk = size[1] - size[0]
	return e.removeAll("ours")
}

// many starts very many containers, one after the other, and looks at all of them.
func (e *engines) many(n int) error {
	for i := range n {
		fmt.Fprintf(os.Stderr, "container %d of %d       \r", i+1, n)
		begin := time.Now()
		if _, err := e.output("ours", "run", "-d", "busybox", "sleep", "1000"); err != nil {
			return err
		}
		e.Starts = append(e.Starts, time.Since(begin).Seconds())
	}
	if ids, err := e.output("ours", "ps", "-q"); err != nil || len(strings.Fields(ids)) != n {
		return fmt.Errorf("of %d containers %d run: %w", n, len(strings.Fields(ids)), err)
	}
	times, err := hyperfine(e.dir, enginePeers[:1], 20, func(p string) []string { return e.command(p, "ps") })
	if err != nil {
		return err
	}
	e.Ps = times["ours"]
	return e.removeAll("ours")
}

// removeAll removes all containers of an engine.
func (e *engines) removeAll(peer string) error {
	ids, err := e.output(peer, "ps", "-aq")
	if err != nil || ids == "" {
		return err
	}
	_, err = e.output(peer, append([]string{"rm", "-f"}, strings.Fields(ids)...)...)
	return err
}

// versions asks each engine for its version.
func (e *engines) versions() {
	e.When, e.Versions = time.Now().UTC(), map[string]string{}
	uname, _ := exec.Command("uname", "-srvm").Output()
	e.Machine = strings.TrimSpace(string(uname))
	for _, p := range enginePeers {
		e.Versions[p], _ = e.output(p, "--version")
	}
}

// output runs a command of an engine and returns what it prints.
func (e *engines) output(peer string, args ...string) (string, error) {
	c := e.command(peer, args...)
	out, err := exec.Command(c[0], c[1:]...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(c, " "), err, exit.Stderr)
	} else if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}
