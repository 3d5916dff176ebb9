//lint:file-ignore SA1019 what the specification advises against still has to work

package differential

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
	"jocker/internal/ocitest"
)

// A scene is a series of commands; ID and BUNDLE stand for the container's. It is compared what each printed and how it
// ended. Words that begin with "?" are ours: "?until stopped" waits for a status, "?look" shows what the container wrote.
type scene struct {
	name  string
	edit  func(*specs.Spec)
	steps []string
}

var sleeper = args("sleep", "60")

// trapper writes the names of the signals that it gets.
var trapper = args("sh", "-c", "for s in HUP INT USR1 TERM WINCH; do trap \"echo got $s\" $s; done; echo ready; for i in $(seq 300); do sleep 0.1; done")

var scenes = []scene{
	{name: "life", edit: args("echo", "hello"), steps: []string{
		"create --bundle BUNDLE ID", "state ID", "start ID", "?until stopped", "?look", "state ID", "delete ID", "state ID", "delete ID"}},
	{name: "forced", edit: sleeper, steps: []string{
		"create --bundle BUNDLE ID", "start ID", "state ID", "delete ID", "delete --force ID", "state ID", "delete --force ID"}},
	{name: "never-started", edit: sleeper, steps: []string{"create --bundle BUNDLE ID", "delete ID", "kill ID KILL", "start ID"}},
	{name: "never-started-forced", edit: sleeper, steps: []string{"create --bundle BUNDLE ID", "delete --force ID"}},
	{name: "twice", edit: sleeper, steps: []string{"create --bundle BUNDLE ID", "create --bundle BUNDLE ID", "start ID", "start ID", "delete --force ID"}},
	{name: "nobody", steps: []string{"start ID", "state ID", "kill ID", "delete ID", "pause ID", "resume ID", "exec ID true", "ps ID"}},
	{name: "bad-id", edit: sleeper, steps: []string{"create --bundle BUNDLE ../x", "create --bundle BUNDLE a/b", "create --bundle BUNDLE ..", "create --bundle BUNDLE"}},
	{name: "no-bundle", steps: []string{"create --bundle /no/such/bundle ID", "state ID"}},
	{name: "stopped", edit: args("true"), steps: []string{
		"create --bundle BUNDLE ID", "start ID", "?until stopped", "start ID", "kill ID KILL", "exec ID true", "pause ID", "ps ID", "delete ID"}},
	{name: "signals", edit: trapper, steps: []string{
		"create --bundle BUNDLE ID", "start ID", "?wrote ready", "kill ID", "?wrote TERM", "kill ID SIGHUP", "?wrote HUP", "kill ID USR1", "?wrote USR1", "kill ID 2", "?wrote INT",
		"kill ID NOSUCH", "kill ID 99", "kill ID KILL", "?until stopped", "delete ID"}},
	{name: "kill-all", edit: args("sh", "-c", "sleep 50 & sleep 51 & wait"), steps: []string{
		"create --bundle BUNDLE ID", "start ID", "kill --all ID KILL", "?until stopped", "delete ID"}},
	{name: "kill-all-shared-pid", edit: all(args("sh", "-c", "sleep 50 & sleep 51 & wait"), leaveOut(specs.PIDNamespace)), steps: []string{
		"create --bundle BUNDLE ID", "start ID", "kill --all ID KILL", "?until stopped", "delete ID"}},
	{name: "pause", edit: sleeper, steps: []string{
		"create --bundle BUNDLE ID", "start ID", "pause ID", "state ID", "pause ID", "resume ID", "state ID", "resume ID", "kill ID KILL", "?until stopped", "delete ID"}},
	{name: "pause-delete", edit: sleeper, steps: []string{"create --bundle BUNDLE ID", "start ID", "pause ID", "delete --force ID", "state ID"}},
	{name: "list", edit: sleeper, steps: []string{"list -q", "create --bundle BUNDLE ID", "list -q", "list --format json", "delete --force ID", "list -q"}},
	{name: "ps", edit: sleeper, steps: []string{"create --bundle BUNDLE ID", "start ID", "ps --format json ID", "delete --force ID"}},
	{name: "update", edit: sleeper, steps: []string{
		"create --bundle BUNDLE ID", "start ID", "update --pids-limit 33 --memory 67108864 --memory-reservation 33554432 --cpu-share 200 --cpu-quota 30000 --cpu-period 60000 --cpuset-cpus 0 ID",
		"exec ID sh -c LOOK-FILES", "update --memory nonsense ID", "delete --force ID"}},
	{name: "update-units", edit: sleeper, steps: []string{
		"create --bundle BUNDLE ID", "start ID", "update --memory 64M --memory-reservation 8192k --memory-swap 1.5g ID", "exec ID sh -c LOOK-FILES", "delete --force ID"}},
	{name: "pid-file", edit: sleeper, steps: []string{"create --bundle BUNDLE --pid-file BUNDLE/pid ID", "?pid-file", "delete --force ID"}},
	{name: "detached", edit: args("sleep", "60"), steps: []string{"?detached run", "state ID", "delete --force ID"}},
	{name: "keep", edit: args("true"), steps: []string{"run --keep --bundle BUNDLE ID", "state ID", "delete ID"}},
	{name: "unknown", steps: []string{"no-such-command", "state", "state ID ID", "create --no-such-flag ID"}},
	{name: "hooks", edit: func(s *specs.Spec) {
		hook := func(name string) []specs.Hook {
			return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "cat >HOOK-" + name + " && echo " + name + " $MARK >>HOOKS"}, Env: []string{"PATH=/bin:/usr/bin", "MARK=m"}}}
		}
		s.Process.Args = []string{"true"}
		s.Hooks = &specs.Hooks{Prestart: hook("prestart"), CreateRuntime: hook("createRuntime"), CreateContainer: hook("createContainer"), Poststart: hook("poststart"), Poststop: hook("poststop")}
	}, steps: []string{"create --bundle BUNDLE ID", "?hooks", "start ID", "?until stopped", "?hooks", "delete ID", "?hooks"}},
	{name: "hook-fails", edit: func(s *specs.Spec) { s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/false"}}} }, steps: []string{"create --bundle BUNDLE ID", "state ID"}},
	{name: "hook-poststop-fails", edit: func(s *specs.Spec) {
		s.Process.Args = []string{"true"}
		write := specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", "cat >HOOK-after && echo after >>HOOKS"}, Env: []string{"PATH=/bin:/usr/bin"}}
		s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/false"}, write}}
	}, steps: []string{"create --bundle BUNDLE ID", "start ID", "?until stopped", "delete ID", "?hooks", "state ID"}},
	{name: "hook-start-fails", edit: func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/false"}}}
	}, steps: []string{"create --bundle BUNDLE ID", "start ID", "?until stopped", "delete ID"}},
}

