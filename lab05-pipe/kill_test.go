package main

import (
	"os"
	"path/filepath"
	"testing"

	"jocker/internal/labtest"

	"github.com/google/go-cmp/cmp"
)

// TestKillAtEverySyscall: at whatever moment the lab dies, nothing stays. The kernel ends the container, and the
// guards remove the cgroups.
func TestKillAtEverySyscall(t *testing.T) {
	begin(t)
	before := cgroups()
	labtest.KillAtEverySyscall(t, moments(30), command(t, "-m 100m -cpuset 1 -cpushare 512", "true"), func() {
		if diff := cmp.Diff(before, cgroups()); diff != "" {
			t.Errorf("the guard left a cgroup:\n%s", diff)
		}
	})
}

// moments are so many, spread over the whole run; with LABTEST_FULL all of them.
func moments(most int) labtest.Sweep {
	if os.Getenv("LABTEST_FULL") != "" {
		return labtest.Sweep{}
	}
	return labtest.Sweep{Max: most}
}

// cgroups lists the cgroups of this lab, whoever runs it.
func cgroups() (dirs []string) {
	for _, controller := range []string{"memory", "cpu", "cpuset"} {
		root, _ := labtest.Hierarchy(controller)
		found, _ := filepath.Glob(filepath.Join(root, lab+"-*"))
		dirs = append(dirs, found...)
	}
	return dirs
}
