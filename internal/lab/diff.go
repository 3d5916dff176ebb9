package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"jocker/internal/exercise"
)

// diffLabs shows the idea between two labs: what differs in their programs, file by file, without what is the same.
func diffLabs(_ context.Context, args []string, stdout, _ io.Writer) error {
	if len(args) != 2 {
		return usageError{errors.New("which labs? FROM=03 TO=04, for example")}
	}
	from, err := findTarget(args[:1])
	if err != nil {
		return err
	}
	to, err := findTarget(args[1:])
	if err != nil {
		return err
	}
	before, err := exercise.Sources(from.Dir)
	if err != nil {
		return err
	}
	after, err := exercise.Sources(to.Dir)
	if err != nil {
		return err
	}
	paint := func(code, text string) string {
		if !colors(stdout) {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	var names []string
	for name := range before {
		names = append(names, name)
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var same []string
	for _, name := range names {
		old, inOld := before[name]
		text, inNew := after[name]
		switch {
		case old == text:
			same = append(same, name)
		case !inNew:
			fmt.Fprintf(stdout, "%s\n\n", paint("1", name+" is gone"))
		default:
			head := name
			if !inOld {
				head += " is new"
			}
			fmt.Fprintln(stdout, paint("1", head))
			for _, h := range hunks(lines(old), lines(text), 2) {
				if inOld {
					fmt.Fprintln(stdout, paint("36", fmt.Sprintf("  line %d", h.line)))
				}
				for _, l := range h.lines {
					switch l[0] {
					case '+':
						l = paint("32", l)
					case '-':
						l = paint("31", l)
					}
					fmt.Fprintln(stdout, l)
				}
			}
			fmt.Fprintln(stdout)
		}
	}
	fmt.Fprintf(stdout, "The same in both: %s\n", strings.Join(same, ", "))
	return nil
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// hunk is a group of changes, with some lines around them.
type hunk struct {
	line  int      // in the new file
	lines []string // "+new", "-old", " same"
}

// hunks compares two files by a longest common subsequence of lines. The files of the labs are short.
func hunks(a, b []string, around int) (list []hunk) {
	common := make([][]int, len(a)+1) // of a[i:] and b[j:]
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	type line struct {
		text string
		at   int
	}
	var all []line
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, line{" " + a[i], j + 1})
			i++
			j++
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			all = append(all, line{"-" + a[i], j + 1})
			i++
		default:
			all = append(all, line{"+" + b[j], j + 1})
			j++
		}
	}
	last := -1 // of the lines that are in a hunk
	for k, l := range all {
		if l.text[0] == ' ' {
			continue
		}
		from := max(k-around, last+1)
		if len(list) == 0 || from > last+1 {
			list = append(list, hunk{line: all[from].at})
		}
		h := &list[len(list)-1]
		for ; last < min(k+around, len(all)-1); last++ {
			if last+1 >= from {
				h.lines = append(h.lines, all[last+1].text)
			}
		}
	}
	return list
}
