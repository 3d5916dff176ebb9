package registry

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"jocker/final/engine/image"
)

// TestPullForKill is the process that TestKilled kills.
func TestPullForKill(t *testing.T) {
	args := strings.Fields(os.Getenv("REGISTRY_PULL"))
	if len(args) == 0 {
		return
	}
	s, err := image.Open(args[0])
	require.NoError(t, err)
	require.NoError(t, Pull(context.Background(), args[1], Options{Store: s, Out: os.Stderr}))
}

// Whenever a pull is killed, here at each of its requests and in the middle of each answer, the store has the whole image or none,
// the next pull goes on, and what nobody comes back for is swept.
func TestKilled(t *testing.T) {
	f := newFake(t)
	content := noise(200 << 10)
	f.addImage(arch, plain, [][]byte{archive("a", content), archive("b", content)}, "latest")
	var stop atomic.Int64 // the number of the request at which it is to be killed
	var count atomic.Int64
	reached := make(chan struct{}, 100)
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if count.Add(1) != stop.Load() {
			return false
		}
		if strings.Contains(r.URL.Path, "/blobs/") {
			w.Write(f.blobs[digest.Digest(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])][:100])
			w.(http.Flusher).Flush()
			time.Sleep(30 * time.Millisecond)
		}
		reached <- struct{}{}
		<-r.Context().Done()
		return true
	}
	name := f.host() + "/app"
	for n := int64(1); n <= 5; n++ {
		s := newStore(t)
		count.Store(0)
		stop.Store(n)
		cmd := exec.Command("/proc/self/exe", "-test.run", "TestPullForKill$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("REGISTRY_PULL=%s %s", s.Root, name))
		require.NoError(t, cmd.Start())
		select {
		case <-reached:
		case <-time.After(20 * time.Second):
			t.Fatal("it does not ask")
		}
		require.NoError(t, cmd.Process.Kill())
		cmd.Wait()
		list, err := s.List()
		require.NoError(t, err)
		require.Empty(t, list, "nothing is an image before all of it is there")
		stop.Store(-1)
		if n%2 == 0 {
			_, _, err := s.Sweep(func() ([]digest.Digest, error) { return nil, nil })
			require.NoError(t, err)
			requireEmpty(t, s, 0)
		}
		_, err = pull(t, s, name)
		require.NoError(t, err)
		img, err := s.Find(name)
		require.NoError(t, err)
		requireContent(t, s, img, 0, "a", content)
		requireContent(t, s, img, 1, "b", content)
	}
}
