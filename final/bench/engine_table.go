package main

import (
	"fmt"
	"strings"
)

// engineTable shows the measurements, and what the engine set out for: what it must reach, and its goal.
func engineTable(r EngineResults) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %s\n", r.Machine, strings.Join([]string{r.Versions["ours"], r.Versions["docker"], r.Versions["podman"]}, "; "))
	fmt.Fprintf(&b, "%-48s %9s %9s %9s  %8s %6s %6s\n", "", "ours", "docker", "podman", "measured", "must", "goal")
	line := func(what, unit string, values map[string]float64, measured, must, goal float64) {
		verdict := "goal"
		if measured > must {
			verdict = "MISSED"
		} else if measured > goal {
			verdict = "must"
		}
		fmt.Fprintf(&b, "%-48s %9s %9s %9s  %8.2f %6.2f %6.2f  %s\n", what,
			show(values["ours"], unit), show(values["docker"], unit), show(values["podman"], unit), measured, must, goal, verdict)
	}
	for _, m := range []struct {
		what, kind string
		must, goal float64
	}{
		{"run --rm busybox true", "run", 0.20, 0.10},
		{"the same with --network none", "none", 0.15, 0.08},
		{"pull, 8 layers of 25 MiB", "pull", 1.00, 0.50},
	} {
		values := map[string]float64{}
		for _, p := range enginePeers {
			var all []float64
			for _, round := range r.Rounds {
				all = append(all, median(round[m.kind][p])*1e3)
			}
			values[p] = median(all)
		}
		for _, p := range enginePeers[1:] {
			line(m.what+", against "+p, "ms", values, ratio(r.Rounds, m.kind, p), m.must, m.goal)
		}
	}
	mib := map[string]float64{}
	for p, k := range r.PSS {
		mib[p] = k / 1024
	}
	line("an idle detached container, MiB (PSS)", "MiB", mib, mib["ours"], 8, mib["podman"])
	ours := func(v float64) map[string]float64 { return map[string]float64{"ours": v} }
	// What else happens on the machine may hit one start; it does not hit half of some.
	some := min(20, len(r.Starts)/2)
	first, last := median(r.Starts[:some]), median(r.Starts[len(r.Starts)-some:])
	line(fmt.Sprintf("of %d run -d the last ones against the first", len(r.Starts)), "ms", ours(last*1e3), last/first, 1.5, 1.1)
	line(fmt.Sprintf("ps with %d containers, ms", len(r.Starts)), "ms", ours(median(r.Ps)*1e3), median(r.Ps)*1e3, 50, 15)
	line("a second container's disk space, KiB", "KiB", ours(r.Disk/1024), r.Disk/1024, 100, 100)
	return b.String()
}
