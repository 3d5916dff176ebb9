// jocker-systemd talks to systemd for jocker-runtime --systemd-cgroup, which starts it from its own directory.
//
// It reads a request from its standard input, one line of JSON (cgroup.Request), answers with a line, "ok" or what went
// wrong, and ends when its standard input does. Between the two, it is the first process in the scope that it has asked for.
//
// It is a command of its own because of what it links: D-Bus would be the larger part of the runtime's start-up time.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"jocker/final/runtime/cgroup"
	"jocker/final/runtime/cgroup/systemd"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	request := &cgroup.Request{}
	if err == nil {
		err = json.Unmarshal(line, request)
	}
	if err != nil {
		err = fmt.Errorf("jocker-systemd is started by jocker-runtime --systemd-cgroup: %w", err)
	} else {
		err = systemd.Do(request)
	}
	if err != nil {
		fmt.Fprintln(out, err)
		return err
	}
	fmt.Fprintln(out, "ok")
	_, err = io.Copy(io.Discard, lines)
	return err
}
