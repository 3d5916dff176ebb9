package engines

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
	"jocker/internal/ocitest"
	"jocker/internal/peers"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// engines are running engines, and their folder.
type engines struct {
	*peers.Peers
	runtime string // the runtime under test, as a path
}

func start(t *testing.T) *engines {
	t.Helper()
	return &engines{peers.Start(t), ocitest.UnderTest(t).Path}
}

// dockerd starts dockerd, whose containers then are run by the runtime under test unless they name another.
func (e *engines) dockerd(t *testing.T, options ...string) {
	t.Helper()
	e.Containerd(t)
	e.Dockerd(t, append(options, "--add-runtime", "ours="+e.runtime, "--default-runtime", "ours")...)
	ok(t, e.Docker(t, "import", "--change", "CMD [\"/bin/sh\"]", e.Busybox(t), "busybox"))
}

// run is docker run --rm: --network none saves half of the time, and options may say otherwise.
func (e *engines) run(t *testing.T, args ...string) labtest.Result {
	t.Helper()
	return e.Docker(t, append([]string{"run", "--rm", "--network", "none"}, args...)...)
}

// background is docker run --detach; the container goes with the test.
func (e *engines) background(t *testing.T, args ...string) (id string) {
	t.Helper()
	r := ok(t, e.Docker(t, append([]string{"run", "--detach", "--network", "none"}, args...)...))
	id = strings.TrimSpace(r.Stdout)
	t.Cleanup(func() { e.Docker(t, "rm", "--force", "--volumes", id) })
	return id
}

// inspect returns a field of docker inspect, as text.
func (e *engines) inspect(t *testing.T, id, field string) string {
	t.Helper()
	return strings.TrimSpace(ok(t, e.Docker(t, "inspect", "--format", "{{"+field+"}}", id)).Stdout)
}

// resize gives our end of a terminal a size, and waits for it to arrive at the other one. It is given again and again,
// for a client may have looked at the old size and not yet be listening for a new one.
func resize(t *testing.T, s *labtest.Session) {
	t.Helper()
	labtest.Until(t, "the container's terminal has the new size", func() bool {
		s.Resize(24, 80)
		s.Resize(33, 101)
		time.Sleep(20 * time.Millisecond)
		s.Send("stty size\n")
		return s.ExpectRegexp(`\n(\d+ \d+)\n`)[1] == "33 101"
	})
}

func ok(t *testing.T, r labtest.Result) labtest.Result {
	t.Helper()
	require.Equal(t, 0, r.Code, r)
	return r
}

// full says whether there is time.
func full() bool { return os.Getenv("LABTEST_FULL") != "" }
