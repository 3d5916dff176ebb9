package main

import "fmt"

// engineTable shows the measurements, and what the engine set out for: what it must reach, and its goal.
func engineTable(r EngineResults) string {
	sheet := newSheet(r.Machine, r.Versions, 48, enginePeers...)
	for _, m := range []struct {
		what, kind string
		must, goal float64
	}{
		{"run --rm busybox true", "run", 0.20, 0.10},
		{"the same with --network none", "none", 0.15, 0.08},
		{"pull, 8 layers of 25 MiB", "pull", 1.00, 0.50},
	} {
		values := medians(r.Rounds, m.kind, enginePeers, 1e3)
		for _, p := range enginePeers[1:] {
			sheet.line(m.what+", against "+p, "ms", values, ratio(r.Rounds, m.kind, p), m.must, m.goal)
		}
	}
	mib := map[string]float64{}
	for p, k := range r.PSS {
		mib[p] = k / 1024
	}
	sheet.line("an idle detached container, MiB (PSS)", "MiB", mib, mib["ours"], 8, mib["podman"])
	ours := func(v float64) map[string]float64 { return map[string]float64{"ours": v} }
	// What else happens on the machine may hit one start; it does not hit half of some.
	some := min(20, len(r.Starts)/2)
	first, last := median(r.Starts[:some]), median(r.Starts[len(r.Starts)-some:])
	sheet.line(fmt.Sprintf("of %d run -d the last ones against the first", len(r.Starts)), "ms", ours(last*1e3), last/first, 1.5, 1.1)
	sheet.line(fmt.Sprintf("ps with %d containers, ms", len(r.Starts)), "ms", ours(median(r.Ps)*1e3), median(r.Ps)*1e3, 50, 15)
	sheet.line("a second container's disk space, KiB", "KiB", ours(r.Disk/1024), r.Disk/1024, 100, 100)
	return sheet.String()
}