// TestCommands plays the scenes.
func TestCommands(t *testing.T) {
	labtest.Snapshot(t)
	t.Run("scenes", func(t *testing.T) {
		for _, s := range scenes {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				runtimes := []ocitest.Runtime{ocitest.UnderTest(t), ocitest.Runc(t), ocitest.Crun(t)} // each scene has its own list
				seen := make([]observation, len(runtimes))
				for i, r := range runtimes {
					seen[i] = s.play(t, r)
				}
				compare(t, seen[0], runtimes[1], seen[1])
				compare(t, seen[0], runtimes[2], seen[2])
			})
		}
	})
}

func (s scene) play(t *testing.T, r ocitest.Runtime) (seen observation) {
	id := "trial-scene-" + s.name
	bundle := ocitest.NewBundle(t, func(spec *specs.Spec) {
		if s.edit != nil {
			s.edit(spec)
		}
	})
	if raw, err := os.ReadFile(bundle + "/config.json"); err == nil { // hooks write into the bundle
		text := strings.ReplaceAll(strings.ReplaceAll(string(raw), "HOOKS", bundle+"/hooks"), "HOOK-", bundle+"/hook-")
		require.NoError(t, os.WriteFile(bundle+"/config.json", []byte(text), 0o644))
	}
	defer r.Delete(t, id)
	for n, step := range s.steps {
		words := strings.Fields(step)
		for i, w := range words {
			w = strings.ReplaceAll(w, "BUNDLE", bundle)
			if w == "ID" {
				w = id
			} else if w == "LOOK-FILES" {
				w = "echo '#files'" + look[strings.LastIndex(look, "\nfor"):]
			}
			words[i] = w
		}
		lines := observation{line(fmt.Sprintf("code: %d", 0))}
		switch verb, rest, _ := strings.Cut(step, " "); {
		case verb == "?until":
			labtest.Until(t, r.Name+": "+id+" is "+rest, func() bool { return status(t, r, id) == rest })
		case verb == "?wrote":
			labtest.Until(t, r.Name+": "+id+" writes "+rest, func() bool { out, _ := ocitest.Output(t, bundle); return strings.Contains(out, rest) })
		case verb == "?look":
			out, _ := ocitest.Output(t, bundle)
			lines = append(lines, line("wrote: "+out))
		case verb == "?hooks":
			lines = append(lines, hooks(t, bundle)...)
		case verb == "?pid-file":
			raw, err := os.ReadFile(bundle + "/pid")
			require.NoError(t, err)
			lines = append(lines, line(fmt.Sprintf("pid-file: ends in a newline: %v, is a number: %v", strings.HasSuffix(string(raw), "\n"), regexp.MustCompile(`^\d+\s*$`).Match(raw))))
		case strings.HasPrefix(step, "create --bundle BUNDLE ") && slices.Contains(words, id):
			lines = observe(r.Create(t, id, bundle, words[3:len(words)-1]...), bundle)
		case verb == "?detached":
			c := r.Cmd("run", "--detach", "--bundle", bundle, id)
			c.Args = append([]string{"sh", "-c", `cd "$0" && : >stdin && exec "$@" <stdin >stdout 2>stderr`, bundle}, c.Args...)
			lines = observe(c.Run(t), bundle)
		case verb == "list" || verb == "state" && len(words) == 2 || verb == "ps":
			result := r.Run(t, words...)
			result.Stdout = normaliseJSON(result.Stdout, bundle)
			lines = observe(result, bundle)
		default:
			result := r.Run(t, words...)
			if result.Code != 0 {
				t.Logf("%s %s: %s", r.Name, step, result.Stderr)
			}
			lines = observe(result, bundle)
		}
		for _, l := range lines {
			seen = append(seen, line(fmt.Sprintf("%d %s: %s", n, step, l)))
		}
	}
	return seen
}

