package cgroup

import (
	"bytes"
	"math"
	"os"
	"strconv"
	"strings"

	"jocker/final/runtime/fail"
)

// A reader reads files of one cgroup. A file that isn't there is empty: which files a kernel has depends on
// its age and build. The first other error is kept.
type reader struct {
	dir string
	err error
}

func (r *reader) text(file string) []byte {
	text, err := read(r.dir + "/" + file)
	if err != nil && !gone(err) && !unsupported(err) && r.err == nil {
		r.err = fail.Call(callRead(r.dir+"/"+file), err, "")
	}
	return text
}

// number reads a file of one number; "max" is the greatest, -1 too.
func (r *reader) number(file string) uint64 { return parseNumber(r.text(file)) }

func parseNumber(text []byte) uint64 {
	s := strings.TrimSpace(string(text))
	if s == "max" || s == "-1" {
		return math.MaxUint64
	}
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

// list reads a cpuset's list.
func (r *reader) list(file string) []uint16 {
	list, _ := parseList(string(r.text(file)))
	return list
}

// pressure reads a file of pressure, which a kernel can have turned off.
func (r *reader) pressure(file string) *Pressure { return parsePressure(r.text(file)) }

// parsePressure parses two lines, of which cpu.pressure had only the first before Linux 5.13:
//
//	some avg10=0.00 avg60=0.00 avg300=0.00 total=0
//	full avg10=0.00 avg60=0.00 avg300=0.00 total=0
func parsePressure(text []byte) *Pressure {
	p, found := &Pressure{}, false
	for _, line := range strings.Split(string(text), "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		l := &p.Some
		if kind == "full" {
			l = &p.Full
		} else if kind != "some" {
			continue
		}
		found = true
		for _, field := range strings.Fields(rest) {
			key, value, _ := strings.Cut(field, "=")
			switch key {
			case "avg10":
				l.Avg10 = percent(value)
			case "avg60":
				l.Avg60 = percent(value)
			case "avg300":
				l.Avg300 = percent(value)
			case "total":
				l.Total, _ = strconv.ParseUint(value, 10, 64)
			}
		}
	}
	if !found {
		return nil
	}
	return p
}

// percent parses a number such as 0.25. What JSON cannot hold, and no kernel writes, is 0.
func percent(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

// table parses a file of "key number" lines.
func table(text []byte) map[string]uint64 {
	m := make(map[string]uint64, 64)
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		if key, number, ok := bytes.Cut(line, []byte(" ")); ok {
			if n, err := strconv.ParseUint(string(number), 10, 64); err == nil {
				m[string(key)] = n
			}
		}
	}
	return m
}

// deviceNumbers parses "8:16".
func deviceNumbers(s string) (major, minor uint64, ok bool) {
	a, b, ok := strings.Cut(s, ":")
	major, err1 := strconv.ParseUint(a, 10, 32)
	minor, err2 := strconv.ParseUint(b, 10, 32)
	return major, minor, ok && err1 == nil && err2 == nil
}

// pageSizes returns the sizes of huge pages that the cgroup has files for: "2MB". suffix is the end of such a file.
func (r *reader) pageSizes(suffix string) (sizes []string) {
	entries, _ := os.ReadDir(r.dir)
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), "hugetlb."); ok {
			if size, ok := strings.CutSuffix(rest, suffix); ok && pageSize(size) {
				sizes = append(sizes, size)
			}
		}
	}
	return sizes
}
