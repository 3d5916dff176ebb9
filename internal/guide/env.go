package guide

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// slowly stretches a time limit on machines that are emulated.
func slowly(d time.Duration) time.Duration {
	if os.Getenv("LAB_SLOW") == "1" {
		return 10 * d
	}
	return d
}

// environment is what a guide's bash gets: little, so that a guide plays alike for everybody. First on the PATH are
// the built labs and then, if it isn't empty, the folder with the stand-ins.
func environment(bin, standIns string) []string {
	folders := []string{}
	for _, dir := range append([]string{bin, standIns}, filepath.SplitList(os.Getenv("PATH"))...) {
		if dir != "" {
			folders = append(folders, dir)
		}
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"} {
		if !contains(folders, dir) {
			folders = append(folders, dir)
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/"
	}
	env := []string{
		"PATH=" + strings.Join(folders, string(filepath.ListSeparator)),
		"HOME=" + home, "LANG=C.UTF-8", "TERM=dumb", "SHELL=/bin/bash", "PAGER=cat",
	}
	for _, name := range []string{"USER", "LOGNAME", "TMPDIR", "LAB_SLOW"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// standIn makes a folder with a link "stress" to lab01, which does the work of stress when it is called so, if the
// guide uses stress and the machine has none. It returns the folder, or "", and what to tell the reader.
func standIn(g *Guide, bin string) (dir, note string, err error) {
	if _, err := exec.LookPath("stress"); err == nil || !g.uses("stress") {
		return "", "", nil
	}
	lab01 := filepath.Join(bin, "lab01")
	if _, err := os.Stat(lab01); err != nil {
		return "", "", fmt.Errorf("the guide needs stress, or lab01 in its place: %w: install stress (apt-get install -y stress) or build the labs (make build)", err)
	}
	if dir, err = os.MkdirTemp("", "lab-play-"); err == nil {
		err = os.Symlink(lab01, filepath.Join(dir, "stress"))
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", "", fmt.Errorf("put lab01 in the place of stress: %w", err)
	}
	return dir, "stress is not installed: lab01's built-in load takes its place", nil
}

// uses tells whether a command of the guide contains the word.
func (g *Guide) uses(word string) bool {
	for _, b := range g.Blocks {
		for _, c := range b.Commands {
			if contains(strings.FieldsFunc(c.Text, func(r rune) bool { return strings.ContainsRune(" \t\n;&|()'\"", r) }), word) {
				return true
			}
		}
	}
	return false
}
