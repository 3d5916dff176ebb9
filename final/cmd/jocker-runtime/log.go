package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// fail tells of an error, on standard error and in the log, and returns the exit code.
func (g *global) fail(command string, err error, code int) int {
	text := err.Error()
	if command != "" {
		text = "jocker-runtime " + command + " failed: " + text
	}
	fmt.Fprintln(os.Stderr, text)
	if err := g.write("error", text); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

// warn tells of something that is not as it was asked for, and may be done without: in the log, and to who debugs.
func (g *global) warn(text string) {
	if g.debug {
		fmt.Fprintln(os.Stderr, "jocker-runtime: warning:", text)
	}
	g.write("warning", text)
}

// say tells what the user should know.
func (g *global) say(text string) {
	fmt.Fprintln(os.Stderr, "jocker-runtime:", text)
	g.write("info", text)
}

// write appends a line to the log. Engines read the last error from there, in the form that logrus gives it.
func (g *global) write(level, text string) error {
	if g.log == "" {
		return nil
	}
	f, err := os.OpenFile(g.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("--log: %w", err)
	}
	defer f.Close()
	now := time.Now().Format(time.RFC3339)
	if g.logFormat == "json" {
		return json.NewEncoder(f).Encode(struct {
			Level string `json:"level"`
			Msg   string `json:"msg"`
			Time  string `json:"time"`
		}{level, text, now})
	}
	_, err = fmt.Fprintf(f, "time=%q level=%s msg=%q\n", now, level, text)
	return err
}

func printVersion(w io.Writer) {
	fmt.Fprintf(w, "jocker-runtime version %s\nspec: %s\ngo: %s\n", version, specs.Version, runtime.Version())
}
