package attacks

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/internal/labtest"
	"jocker/internal/ocitest"
)

// attacks are all attacks; which CVE each stands for, its function says as well.
var attacks = []struct {
	name string
	make func(*arena) (loot string)
}{
	{"CVE-2019-5736 overwrite the runtime", overwriteRuntime},
	{"CVE-2024-21626 work in a leaked directory", workOutside},
	{"CVE-2024-21626 exec into a leaked directory", execOutside},
	{"CVE-2024-21626 run a leaked program", runOutside},
	{"CVE-2016-9962 look into a process that enters", lookIntoExec},
	{"CVE-2021-30465 CVE-2024-45310 a mount's target becomes a link", targetBecomesLink},
	{"CVE-2026-41579 CVE-2026-47766 dev is a link", devIsLink},
	{"CVE-2026-41579 CVE-2026-47766 dev becomes a link", devBecomesLink},
	{"CVE-2019-16884 CVE-2025-52881 something else on proc", fakeProc},
	{"CVE-2019-19921 CVE-2023-27561 CVE-2023-28642 proc is a link", procIsLink},
	{"CVE-2019-19921 CVE-2023-27561 proc becomes a link", procBecomesLink},
	{"CVE-2025-52881 the image has a proc", imageProc},
	{"CVE-2025-31133 null is a link", nullIsLink},
	{"CVE-2025-31133 null becomes a link", nullBecomesLink},
	{"CVE-2025-52565 the console becomes a link", consoleBecomesLink},
	{"CVE-2022-29162 inherit capabilities", inheritCapabilities},
	{"CVE-2026-30892 a user that is read as root", misreadUser},
	{"CVE-2020-15257 sockets without a path", abstractSockets},
	{"a device in the image", imageDevice},
}

func TestAttacks(t *testing.T) {
	for _, attack := range attacks {
		t.Run(attack.name, func(t *testing.T) {
			labtest.Snapshot(t)
			require.Empty(t, attack.make(newArena(t)), "what the attacker got")
		})
	}
}

// attackers are programs that attack from within a container. They are this test binary, told by an environment variable.
var attackers = map[string]func(){"overwrite": overwriter, "look": looker, "sockets": socketFinder}

const attackerEnv = "ATTACKER"

func TestMain(m *testing.M) {
	if name := os.Getenv(attackerEnv); name != "" {
		attackers[name]()
		return
	}
	labtest.Main(m)
}

// secret is in a file of the host's, which no container has been given.
const secret = "the host's secret"

// An arena is where an attack takes place.
type arena struct {
	t       *testing.T
	runtime ocitest.Runtime
	outside string // a directory of the host's that no container has been given, with secret in the file secret
	rounds  int    // how often to try what is a matter of luck
}

func newArena(t *testing.T) *arena {
	a := &arena{t: t, runtime: ocitest.UnderTest(t), outside: t.TempDir(), rounds: 10}
	if os.Getenv("LABTEST_FULL") != "" {
		a.rounds = 300
	}
	require.NoError(t, os.WriteFile(filepath.Join(a.outside, "secret"), []byte(secret), 0o644))
	return a
}

// bundle makes a bundle whose container runs a shell line.
func (a *arena) bundle(line string, edit func(s *specs.Spec)) (dir, root string) {
	a.t.Helper()
	dir = ocitest.NewBundle(a.t, func(s *specs.Spec) {
		s.Process.Args = []string{"sh", "-c", line}
		s.Root.Readonly = false
		if edit != nil {
			edit(s)
		}
	})
	return dir, filepath.Join(dir, "rootfs")
}

// attacker is an edit that makes the container's program one of the attackers.
func attacker(name string) func(*specs.Spec) {
	return func(s *specs.Spec) {
		self, err := os.Executable()
		if err != nil {
			panic(err)
		}
		s.Process.Args = []string{"/attacker"}
		s.Process.Env = append(s.Process.Env, attackerEnv+"="+name)
		s.Mounts = append(s.Mounts, bind(self, "/attacker"))
	}
}

// inside starts a container that stays, and returns its id.
func (a *arena) inside(bundle string) (id string) {
	id = "victim"
	ok(a.t, a.runtime.Create(a.t, id, bundle))
	ok(a.t, a.runtime.Run(a.t, "start", id))
	return id
}

// leaky is a command of the runtime, called by somebody who has left directories of the host's open, without close-on-exec: at 3 to 9.
func (a *arena) leaky(args ...string) labtest.Cmd {
	c := a.runtime.Cmd(args...)
	open := "exec "
	for fd := 3; fd <= 9; fd++ {
		open += fmt.Sprintf(`%d<"$0" `, fd)
	}
	c.Args = append([]string{"sh", "-c", open + `; exec "$@"`, a.outside}, c.Args...)
	return c
}

// racing makes tries while another container, which shares a volume, exchanges two files as fast as it can; it ends at the
// first loot. At least one try must have made its container, or nothing was tried at all.
func (a *arena) racing(x, y string, try func() (ran bool, loot string)) (loot string) {
	var stop atomic.Bool
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		for !stop.Load() {
			unix.Renameat2(unix.AT_FDCWD, x, unix.AT_FDCWD, y, unix.RENAME_EXCHANGE)
		}
	}()
	defer done.Wait()
	defer stop.Store(true)
	ran, tries := 0, 0
	for ; tries < a.rounds || ran == 0 && tries < 20*a.rounds; tries++ {
		yes, loot := try()
		if loot != "" {
			return fmt.Sprintf("%s (at try %d)", loot, tries+1)
		}
		if yes {
			ran++
		}
	}
	a.t.Logf("%d tries, of which %d made their container", tries, ran)
	require.Positive(a.t, ran, "no container ran, so nothing was tried")
	return ""
}

// stolen says what there is outside that was not there before.
func (a *arena) stolen() string {
	entries, err := os.ReadDir(a.outside)
	require.NoError(a.t, err)
	for _, e := range entries {
		if e.Name() != "secret" {
			return "on the host there is a new file " + e.Name()
		}
	}
	return ""
}

func bind(source, destination string) specs.Mount {
	return specs.Mount{Source: source, Destination: destination, Type: "bind", Options: []string{"bind"}}
}

// without removes the mounts on a directory, and below it.
func without(list []specs.Mount, dir string) (rest []specs.Mount) {
	for _, m := range list {
		if m.Destination != dir && !strings.HasPrefix(m.Destination, dir+"/") {
			rest = append(rest, m)
		}
	}
	return rest
}

func ok(t *testing.T, r labtest.Result) labtest.Result {
	t.Helper()
	require.Equal(t, 0, r.Code, r)
	return r
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
}
