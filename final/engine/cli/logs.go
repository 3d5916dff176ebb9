package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
)

// logOptions are those of logs.
type logOptions struct {
	follow, timestamps bool
	since, until       time.Time
	tail               int // -1: all
}

func logsCommand(a *app) *cobra.Command {
	var o logOptions
	var since, until, tail string
	c := &cobra.Command{Use: "logs [OPTIONS] CONTAINER", Short: "Fetch the logs of a container", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			if o.since, err = parseMoment(since); err != nil {
				return err
			}
			if o.until, err = parseMoment(until); err != nil {
				return err
			}
			if o.tail = -1; tail != "all" && tail != "" {
				if o.tail, err = strconv.Atoi(tail); err != nil {
					return fmt.Errorf("invalid value for --tail: %q: a number or all", tail)
				}
			}
			c, err := a.container(args[0])
			if err != nil {
				return err
			}
			return printLog(c, o, os.Stdout, os.Stderr)
		}}
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "Follow log output")
	c.Flags().BoolVarP(&o.timestamps, "timestamps", "t", false, "Show timestamps")
	c.Flags().StringVar(&since, "since", "", "Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)")
	c.Flags().StringVar(&until, "until", "", "Show logs before a timestamp or relative time")
	c.Flags().StringVarP(&tail, "tail", "n", "all", "Number of lines to show from the end of the logs")
	return c
}

// parseMoment reads a time, seconds since 1970, or how long ago it is. "" is the zero time.
func parseMoment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return time.Now().Add(-d), nil
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return time.Unix(0, int64(n*1e9)), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("invalid time %q: a duration such as 10m, a time such as 2006-01-02T15:04:05, or seconds since 1970", text)
}

// A logLine is a line of the log file: see cmd/jocker-shim/log.go.
type logLine struct {
	time   string
	stderr bool
	full   bool
	text   string
}

func parseLogLine(line string) (l logLine, ok bool) {
	stamp, rest, ok1 := strings.Cut(line, " ")
	stream, rest, ok2 := strings.Cut(rest, " ")
	tag, text, ok3 := strings.Cut(rest, " ")
	return logLine{stamp, stream == "stderr", tag == "F", text}, ok1 && ok2 && ok3
}

// wanted says whether a line is in the time asked for.
func (o *logOptions) wanted(l *logLine) bool {
	if o.since.IsZero() && o.until.IsZero() {
		return true
	}
	t, err := time.Parse(time.RFC3339Nano, l.time)
	return err != nil || !t.Before(o.since) && (o.until.IsZero() || t.Before(o.until))
}

// printLog prints a container's log, first the files that were rotated away.
func printLog(c *container.Container, o logOptions, stdout, stderr io.Writer) error {
	path := c.Dir() + "/log"
	var old []string
	for i := 1; ; i++ {
		name := path + "." + strconv.Itoa(i)
		if _, err := os.Stat(name); err != nil {
			break
		}
		old = append([]string{name}, old...)
	}
	var held []logLine // the last ones, if only these are wanted
	beginning := true
	print := func(l logLine) {
		w := stdout
		if l.stderr {
			w = stderr
		}
		if o.timestamps && beginning {
			io.WriteString(w, l.time+" ")
		}
		io.WriteString(w, l.text)
		if beginning = l.full; l.full {
			io.WriteString(w, "\n")
		}
	}
	take := func(l logLine) {
		switch {
		case !o.wanted(&l):
		case o.tail < 0:
			print(l)
		case o.tail > 0:
			if held = append(held, l); len(held) > o.tail {
				held = held[1:]
			}
		}
	}
	for _, name := range old {
		if f, err := os.Open(name); err == nil {
			readLines(bufio.NewReader(f), nil, take)
			f.Close()
		}
	}
	f, err := os.Open(path)
	if os.IsNotExist(err) && !o.follow {
		return nil // it was never started
	} else if err != nil {
		return err
	}
	defer func() { f.Close() }()
	r := bufio.NewReader(f)
	part := readLines(r, nil, take)
	for _, l := range held {
		print(l)
	}
	if !o.follow {
		return nil
	}
	o.tail = -1
	for {
		status, err := c.Status()
		over := err != nil || !status.Active() // known before the last read, so that nothing is missed
		part = readLines(r, part, take)
		if over {
			return nil
		}
		if now, err := os.Stat(path); err == nil {
			if then, err := f.Stat(); err == nil && !os.SameFile(now, then) { // it was rotated
				readLines(r, part, take)
				if next, err := os.Open(path); err == nil {
					f.Close()
					f, r, part = next, bufio.NewReader(next), nil
					continue
				}
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// readLines calls take for each whole line. It returns what is left: the beginning of a line that is being written.
func readLines(r *bufio.Reader, part []byte, take func(logLine)) []byte {
	for {
		more, err := r.ReadString('\n')
		part = append(part, more...)
		if err != nil {
			return part
		}
		if l, ok := parseLogLine(strings.TrimSuffix(string(part), "\n")); ok {
			take(l)
		}
		part = nil
	}
}
