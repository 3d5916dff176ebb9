package labtest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// settleTime is how long the kernel may take for what it does later. The tests of this package are less patient.
var settleTime = 3 * time.Second

// Snapshot promises that the test leaves the host as it found it. Call it first:
//
//	labtest.Snapshot(t)
//
// It takes a picture of the host now and another when the test is over, after everything that the test itself
// cleans up. If the two still differ after three seconds, the test fails and shows the difference. These may differ:
//   - processes that ran before may have ended, cgroups and files in /tmp may have gone: a lab removes what an earlier
//     run left behind when it was killed;
//   - a controller may have been enabled in the root cgroup of v2, the one lasting change of a lab, which announces it;
//   - a cgroup may have come that holds processes of others, for we aren't alone on the machine.
func Snapshot(t testing.TB) {
	t.Helper()
	if supervisor == 0 {
		t.Fatalf("labtest: %v", errNoMain)
	}
	os.Getenv("LABTEST_PROPAGATION") // read by Main, too early for go's test cache to notice: now it does
	before := look()
	t.Cleanup(func() {
		var difference string
		poll(Scale(settleTime), func() bool {
			difference = diff(before, look())
			return difference == ""
		})
		if difference != "" {
			t.Errorf("labtest: the host is not as it was before the test (- before, + after):\n%s", difference)
		}
	})
}

// host is what must be the same before and after a test. Keys and values are chosen for the reader of a difference.
type host struct {
	Mounts      []mount             // the mount table that the tests see, with each mount's propagation
	Hostname    string              // as uname(2) says
	Domainname  string              // the NIS one; it is in the same namespace
	Cgroups     map[string][]string // mount point of a hierarchy: its top-level cgroups
	Hierarchies []string            // /proc/self/cgroup: those with and without controllers, and where we are in them
	Subtree     map[string][]string // mount point of a v2 hierarchy: controllers enabled below its root
	Links       []string            // network links
	Nftables    []string            // tables, if nft is installed
	Processes   map[started]string  // what descends from the tests: nothing may stay
	Files       map[string]string   // sentinels that a stray write or RemoveAll would hit, and /etc/hosts and friends
	Modes       map[string]string   // type, permissions and owner of what everybody on the host needs
	Folders     map[string][]string // names in /, those in /tmp that look like a lab's, containers of the labs
	Proc        string              // what is at /proc
}

// started names a process for good: a pid is used again some day, but not at the same time.
type started struct {
	Pid   int
	Start string
}

// diff compares two pictures, with the allowances that Snapshot names. Equal pictures give "".
func diff(before, after host) string {
	after.Processes = maps.Clone(after.Processes)
	for p := range before.Processes {
		delete(after.Processes, p)
	}
	before.Processes = nil

	before.Cgroups = filter(before.Cgroups, func(top, name string) bool {
		return slices.Contains(after.Cgroups[top], name)
	})
	after.Cgroups = filter(after.Cgroups, func(top, name string) bool {
		return slices.Contains(before.Cgroups[top], name) || !strangersIn(filepath.Join(top, name))
	})
	after.Subtree = filter(after.Subtree, func(dir, controller string) bool {
		return slices.Contains(before.Subtree[dir], controller)
	})
	before.Folders = filter(before.Folders, func(dir, name string) bool {
		return dir != "/tmp" || slices.Contains(after.Folders[dir], name)
	})
	return cmp.Diff(before, after, cmpopts.EquateEmpty())
}

// filter returns the lists with those of their names that are to be kept.
func filter(lists map[string][]string, keep func(key, name string) bool) map[string][]string {
	kept := map[string][]string{}
	for key, names := range lists {
		kept[key] = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !keep(key, name) })
	}
	return kept
}
