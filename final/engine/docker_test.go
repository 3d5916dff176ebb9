package engine

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// probe prints what a container finds in itself: rights, limits, devices, mounts, what is hidden and what can be written.
const probe = `
id; umask; pwd; hostname | wc -c; cat /proc/self/oom_score_adj
grep -E '^(Cap|Seccomp|NoNewPrivs|Groups|Cpus_allowed_list|Mems_allowed_list)' /proc/self/status
cat /proc/self/limits
env | sed 's/^HOSTNAME=.*/HOSTNAME=X/' | sort
cd /dev; for f in * pts/*; do { [ -e $f ] || [ -L $f ]; } && echo "$f: $(stat -c '%F %a %u:%g %t,%T' $f) $(readlink $f)"; done | sort
awk '{ for (i = 7; $i != "-"; i++); print "mount", $5, $6, $(i+1), $(i+3) }' /proc/self/mountinfo
for f in /proc/kcore /proc/keys /proc/timer_list /proc/scsi /proc/acpi /proc/asound /sys/firmware /proc/interrupts; do
	echo "hidden? $f: $(stat -c '%F %a' $f 2>&1) $(head -c 9 $f 2>/dev/null | wc -c) $(ls -A $f 2>/dev/null | wc -l)"
done
for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /proc/bus /proc/irq /proc/fs /sys/kernel/notes /etc/hosts /new; do
	{ [ -w $f ] || touch $f; } 2>/dev/null && echo "can write $f"
done
cat /proc/self/cgroup; ls /sys/fs/cgroup
cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range
for f in /etc/hosts /etc/hostname /etc/resolv.conf; do stat -c '%n %F %a %u:%g' $f; done; cat /etc/resolv.conf
ls -lA / | awk '{ print $1, $3, $4, $NF }' | grep -v ^total
unshare -U true; mount -t tmpfs x /tmp; unshare -n true; chown 1 /tmp; ulimit -n 2000000
awk '{ print $1 }' /proc/net/dev; ip route | awk '{ print $1, $2 }'
for f in memory/memory.limit_in_bytes pids/pids.max cpu/cpu.shares cpu/cpu.cfs_quota_us cpuset/cpuset.cpus memory.max pids.max cpu.weight cpu.max cpuset.cpus; do
	[ -e /sys/fs/cgroup/$f ] && echo "$f: $(cat /sys/fs/cgroup/$f)"
done
true`

// intended are the lines in which a container of ours differs from one of Docker 20.10, and why.
var intended = []struct{ docker, ours, why string }{
	{"-rwxr-xr-x root root .dockerenv", "", "programs that look for it ask for Docker"},
	{"hidden? /proc/interrupts: regular empty file 444 9 1", "hidden? /proc/interrupts: character special file 666 0 1",
		"it tells of keystrokes on the host; Docker hides it since 28.3"},
	{"", "mount /proc/interrupts rw,nosuid tmpfs rw,size=65536k,mode=755", "the same"},
	{"mount /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime tmpfs rw,mode=755", "mount /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime tmpfs rw,mode=755",
		"the directory above the v1 hierarchies: runc 1.1 leaves it writable"},
}

// TestLikeDocker compares a container of ours with one of Docker's in all that the probe tells.
func TestLikeDocker(t *testing.T) {
	h := newHost(t)
	docker := startDocker(t)
	file := t.TempDir() + "/busybox.tar"
	h.ok("save", "-o", file, "busybox")
	r := docker("load", "-i", file)
	require.Zero(t, r.Code, r)
	for _, options := range []string{
		"-h box",
		"-h box --network none -u 33:33 --read-only --tmpfs /scratch -w /etc -e A=b",
		"-h box --network none -m 64m --pids-limit 20 --cpus 0.5 --cpuset-cpus 0 --cap-add NET_ADMIN --cap-drop CHOWN --ulimit nofile=100:200 --security-opt no-new-privileges",
	} {
		t.Run(strings.ReplaceAll(options, " ", ""), func(t *testing.T) {
			args := append(append([]string{"run", "--rm"}, strings.Fields(options)...), "busybox", "sh", "-c", probe)
			theirs := docker(args...)
			require.Zero(t, theirs.Code, theirs)
			out, errs, code := h.run("", args...)
			require.Zero(t, code, errs)
			want := strings.Split(plain(theirs.Stdout+theirs.Stderr), "\n")
			for _, d := range intended {
				for i, line := range want {
					if d.docker != "" && line == d.docker {
						want[i] = d.ours
					}
				}
				if d.docker == "" {
					want = append(want, d.ours)
				}
			}
			require.Empty(t, cmp.Diff(set(want), set(strings.Split(plain(out+errs), "\n"))), "- docker, + jocker")
		})
	}
}