func status(t *testing.T, r ocitest.Runtime, id string) string {
	var s specs.State
	json.Unmarshal([]byte(r.Run(t, "state", id).Stdout), &s)
	return string(s.Status)
}

// hooks says which hooks have run, in order, and what each was told.
func hooks(t *testing.T, bundle string) (seen observation) {
	time.Sleep(50 * time.Millisecond)
	raw, _ := os.ReadFile(bundle + "/hooks")
	for _, l := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		seen = append(seen, line("hook: "+l))
		name, _, _ := strings.Cut(l, " ")
		told, _ := os.ReadFile(filepath.Join(bundle, "hook-"+name))
		seen = append(seen, line("told: "+normaliseJSON(string(told), bundle)))
	}
	return seen
}

var numbers = regexp.MustCompile(`("(?:pid|created)": ?)("[^"]*"|[1-9]\d*)`)

// normaliseJSON sorts the keys and replaces what differs from run to run.
func normaliseJSON(text, bundle string) string {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	if pids, ok := v.([]any); ok { // ps --format json: pids
		for i := range pids {
			if _, ok := pids[i].(float64); ok {
				pids[i] = "PID"
			}
		}
	}
	sorted, _ := json.Marshal(v)
	return numbers.ReplaceAllString(strings.ReplaceAll(string(sorted), bundle, "BUNDLE"), `$1"X"`)
}
