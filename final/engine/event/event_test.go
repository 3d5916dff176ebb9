package event

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestLine(t *testing.T) {
	e := Event{time.Unix(1, 5).UTC(), "container", "health_status: healthy", "4f", Pairs("name", "web", "a b", "x\n\"=", "n", "")}
	got, ok := parse(string(e.line()[:len(e.line())-1]))
	require.True(t, ok)
	require.Empty(t, cmp.Diff(e, got))
}

// Ten write while one looks on; the file is rotated several times, and each event arrives once.
func TestFollowThroughRotation(t *testing.T) {
	log := Log(t.TempDir() + "/events")
	const writers, each = 10, 100
	long := strings.Repeat("x", 4000)
	begun := time.Now()
	var group sync.WaitGroup
	var written, read atomic.Int64
	for w := 0; w < writers; w++ {
		group.Add(1)
		go func(w int) {
			defer group.Done()
			for i := 0; i < each; i++ {
				for written.Load()-read.Load() > 200 { // two files are kept, so a reader can't be left behind further than that
					time.Sleep(time.Millisecond)
				}
				written.Add(1)
				if err := log.Append(Event{Type: "container", Action: "start", ID: fmt.Sprint(w, "-", i), Attributes: Pairs("x", long)}); err != nil {
					t.Error(err)
				}
			}
		}(w)
	}
	seen := map[string]int{}
	err := log.Read(begun, begun.Add(20*time.Second), func(e Event) bool {
		seen[e.ID]++
		read.Store(int64(len(seen)))
		return len(seen) < writers*each
	})
	group.Wait()
	require.NoError(t, err)
	require.Equal(t, writers*each, len(seen))
	for id, n := range seen {
		require.Equal(t, 1, n, id)
	}
	_, err = os.Stat(string(log) + ".1")
	require.NoError(t, err, "the log was rotated")
}

func TestUntil(t *testing.T) {
	log := Log(t.TempDir() + "/events")
	require.NoError(t, log.Append(Event{Type: "image", Action: "pull", ID: "1"}))
	var got []string
	begun := time.Now()
	require.NoError(t, log.Read(begun.Add(-time.Minute), begun.Add(50*time.Millisecond), func(e Event) bool { got = append(got, e.ID); return true }))
	require.Equal(t, []string{"1"}, got)
	require.WithinDuration(t, begun, time.Now(), 2*time.Second)
}

func FuzzParse(f *testing.F) {
	f.Add(`2026-11-25T14:32:21.123456789Z container start 4f5e image="busybox" "a b"="\n"`)
	f.Add(`2026-11-25T14:32:21Z image pull x `)
	f.Fuzz(func(t *testing.T, line string) {
		e, ok := parse(line)
		if !ok {
			return
		}
		again, ok := parse(string(e.line()[:len(e.line())-1]))
		if ok && len(again.Attributes) == len(e.Attributes) && again.Action != e.Action {
			t.Fatalf("%q and %q", e.Action, again.Action)
		}
	})
}
