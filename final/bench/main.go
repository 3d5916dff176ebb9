// Bench measures how fast bin/jocker-runtime is, and how small, beside runc and crun; and with -engine how fast bin/jocker
// is beside docker and podman.
//
//	make bench
//	bin/bench [-runtime bin/jocker-runtime] [-rounds 5] [-runs 20] [-o final/bench/results.json]
//	bin/bench -engine [-jocker bin/jocker] [-rounds 5] [-runs 10] [-many 500] [-o final/bench/results-engine.json]
//
// All three runtimes run the same bundle: runc's default spec with /bin/true, and Docker's default seccomp profile. Each round
// measures all of them, one right after the other and each round in another order, since on a machine that others use
// as well only neighbours in time can be compared. Of each round the ratios of the medians are taken, and of all rounds
// the median of the ratios. What hyperfine measured, every single run of it, stays in results.json.
//
// The engines run a busybox image with true, as anybody would type it. Docker's and Podman's daemons, bridges and files are
// private ones, in a network and a mount namespace of the bench's own.
//
// It needs root, and hyperfine, time, runc and crun, docker.io and podman; `make bench` installs them.
//
//	main.go measure.go syscall.go table.go      the runtimes
//	engine.go engine_peers.go engine_table.go   the engines
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"jocker/internal/ocitest"
)

// peers are the runtimes: ours first.
var peers = []string{"ours", "crun", "runc"}

type bench struct {
	program map[string]string // of each peer
	dir     string            // scratch: bundle, state
	runs    int               // of each command in a round
	Results
}

// Results is what results.json holds.
type Results struct {
	When     time.Time
	Machine  string             // uname -a
	Versions map[string]string  // of each peer
	Rounds   []Round            `json:"rounds"`
	RSS      map[string]float64 // KiB, the most that runtime or init ever had
	MinLimit map[string]float64 // KiB: the smallest memory limit of those tried under which /bin/true runs
	Binary   float64            // bytes, ours, stripped
}

// A Round has, for each kind of measurement and each peer, all times in seconds.
type Round map[string]map[string][]float64

func main() {
	if len(os.Args) == 2 && os.Args[0] == "/spin" { // inside of a container: see syscall.go
		spin()
		return
	}
	runtime := flag.String("runtime", "bin/jocker-runtime", "the runtime under test")
	ofEngine := flag.Bool("engine", false, "measure the engine, and not the runtime")
	jocker := flag.String("jocker", "bin/jocker", "the engine under test")
	rounds := flag.Int("rounds", 5, "how many rounds")
	runs := flag.Int("runs", 0, "how many runs of each command in a round (20; of the engines 10)")
	many := flag.Int("many", 500, "how many containers of the engine run at a time")
	out := flag.String("o", "", "where the measurements are kept (final/bench/results.json, results-engine.json)")
	flag.Parse()
	var err error
	if *ofEngine {
		err = runEngine(*jocker, *rounds, cmp.Or(*runs, 10), *many, cmp.Or(*out, "final/bench/results-engine.json"))
	} else {
		err = run(*runtime, *rounds, cmp.Or(*runs, 20), cmp.Or(*out, "final/bench/results.json"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(runtime string, rounds, runs int, out string) error {
	if os.Getenv("BENCH_IN_NAMESPACE") == "" {
		return again(syscall.CLONE_NEWNS)
	}
	restore, err := ocitest.EmptyUnified() // for crun's sake; what holds for one shall hold for all
	if err != nil {
		return err
	}
	defer restore()
	dir, err := os.MkdirTemp("", "jocker-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, runs: runs, program: map[string]string{"ours": runtime, "crun": "crun", "runc": "runc"}}
	for name, p := range b.program {
		if b.program[name], err = exec.LookPath(p); err != nil {
			return err
		}
		if b.program[name], err = filepath.Abs(b.program[name]); err != nil {
			return err
		}
	}
	if err := b.makeBundles(); err != nil {
		return err
	}
	b.describe()
	for n := range rounds {
		r := Round{}
		for _, m := range []struct {
			name string
			of   func(order []string) (map[string][]float64, error)
		}{{"run", b.run}, {"exec", b.exec}, {"fifty", b.fifty}, {"syscall", b.syscall}} {
			fmt.Fprintf(os.Stderr, "round %d of %d: %-8s\r", n+1, rounds, m.name)
			if r[m.name], err = m.of(rotate(peers, n)); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
		b.Rounds = append(b.Rounds, r)
	}
	if err := b.sizes(); err != nil {
		return err
	}
	if err := keep(b.Results, out); err != nil {
		return err
	}
	fmt.Print(table(b.Results))
	return nil
}

// keep writes measurements into a file.
func keep(results any, path string) error {
	raw, err := json.Marshal(results)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}

// again starts this program once more in namespaces of its own.
func again(namespaces uintptr) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("containers take root: sudo make bench")
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "BENCH_IN_NAMESPACE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: namespaces, Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}

func (b *bench) describe() {
	b.When, b.Versions = time.Now().UTC(), map[string]string{}
	uname, _ := exec.Command("uname", "-srvm").Output()
	b.Machine = strings.TrimSpace(string(uname))
	for _, p := range peers {
		v, _ := exec.Command(b.program[p], "--version").Output()
		b.Versions[p], _, _ = strings.Cut(string(v), "\n")
	}
}

// command is a command of a peer's.
func (b *bench) command(peer string, args ...string) []string {
	return append([]string{b.program[peer], "--root", filepath.Join(b.dir, "state-"+peer)}, args...)
}

func rotate(list []string, n int) []string {
	n %= len(list)
	return append(append([]string{}, list[n:]...), list[:n]...)
}
