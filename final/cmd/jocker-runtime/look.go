package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"jocker/final/runtime/container"
)

// printJSON prints a value as people like to read it.
func printJSON(v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		_, err = fmt.Printf("%s\n", data)
	}
	return err
}

func printState(g *global, f *flag.FlagSet, args []string) (int, error) {
	c, err := open(g, f, args)
	if err != nil {
		return 0, err
	}
	return 0, printJSON(c.Look())
}

func list(g *global, f *flag.FlagSet, args []string) (int, error) {
	var format string
	var quiet bool
	both(f.StringVar, &format, "format", "f", "table", "table or json")
	both(f.BoolVar, &quiet, "quiet", "q", false, "print the ids alone")
	if _, err := parse(f, args, 0, 0); err != nil {
		return 0, err
	}
	all, errs := container.List(g.root)
	for _, err := range errs {
		g.warn(err.Error())
	}
	switch {
	case quiet:
		for _, c := range all {
			fmt.Println(c.ID)
		}
		return 0, nil
	case format == "json":
		return 0, json.NewEncoder(os.Stdout).Encode(all)
	case format != "table":
		return 0, fmt.Errorf("--format %s: it is table or json", format)
	}
	w := tabwriter.NewWriter(os.Stdout, 12, 1, 3, ' ', 0)
	fmt.Fprint(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
	for _, c := range all {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", c.ID, c.Pid, c.Status, c.Bundle, c.Created.Format(time.RFC3339Nano), c.Owner)
	}
	return 0, w.Flush()
}

// ps lists the container's processes: as numbers, or in the words of the host's ps.
func ps(g *global, f *flag.FlagSet, args []string) (int, error) {
	var format string
	both(f.StringVar, &format, "format", "f", "table", "table or json")
	if err := f.Parse(args); err != nil { // what follows the id is for ps
		return 0, err
	}
	if err := count("ps", f.Args(), 1, -1); err != nil {
		return 0, err
	}
	c, err := container.Open(g.root, f.Arg(0))
	if err != nil {
		return 0, err
	}
	pids, err := c.Pids()
	if err != nil {
		return 0, err
	}
	switch format {
	case "json":
		if pids == nil {
			pids = []int{}
		}
		return 0, json.NewEncoder(os.Stdout).Encode(pids)
	case "table":
	default:
		return 0, fmt.Errorf("--format %s: it is table or json", format)
	}
	options := f.Args()[1:]
	if len(options) == 0 {
		options = []string{"-ef"}
	}
	out, err := exec.Command("ps", options...).Output()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return 0, fmt.Errorf("ps %s: %w: %s", strings.Join(options, " "), err, strings.TrimSpace(string(ended.Stderr)))
	} else if err != nil {
		return 0, fmt.Errorf("the table needs the host's ps (package procps); --format json does without: %w", err)
	}
	lines := strings.Split(string(out), "\n")
	column := -1
	for i, title := range strings.Fields(lines[0]) {
		if title == "PID" {
			column = i
		}
	}
	if column < 0 {
		return 0, fmt.Errorf("ps %s prints no column PID, by which the container's processes could be told", strings.Join(options, " "))
	}
	mine := map[string]bool{}
	for _, pid := range pids {
		mine[strconv.Itoa(pid)] = true
	}
	fmt.Println(lines[0])
	for _, line := range lines[1:] {
		if fields := strings.Fields(line); len(fields) > column && mine[fields[column]] {
			fmt.Println(line)
		}
	}
	return 0, nil
}
