package guide

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// running lists processes whose command line contains the word.
func running(word string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(word)) {
			found = append(found, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}

// children lists this program's children, the dead ones too.
func children() []process {
	var found []process
	for _, p := range processes() {
		if p.parent == os.Getpid() {
			found = append(found, p)
		}
	}
	return found
}

// TestNothingIsLeft ends guides in every way while processes of every kind are running.
func TestNothingIsLeft(t *testing.T) {
	mine := func(text string) string { return strings.ReplaceAll(text, "777", fmt.Sprintf("777%d", os.Getpid())) }
	busy := []string{
		"$ sleep 7771 & set +m; sleep 7772 & disown; set -m",
		"[1] <pid>",
		"[2] <pid>",
		"$ (setsid sleep 7773 >/dev/null 2>&1 &); setsid nohup sh -c 'sleep 7774; :' >/dev/null 2>&1 & disown",
		"[2] <pid>",
		`$ (trap "" TERM HUP INT; sleep 7775; sleep 7775) & disown`,
		"[2] <pid>",
		"$ sleep 7776 & kill -STOP $!; sleep 0.3",
		"[2] <pid>", "", "[2]+  Stopped                 sleep 7776",
		"$ until test $(pgrep -f 'sleep 777[1-6]' | wc -l) -ge 6; do sleep 0.01; done",
	}
	for name, end := range map[string]struct {
		lines  []string
		reason string // in the error
	}{
		"well":         {nil, ""},
		"badly":        {[]string{"$ echo a", "b"}, "not what the guide promises"},
		"late":         {[]string{"$ sleep 7777"}, "didn't end within"},
		"in a shell":   {[]string{"$ sh", "# sleep 7777"}, "didn't end within"},
		"without bash": {[]string{"$ kill -9 $$"}, "bash itself has ended"},
	} {
		t.Run(name, func(t *testing.T) {
			before := children()
			guide := mine(block(busy...))
			if end.lines != nil {
				guide += mine(text("'''console slow=1s", strings.Join(end.lines, "\n"), "'''"))
			}
			g := parse(t, guide)
			var b bytes.Buffer
			report, err := g.Play(context.Background(), Options{Dir: t.TempDir(), Out: &b})
			if end.reason == "" {
				require.NoError(t, err, b.String())
				require.Contains(t, b.String(), "(ended what the guide left running: ")
			} else {
				require.ErrorContains(t, err, end.reason, b.String())
			}
			require.NotEmpty(t, report.Ended)
			require.Empty(t, running(mine("sleep\x00777")))
			require.Equal(t, before, children(), "no dead ones either")
		})
	}
}

// TestCancel interrupts a guide: it ends at once, and programs get the time to clean up.
func TestCancel(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(context.Background())
	ready := writer(func(p []byte) {
		if string(p) == "ready\n" {
			cancel(errors.New("enough"))
		}
	})
	g := parse(t, block(`$ sh -c 'trap "seq 20000; echo bye >bye; exit" TERM; echo ready; while :; do sleep 0.02; done'`, "ready"))
	start := time.Now()
	_, err := g.Play(ctx, Options{Dir: dir, Out: ready})
	require.EqualError(t, err, "enough")
	require.Less(t, time.Since(start), 5*time.Second)
	bye, err := os.ReadFile(filepath.Join(dir, "bye"))
	require.NoError(t, err)
	require.Equal(t, "bye\n", string(bye))

	_, err = g.Play(ctx, Options{Dir: dir})
	require.EqualError(t, err, "enough", "before it began")
}

// TestOthersAreSpared has children of this program that aren't the guide's.
func TestOthersAreSpared(t *testing.T) {
	attr := &os.ProcAttr{Sys: &syscall.SysProcAttr{Setsid: true}}
	before, err := os.StartProcess("/bin/sleep", []string{"sleep", "60"}, attr)
	require.NoError(t, err)
	during := make(chan *os.Process, 1)
	out := writer(func(p []byte) {
		if string(p) == "now\n" {
			p, err := os.StartProcess("/bin/sleep", []string{"sleep", "60"}, &os.ProcAttr{})
			require.NoError(t, err)
			during <- p
		}
	})
	_, err = parse(t, block("$ echo now", "now", "$ sleep 0.1")).Play(context.Background(), Options{Dir: t.TempDir(), Out: out})
	require.NoError(t, err)
	for _, p := range []*os.Process{before, <-during} {
		require.NoError(t, p.Signal(syscall.Signal(0)))
		require.NoError(t, p.Kill())
		state, err := p.Wait()
		require.NoError(t, err)
		require.Equal(t, syscall.SIGKILL, state.Sys().(syscall.WaitStatus).Signal())
	}
	var subreaper int32
	syscall.RawSyscall(syscall.SYS_PRCTL, prGetChildSubreaper, uintptr(unsafe.Pointer(&subreaper)), 0)
	require.Zero(t, subreaper, "after the guide the program adopts no more")
}
