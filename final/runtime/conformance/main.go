// Conformance runs the Open Container Initiative's own validation programs against an OCI runtime, and the same
// against runc and crun.
//
//	make conformance
//	bin/conformance/run [-suite bin/conformance] [-runtime bin/jocker-runtime] [-v] [PROGRAM...]
//
// The suite (runtime-tools) is about sixty programs, each of which makes containers through the runtime's command line
// and states what it finds inside of them. It is older than much of the specification and than cgroup v2, and some
// of its programs fail everywhere. So what it says counts by comparison:
//
//   - what holds under runc or under crun on this machine must hold under ours, statement by statement;
//   - a program that fails under all three is explained in known.go;
//   - so is one that we fail on purpose, since a requirement of ours is in its way.
//
// Anything else makes the exit code 1. -v shows what the failing programs printed.
//
// It needs root, runc and crun. build.sh builds the suite.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"jocker/internal/ocitest"
)

func main() {
	suite := flag.String("suite", "bin/conformance", "the folder that build.sh has filled")
	runtime := flag.String("runtime", "bin/jocker-runtime", "the runtime under test")
	verbose := flag.Bool("v", false, "show the output of programs that fail")
	flag.Parse()
	ok, err := run(*suite, *runtime, *verbose, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(suite, runtime string, verbose bool, programs []string) (ok bool, err error) {
	if os.Geteuid() != 0 {
		return false, fmt.Errorf("containers take root: sudo make conformance")
	}
	if suite, err = filepath.Abs(suite); err != nil {
		return false, err
	}
	if runtime, err = filepath.Abs(runtime); err != nil {
		return false, err
	}
	if len(programs) == 0 {
		if programs, err = listPrograms(suite); err != nil {
			return false, err
		}
	}
	scratch, err := os.MkdirTemp("", "jocker-conformance-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(scratch)
	crun := filepath.Join(scratch, "crun.sh")
	if err := os.Chmod(scratch, 0o755); err != nil { // the root of a user namespace passes through
		return false, err
	}
	if err := ocitest.WriteCrun(crun); err != nil {
		return false, err
	}
	var contestants []contestant
	for _, c := range [][2]string{{"ours", runtime}, {"runc", "runc"}, {"crun", crun}} {
		contestant, err := newContestant(scratch, c[0], c[1])
		if err != nil {
			return false, err
		}
		contestants = append(contestants, contestant)
		defer contestant.sweep()
	}

	results := judgeAll(contestants, suite, programs)
	fmt.Printf("%-34s %-5s %-5s %-5s\n", "program", "ours", "runc", "crun")
	count, bad := map[string]int{}, 0
	for i, p := range programs {
		r := results[i]
		complaint := judgement(p, r)
		for try := 0; complaint != "" && try < 3; try++ { // some programs lose a race now and then, under any runtime
			r[0] = contestants[0].judge(suite, p)
			complaint = judgement(p, r)
		}
		for n, c := range contestants {
			count[c.name+" "+r[n].word()]++
		}
		fmt.Printf("%-34s %-5s %-5s %-5s  %s\n", p, r[0].word(), r[1].word(), r[2].word(), reason(p, r[0]))
		if complaint != "" {
			bad++
			fmt.Printf("    ^ %s\n", complaint)
		}
		if verbose && !r[0].passed() {
			fmt.Printf("--- %s under ours: exit code %d\n%s---\n", p, r[0].Code, r[0].complaints())
		}
	}
	for _, c := range contestants {
		fmt.Printf("%s: %d ok, %d mute, %d skipped, %d failed\n", c.name,
			count[c.name+" ok"], count[c.name+" mute"], count[c.name+" skip"], count[c.name+" FAIL"])
	}
	fmt.Printf("%d to be mended or explained\n", bad)
	return bad == 0, nil
}

// judgement says what is wrong with ours, the first of three results; "" if nothing is.
func judgement(program string, r []result) string {
	ours, peers := r[0], r[1:]
	if ours.passed() || refused[program] != "" {
		return ""
	}
	if denied := ours.denied(peers...); len(denied) > 0 {
		slices.Sort(denied)
		return "true under a peer, not under ours: " + strings.Join(denied, "; ")
	}
	if peers[0].passed() || peers[1].passed() {
		return "a peer passes"
	}
	if known[program] == "" {
		return "fails everywhere: explain it in known.go"
	}
	return ""
}

// reason is what known.go says of a failure.
func reason(program string, r result) string {
	if r.passed() {
		return ""
	}
	return known[program] + refused[program]
}

// listPrograms names what build.sh has built.
func listPrograms(suite string) ([]string, error) {
	entries, err := os.ReadDir(suite)
	if err != nil {
		return nil, fmt.Errorf("%w: build the suite with final/runtime/conformance/build.sh", err)
	}
	var programs []string
	for _, e := range entries {
		if n := e.Name(); n != "run" && n != "runtimetest" && !strings.HasSuffix(n, ".gz") {
			programs = append(programs, n)
		}
	}
	return programs, nil
}

// judgeAll runs all programs against all contestants: several at a time, since most of a program's time is sleep.
// Those about cgroups all use the same one, and go one after the other.
func judgeAll(contestants []contestant, suite string, programs []string) [][]result {
	results := make([][]result, len(programs))
	var cgroup sync.Mutex
	var wait sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i, p := range programs {
		results[i] = make([]result, len(contestants))
		for n, c := range contestants {
			wait.Add(1)
			go func() {
				defer wait.Done()
				if strings.Contains(p, "cgroups") {
					cgroup.Lock()
					defer cgroup.Unlock()
				}
				slots <- struct{}{}
				defer func() { <-slots }()
				results[i][n] = c.judge(suite, p)
			}()
		}
	}
	wait.Wait()
	return results
}