// plain takes out what differs from one container to the next, and the engines' own names.
func plain(text string) string {
	for _, r := range []struct{ pattern, instead string }{
		{`[0-9a-f]{64}`, "ID"}, {`(?m)^(mount / \w+,\w+ overlay).*`, "$1"}, {`/(docker|jocker)/ID`, "/ENGINE/ID"}, {`(?m)^WARNING: .*\n`, ""},
		{`10\.90\.0\.|172\.17\.0\.|169\.254\.`, "NET."}, {`NET\.\d+(\.\d+)?(/16)?`, "NET"}, {`(?m)^(.*) ext4 rw,.*`, "$1 DISK"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.instead)
	}
	return text
}

// set is how often each line is there: mounts come in another order.
func set(lines []string) map[string]int {
	m := map[string]int{}
	for _, l := range lines {
		if l != "" {
			m[l]++
		}
	}
	return m
}

// startDocker starts a private dockerd, in namespaces of its own, and returns the docker command.
func startDocker(t *testing.T) func(args ...string) labtest.Result {
	t.Helper()
	dir, err := os.MkdirTemp("", "jocker-docker-") // a socket's path is short
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	before, _ := filepath.Glob("/sys/fs/cgroup/*/docker")
	t.Cleanup(func() {
		if after, _ := filepath.Glob("/sys/fs/cgroup/*/docker"); len(before) == 0 {
			for _, group := range append(after, "/sys/fs/cgroup/docker") {
				syscall.Rmdir(group)
			}
		}
	})
	holder := labtest.Cmd{Args: []string{"unshare", "--net", "--mount", "--propagation", "slave",
		"sh", "-c", "ip link set lo up && echo ready && exec sleep 1000"}, Timeout: 20 * time.Minute}.Start(t)
	labtest.Until(t, "the namespaces are there", func() bool { return holder.Stdout() == "ready\n" })
	cmd := func(args ...string) labtest.Cmd {
		return labtest.Cmd{Args: append([]string{"nsenter", "--net", "--mount", "--target", strconv.Itoa(holder.Pid)}, args...),
			Env: []string{"DOCKER_CONFIG=" + dir}, Timeout: 20 * time.Minute}
	}
	daemon := func(socket string, args ...string) {
		p := cmd(args...).Start(t)
		t.Cleanup(func() {
			p.Signal(syscall.SIGTERM)
			p.Wait()
		})
		labtest.Until(t, args[0]+" serves", func() bool {
			_, err := os.Stat(socket)
			require.False(t, p.Ended() && err != nil, "%s ended; apt-get install docker.io, if it is not there", args[0])
			return err == nil
		})
	}
	config := "version = 2\nroot = \"" + dir + "/c\"\nstate = \"" + dir + "/cs\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = \"" + dir + "/c.sock\"\n"
	require.NoError(t, os.WriteFile(dir+"/c.toml", []byte(config), 0o644))
	daemon(dir+"/c.sock", "containerd", "--log-level", "error", "--config", dir+"/c.toml")
	daemon(dir+"/d.sock", "dockerd", "--log-level", "error", "--host", "unix://"+dir+"/d.sock", "--containerd", dir+"/c.sock", "--data-root", dir+"/d",
		"--exec-root", dir+"/de", "--pidfile", dir+"/d.pid", "--exec-opt", "native.cgroupdriver=cgroupfs")
	docker := func(args ...string) labtest.Result {
		return cmd(append([]string{"docker", "--host", "unix://" + dir + "/d.sock"}, args...)...).Run(t)
	}
	labtest.Until(t, "dockerd answers", func() bool { return docker("version").Code == 0 })
	return docker
}
