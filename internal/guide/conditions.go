package guide

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// conditions are the words after "console" that tell on which machines a block is played, each with what it needs.
var conditions = map[string]struct {
	needs string
	holds func() bool
}{
	"v1":     {"the memory controller on cgroup v1", func() bool { return !memoryOnV2("/proc/self/mountinfo") }},
	"v2":     {"the memory controller on cgroup v2", func() bool { return memoryOnV2("/proc/self/mountinfo") }},
	"swap":   {"swap", func() bool { return swapOn("/proc/swaps") }},
	"noswap": {"a machine without swap", func() bool { return !swapOn("/proc/swaps") }},
	"userns": {"user namespaces for ordinary users", func() bool { return ordinaryUsers("/proc/sys") }},
}

// exclude are pairs of conditions that never hold together.
var exclude = [][2]string{{"v1", "v2"}, {"swap", "noswap"}}

// parseInfo reads the words after "console" into the block.
func (b *Block) parseInfo(words []string, bad func(line int, format string, args ...any)) {
	has := map[string]bool{}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		_, isCondition := conditions[word]
		switch {
		case has[name]:
			bad(b.Number, "%q stands here twice", name)
		case isCondition:
			b.Needs = append(b.Needs, word)
		case word == "columns":
			b.columns = true
		case word == "undo":
			b.undo = true
		case name == "slow":
			limit, err := time.ParseDuration(value)
			if err != nil || limit <= 0 {
				bad(b.Number, "%q is no time limit: write it like slow=30s or slow=2m", word)
			}
			b.Limit = limit
		default:
			bad(b.Number, "unknown word %q after console: known are %s, columns, undo and slow=30s", word, conditionNames())
		}
		has[name] = true
	}
	for _, pair := range exclude {
		if has[pair[0]] && has[pair[1]] {
			bad(b.Number, "%s and %s never hold together, so this block would never be played", pair[0], pair[1])
		}
	}
}

// unmet returns what the block needs and the machine lacks, or "".
func (b *Block) unmet() string {
	for _, name := range b.Needs {
		if c := conditions[name]; !c.holds() {
			return c.needs
		}
	}
	return ""
}

func conditionNames() string {
	var names []string
	for name := range conditions {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// memoryOnV2 tells whether a mounted cgroup2 hierarchy offers the memory controller. On a hybrid machine the
// hierarchy is there, but without it.
func memoryOnV2(mountinfo string) bool {
	text, err := os.ReadFile(mountinfo)
	if err != nil {
		return false
	}
	for _, line := range strings.Split(string(text), "\n") {
		mount, kind, _ := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		if !strings.HasPrefix(kind, "cgroup2 ") || len(fields) < 5 {
			continue
		}
		point := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4])
		controllers, err := os.ReadFile(filepath.Join(point, "cgroup.controllers"))
		if err != nil {
			continue
		}
		for _, name := range strings.Fields(string(controllers)) {
			if name == "memory" {
				return true
			}
		}
	}
	return false
}

// swapOn tells whether the kernel lists a swap area.
func swapOn(swaps string) bool {
	text, _ := os.ReadFile(swaps)
	return strings.Count(strings.TrimSpace(string(text)), "\n") > 0
}

// ordinaryUsers tells whether users without rights may make user namespaces that are good for something. Kernels know up to
// three settings that forbid it: Linux's own, Ubuntu's (AppArmor) and Debian's.
func ordinaryUsers(sysctls string) bool {
	for name, forbids := range map[string]string{
		"user/max_user_namespaces":                     "0",
		"kernel/apparmor_restrict_unprivileged_userns": "1",
		"kernel/unprivileged_userns_clone":             "0",
	} {
		text, err := os.ReadFile(filepath.Join(sysctls, name))
		if err == nil && strings.TrimSpace(string(text)) == forbids {
			return false
		}
	}
	return true
}
