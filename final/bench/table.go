package main

import (
	"fmt"
	"slices"
	"strings"
)

// table shows the measurements, and what the runtime set out for: what it must reach, and its goal.
func table(r Results) string {
	sheet := newSheet(r.Machine, r.Versions, 42, peers...)
	for _, m := range []struct {
		what, kind, unit, peer string
		scale, must, goal      float64
	}{
		{"run /bin/true, against crun", "run", "ms", "crun", 1e3, 1.0, 0.8},
		{"run /bin/true, against runc", "run", "ms", "runc", 1e3, 0.40, 0.25},
		{"exec /bin/true, against crun", "exec", "ms", "crun", 1e3, 1.2, 0.9},
		{"exec /bin/true, against runc", "exec", "ms", "runc", 1e3, 0.3, 0.15},
		{"50 containers by 2 workers, against crun", "fifty", "ms", "crun", 1e3, 1.0, 0.8},
		{"a checked system call, against runc", "syscall", "ns", "runc", 1e3, 1.05, 0.8}, // s per million
	} {
		sheet.line(m.what, m.unit, medians(r.Rounds, m.kind, peers, m.scale), ratio(r.Rounds, m.kind, m.peer), m.must, m.goal)
	}
	mib := func(kib map[string]float64) map[string]float64 {
		v := map[string]float64{}
		for p, k := range kib {
			v[p] = k / 1024
		}
		return v
	}
	sheet.line("peak RSS, MiB", "MiB", mib(r.RSS), r.RSS["ours"]/1024, 6, r.RSS["crun"]/1024)
	sheet.line("smallest memory limit, MiB", "MiB", mib(r.MinLimit), r.MinLimit["ours"]/1024, 1, 0.5)
	sheet.line("binary, MB", "MB", map[string]float64{"ours": r.Binary / 1e6}, r.Binary/1e6, 8, 5)
	return sheet.String()
}

// A sheet is a table with a column for each of the peers, and what was measured beside what it must be and the goal.
type sheet struct {
	strings.Builder
	width int // of the first column
	peers []string
}

func newSheet(machine string, versions map[string]string, width int, peers ...string) *sheet {
	s := &sheet{width: width, peers: peers}
	var all []string
	for _, p := range peers {
		all = append(all, versions[p])
	}
	fmt.Fprintf(s, "%s; %s\n%-*s", machine, strings.Join(all, "; "), width, "")
	for _, p := range peers {
		fmt.Fprintf(s, " %9s", p)
	}
	fmt.Fprintf(s, "  %8s %6s %6s\n", "measured", "must", "goal")
	return s
}

func (s *sheet) line(what, unit string, values map[string]float64, measured, must, goal float64) {
	verdict := "goal"
	if measured > must {
		verdict = "MISSED"
	} else if measured > goal {
		verdict = "must"
	}
	fmt.Fprintf(s, "%-*s", s.width, what)
	for _, p := range s.peers {
		fmt.Fprintf(s, " %9s", show(values[p], unit))
	}
	fmt.Fprintf(s, "  %8.2f %6.2f %6.2f  %s\n", measured, must, goal, verdict)
}

// medians returns each peer's median over the rounds, scaled.
func medians(rounds []Round, kind string, peers []string, scale float64) map[string]float64 {
	values := map[string]float64{}
	for _, p := range peers {
		var all []float64
		for _, round := range rounds {
			all = append(all, median(round[kind][p])*scale)
		}
		values[p] = median(all)
	}
	return values
}

// ratio is the median over the rounds of our median time by a peer's.
func ratio(rounds []Round, kind, peer string) float64 {
	var ratios []float64
	for _, r := range rounds {
		ratios = append(ratios, median(r[kind]["ours"])/median(r[kind][peer]))
	}
	return median(ratios)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Clone(v)
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func show(v float64, unit string) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %s", v, unit)
}
