package differential

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jocker/internal/labtest"
	"jocker/internal/ocitest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// look is run in the container after each trial's own script. A section begins with "#" and its name.
const look = `
for f in mountinfo status limits cgroup; do echo "#$f"; cat /proc/self/$f; done
echo "#files"
for f in memory.limit_in_bytes memory.soft_limit_in_bytes memory.memsw.limit_in_bytes memory.swappiness memory.oom_control \
	cpu.shares cpu.cfs_quota_us cpu.cfs_period_us cpu.idle cpuset.cpus cpuset.mems pids.max blkio.weight \
	blkio.throttle.read_bps_device blkio.throttle.write_iops_device devices.list freezer.state \
	memory.max memory.low memory.high memory.swap.max cpu.max cpu.weight io.weight io.max
do
	for p in /sys/fs/cgroup/$f /sys/fs/cgroup/*/$f; do [ ! -e $p ] || cat $p 2>&1 | sed "s,^,$f: ,"; done
done`

// An observation is what a container looked like.
type observation []line

// A line is text with its section in front: "status: Umask: 0022". It has a method Equal so that cmp.Diff shows it whole.
type line string

func (l line) Equal(other line) bool { return l == other }

// observe turns the output of a container into an observation.
func observe(r labtest.Result, bundle string) observation {
	seen := observation{line(fmt.Sprintf("code: %d", r.Code))}
	var devices observation
	section := "output"
	for _, text := range strings.Split(strings.TrimSuffix(r.Stdout, "\n"), "\n") {
		if name, ok := strings.CutPrefix(text, "#"); ok {
			section = name
			continue
		}
		text = strings.ReplaceAll(text, bundle, "BUNDLE")
		switch section {
		case "mountinfo":
			text = normaliseMount(text)
		case "files":
			if strings.HasPrefix(text, "devices.list: ") { // a set: the kernel lists what was allowed first, first
				devices = append(devices, line("files: "+text))
				continue
			}
		case "status":
			if private.MatchString(text) {
				continue
			}
		}
		seen = append(seen, line(section+": "+text))
	}
	slices.Sort(devices)
	return append(seen, devices...)
}

// private are the lines of /proc/self/status that are about this one process or about the machine at this moment.
var private = regexp.MustCompile(`^(Pid|Tgid|PPid|NSpid|NStgid|NSpgid|NSsid|Vm\w+|Rss\w+|HugetlbPages|SigQ|FDSize|(non)?voluntary_ctxt_switches):`)

var peerGroup = regexp.MustCompile(`(shared|master|propagate_from):\d+`)

// normaliseMount keeps of a line of mountinfo what has a meaning outside of its kernel: not the numbers of mounts,
// devices and peer groups.
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//	           /mnt1 /mnt2 rw,noatime master:N - ext3 /dev/root rw,errors=continue
func normaliseMount(line string) string {
	fields := strings.Fields(line)
	if len(fields) < 4 {
		return line
	}
	return peerGroup.ReplaceAllString(strings.Join(fields[3:], " "), "$1:N")
}

// compare fails the test if our container looked different from a peer's, apart from what is intended.
func compare(t *testing.T, ours observation, peer ocitest.Runtime, theirs observation) {
	t.Helper()
	if ours[0] != theirs[0] {
		if !slices.ContainsFunc(intended, func(d difference) bool { return d.matches(t.Name(), peer.Name, ours[0]) }) {
			t.Errorf("%s, but %s: %s", ours[0], peer.Name, theirs[0])
		}
		return // to compare something with nothing says no more
	}
	ours, theirs = without(ours, t.Name(), peer.Name), without(theirs, t.Name(), peer.Name)
	if d := cmp.Diff(theirs, ours); d != "" {
		t.Errorf("(- %s, + ours)\n%s", peer.Name, d)
	}
}

// without leaves out what may differ.
func without(o observation, trial, peer string) (kept observation) {
	for _, l := range o {
		drop := false
		for _, d := range intended {
			if !d.matches(trial, peer, l) {
				continue
			}
			if m := d.line.FindStringSubmatchIndex(string(l)); len(m) > 2 {
				l = l[:m[2]] + l[m[3]:]
			} else {
				drop = true
			}
		}
		if !drop {
			kept = append(kept, l)
		}
	}
	return kept
}
