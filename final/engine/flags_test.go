package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each flag of `run` is given, and the container itself says what has become of it. %F is a scratch directory.
func TestRunFlags(t *testing.T) {
	h := newHost(t)
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	write("env", "# comment\nA=1\n\nB=two words\nFROM_US\n")
	write("labels", "x=1\ny\n")
	write("seccomp.json", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}`)
	h.env = append(h.env, "FROM_US=yes")
	h.ok("run", "-d", "--name", "other", "--network", "none", "--ipc", "shareable", "-h", "otherhost", "busybox", "sleep", "1000")
	const status = "awk '/%s/ { print $2 }' /proc/self/status"
	for _, c := range []struct{ flags, script, want string }{
		{"-e K=v -e K=w", "echo $K", "w"},
		{"--env FROM_US -e NOT_SET", "echo $FROM_US ${NOT_SET-unset}", "yes unset"},
		{"--env-file %F/env -e A=2", "echo $A $B $FROM_US", "2 two words yes"},
		{"-w /made/here", "pwd", "/made/here"},
		{"--workdir=/tmp", "pwd", "/tmp"},
		{"-u 1000:1001", "id -u; id -g", "1000\n1001"},
		{"--user www-data --group-add 44,45 --group-add 46", "id -G", "33 44 45 46"},
		{"-h box", "hostname", "box"},
		{"--hostname box --domainname example.org", "hostname; cat /etc/hostname", "box\nbox"},
		{"--add-host here:10.1.2.3 --add-host six:::1", "grep -c -e 10.1.2.3.here -e ::1.six /etc/hosts", "2"},
		{"--dns 10.9.8.7 --dns-search a.test --dns-option ndots:2", "grep -v '#' /etc/resolv.conf", "nameserver 10.9.8.7\nsearch a.test\noptions ndots:2"},
		{"-v %F:/v:ro", "cat /v/labels; touch /v/no 2>/dev/null || echo read-only", "x=1\ny\nread-only"},
		{"--volume %F/env:/etc/env", "grep -c A=1 /etc/env", "1"},
		{"--mount type=bind,src=%F,dst=/v,readonly", "touch /v/no 2>/dev/null || echo read-only", "read-only"},
		{"--mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700", "stat -c %a /t; df -k /t | awk 'NR == 2 { print $2 }'", "700\n1024"},
		{"--mount type=volume,dst=/anon", "touch /anon/x && echo fine", "fine"},
		{"--tmpfs /t:size=64k", "df -k /t | awk 'NR == 2 { print $1, $2 }'", "tmpfs 64"},
		{"--read-only --tmpfs /t", "touch /no 2>/dev/null || touch /t/yes && ls /t", "yes"},
		{"--entrypoint echo", "", "-c"}, // the script is its argument
		{"-m 32m", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null", "33554432"},
		{"--memory 64m --memory-reservation 32m", "cat /sys/fs/cgroup/memory/memory.soft_limit_in_bytes /sys/fs/cgroup/memory.low 2>/dev/null", "33554432"},
		{"-m 32m --memory-swap -1", "echo fine", "fine"},
		{"--cpus 0.5", "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null | cut -d' ' -f1", "50000"},
		{"--cpu-period 50000 --cpu-quota 20000", "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null | cut -d' ' -f1", "20000"},
		{"-c 512", "cat /sys/fs/cgroup/cpu/cpu.shares /sys/fs/cgroup/cpu.weight 2>/dev/null | sed 's/^20$/512/'", "512"},
		{"-cpushare 512", "cat /sys/fs/cgroup/cpu/cpu.shares /sys/fs/cgroup/cpu.weight 2>/dev/null | sed 's/^20$/512/'", "512"},
		{"--cpuset-cpus 0 --cpuset-mems 0", strings.Replace(status, "%s", "Cpus_allowed_list", 1), "0"},
		{"-cpuset 0", strings.Replace(status, "%s", "Cpus_allowed_list", 1), "0"},
		{"--pids-limit 17", "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null", "17"},
		{"--device /dev/null:/dev/nothing:rw", "echo x >/dev/nothing && stat -c %t,%T /dev/nothing", "1,3"},
		{"--cap-drop all --cap-add NET_RAW", strings.Replace(status, "%s", "CapEff", 1), "0000000000002000"},
		{"--cap-drop cap_chown", "chown 1 /etc 2>/dev/null || echo refused", "refused"},
		{"--privileged", "awk '/Seccomp:/ { print $2 }' /proc/self/status; mount -t tmpfs x /tmp && echo mounted", "0\nmounted"},
		{"--security-opt no-new-privileges", strings.Replace(status, "%s", "NoNewPrivs", 1), "1"},
		{"--security-opt seccomp=unconfined", strings.Replace(status, "%s", "Seccomp:", 1), "0"},
		{"--security-opt seccomp=%F/seccomp.json", "mkdir /x 2>/dev/null || echo refused", "refused"},
		{"--security-opt systempaths=unconfined", "echo renamed >/proc/sys/kernel/hostname && hostname", "renamed"},
		{"--ulimit nofile=100:200 --ulimit core=0", "ulimit -n; ulimit -H -n; ulimit -c", "100\n200\n0"},
		{"--sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=5000", "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax", "1\n5000"},
		{"--shm-size 1m", "df -k /dev/shm | awk 'NR == 2 { print $2 }'", "1024"},
		{"--init", "cat /proc/1/cmdline | tr '\\0' ' ' | cut -c1-14", "/dev/init init"},
		{"--pid host", "test -d /proc/2 && test $$ -gt 10 && echo the host", "the host"},
		{"--pid container:other", "grep -a -c sleep /proc/1/cmdline", "1"},
		{"--ipc container:other", "echo fine", "fine"},
		{"--ipc none", "test -d /dev/shm && ls -A /dev/shm || echo none", "none"},
		{"--ipc host", "test -d /dev/shm && echo there", "there"},
		{"--uts host", "test $(hostname) = $(cat /proc/sys/kernel/hostname) && echo same", "same"},
		{"--cgroupns private", "cut -d: -f3 /proc/self/cgroup | sort -u", "/"},
		{"--cgroupns host", "cut -d: -f3 /proc/self/cgroup | grep -c jocker | sed 's/[0-9]*/in it/'", "in it"},
		{"--userns host", "awk '{ print $1, $2 }' /proc/self/uid_map", "0 0"},
		{"--network none", "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '", "lo"},
		{"--network host", "test $(wc -l </proc/net/dev) -ge 3 && echo fine", "fine"},
		{"--network container:other", "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '", "lo"},
		{"--oom-score-adj 500", "cat /proc/self/oom_score_adj", "500"},
		{"--runtime runc", "echo fine", "fine"},
		{"--pull never", "echo fine", "fine"},
		{"-a stdout", "echo out; echo err >&2", "out"},
		{"--stop-signal INT --stop-timeout 1 --restart on-failure:1 --log-opt max-size=1m --log-opt max-file=2 --annotation a=b", "echo fine", "fine"},
	} {
		flags := strings.Fields(strings.ReplaceAll(c.flags, "%F", dir))
		args := []string{"run", "--network", "none"}
		if !strings.Contains(c.flags, "--restart") {
			args = append(args, "--rm")
		}
		args = append(append(args, flags...), "busybox")
		if strings.HasPrefix(c.flags, "--entrypoint") {
			args = append(args, "-c")
		} else {
			args = append(args, "sh", "-c", c.script)
		}
		out, errs, code := h.run("", args...)
		require.Equal(t, c.want, strings.TrimSpace(out), "run %s %q: code %d: %s", c.flags, c.script, code, errs)
	}
	// What a container can't tell itself.
	h.ok("create", "--name", "told", "--network", "none", "--label", "l=1", "--label-file", dir+"/labels", "--annotation", "a=b", "--stop-signal", "INT", "--stop-timeout", "3",
		"--cidfile", dir+"/cid", "--platform", "linux", "--log-opt", "max-size=10k", "--expose", "80", "--restart", "unless-stopped", "busybox", "true")
	require.Equal(t, "1 1 INT 3 10k b unless-stopped", h.ok("inspect", "-f",
		"{{.Config.Labels.l}} {{.Config.Labels.x}} {{.Config.StopSignal}} {{.Config.StopTimeout}} {{index .HostConfig.LogConfig.Config \"max-size\"}} {{.HostConfig.Annotations.a}} {{.HostConfig.RestartPolicy.Name}}", "told"))
	id, err := os.ReadFile(dir + "/cid")
	require.NoError(t, err)
	require.Equal(t, h.ok("inspect", "-f", "{{.Id}}", "told"), string(id))
	require.Contains(t, h.ok("inspect", "--run", "told"), "create --name told --network none --label l=1")
}

// Docker's code for a command line that makes no sense is 125. Nothing is left of it.
func TestRunFlagsWrong(t *testing.T) {
	h := newHost(t)
	for _, c := range []struct{ flags, says string }{
		{"--nosuch", "unknown flag: --nosuch"},
		{"-m x", "invalid size"},
		{"-m 100k", "Minimum memory limit"},
		{"--memory-swap 1g", "You should always set the Memory limit"},
		{"-m 64m --memory-swap 32m", "should be larger than memory limit"},
		{"-m 64m --memory-reservation 128m", "can not be less than memory reservation"},
		{"--cpus x", "--cpus"},
		{"--cpus 1000", "Range of CPUs is from 0.01 to"},
		{"--cpus 1 --cpu-quota 1000", "Conflicting options"},
		{"--cpu-period 1", "CPU cfs period"},
		{"--cpu-quota 1", "CPU cfs quota"},
		{"-c 1", "invalid CPU shares"},
		{"-c x", "invalid argument"},
		{"--cpuset-cpus a-b", "for --cpuset-cpus"},
		{"--cpuset-cpus 8000", "Requested CPUs are not available"},
		{"--cpuset-mems 700", "Requested memory nodes are not available"},
		{"--pids-limit x", "invalid argument"},
		{"-e =v", "the name is missing"},
		{"--env-file /nosuch", "/nosuch: no such file"},
		{"--label =v", "the name is missing"},
		{"-v relative/path:/x", "invalid volume specification"},
		{"-v a:b:c:d", "invalid volume specification"},
		{"-v vol:/", "destination can't be '/'"},
		{"-v vol:/x:wrong", "the option wrong is unknown"},
		{"-v vol:/x -v vol2:/x", "Duplicate mount point: /x"},
		{"--mount type=bind,src=/nosuch,dst=/x", "bind source path does not exist"},
		{"--mount type=wrong,dst=/x", "mount type unknown"},
		{"--mount dst=/x,wrong=1", "unexpected key 'wrong'"},
		{"--tmpfs x", "must be absolute"},
		{"-w x", "needs to be an absolute path"},
		{"-u nosuch --rm", "unable to find user nosuch"},
		{"--group-add nosuch --rm", "Unable to find group nosuch"},
		{"--add-host x", "invalid IP address in add-host"},
		{"--dns x", "x is not an ip address"},
		{"-p x", "Invalid containerPort"},
		{"-p 1:2:3:4", "Invalid"},
		{"-p 80-90:80-85", "different lengths"},
		{"--expose 0", "invalid port to expose"},
		{"--network nosuch --rm", "network not found: nosuch"},
		{"--network container:nosuch --rm", "No such container: nosuch"},
		{"--network host -p 80:80", "Conflicting options"},
		{"--device x", "invalid device specification"},
		{"--device /nosuch --rm", "error gathering device information"},
		{"--device /etc/passwd --rm", "not a device node"},
		{"--cap-add NOSUCH --rm", "invalid capability"},
		{"--security-opt nosuch=1 --rm", "invalid --security-opt"},
		{"--security-opt seccomp=/nosuch --rm", "opening seccomp profile (/nosuch) failed"},
		{"--ulimit nosuch=1", "invalid ulimit type: nosuch"},
		{"--ulimit nofile=2:1", "invalid ulimit argument"},
		{"--sysctl x", "invalid sysctl"},
		{"--sysctl kernel.panic=1", "is not allowed"},
		{"--shm-size x", "invalid size"},
		{"--restart nosuch", "unknown policy 'nosuch'"},
		{"--restart always:3", "only on-failure takes"},
		{"--restart always --rm", "Conflicting options: --restart and --rm"},
		{"--stop-signal NOSUCH", "invalid signal"},
		{"--stop-timeout -5", "--stop-timeout"},
		{"--pull nosuch", "invalid pull option"},
		{"--pid nosuch", "invalid PID mode"},
		{"--ipc nosuch", "invalid IPC mode"},
		{"--uts container:x", "invalid UTS mode"},
		{"--cgroupns nosuch", "invalid CGROUPNS mode"},
		{"--userns nosuch", "invalid USERNS mode"},
		{"--runtime nosuch", "unknown or invalid runtime name: nosuch"},
		{"--log-driver nosuch", "no log driver named 'nosuch'"},
		{"--log-opt nosuch=1", "unknown log opt"},
		{"--log-opt max-size=x", "invalid value for max-size"},
		{"--oom-score-adj 2000", "range for oom score adj"},
		{"--name x/y", "Invalid container name"},
		{"--cidfile /etc/passwd", "container ID file found"},
		{"-a nosuch", "valid streams are STDIN, STDOUT and STDERR"},
		{"-a stdout -d", "Conflicting options: -a and -d"},
		{"-it", "the input device is not a TTY"},
		{"--detach-keys nosuch", "invalid detach keys"},
		{"--init -v /tmp:/dev", "Conflicting options: --init"},
		{"--health-interval x", "invalid argument"},
		{"--health-interval 1us --health-cmd x", "cannot be less than 1ms"},
		{"--health-retries -1 --health-cmd x", "cannot be negative"},
		{"--health-on-failure nosuch", "none, kill, restart or stop"},
		{"--health-cmd x --no-healthcheck", "conflicts with"},
	} {
		args := append(append([]string{"run", "--network", "none"}, strings.Fields(c.flags)...), "busybox", "true")
		_, errs, code := h.run("", args...)
		require.Equal(t, 125, code, "run %s: %s", c.flags, errs)
		require.Contains(t, errs, c.says, "run %s", c.flags)
		require.LessOrEqual(t, strings.Count(strings.TrimSpace(errs), "\n"), 1, "run %s: one sentence: %s", c.flags, errs)
	}
	require.Empty(t, h.ok("ps", "-aq"))
	require.Empty(t, h.ok("volume", "ls", "-q"))
}

// The memory, the number of processes and the seccomp profile are named when they end a container; `ps` and `inspect` tell.
func TestWhichLimitOfAll(t *testing.T) {
	h := newHost(t)
	h.fails(137, "run", "--name", "fat", "--network", "none", "-m", "16m", "busybox", "sh", "-c", "exec tail /dev/zero")
	h.run("", "run", "--name", "forks", "--network", "none", "--pids-limit", "3", "busybox", "sh", "-c", "sleep 1 & sleep 1 & sleep 1 & sleep 1 & exit 1")
	require.Contains(t, h.ok("inspect", "-f", "{{.State.KilledBy}}", "fat"), "memory limit of 16m reached")
	require.Contains(t, h.ok("inspect", "-f", "{{.State.KilledBy}}", "forks"), "limit of 3 processes reached")
	require.Contains(t, h.ok("ps", "-a", "--format", "{{.Names}} {{.KilledBy}}"), "forks limit of 3 processes")
	require.Equal(t, "oom", h.ok("events", "--since", "1h", "--until", "0s", "-f", "event=oom", "--format", "{{.Action}}"))
}

// Lists: columns, --format, --filter, -q, --no-trunc.
func TestPs(t *testing.T) {
	h := newHost(t)
	id := h.ok("run", "-d", "--name", "first", "--network", "none", "--label", "a=1", "busybox", "sh", "-c", "exec sleep 1000 # a long command")
	h.ok("create", "--name", "second", "--network", "none", "--label", "a=2", "busybox")
	require.Regexp(t, `^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES\n`+id[:12]+` +busybox +"sh -c 'exec sleep.*…" .* first$`, strings.ReplaceAll(h.ok("ps"), `"sh -c exec`, `"sh -c 'exec`))
	require.Equal(t, id[:12], h.ok("ps", "-q"))
	require.Equal(t, id, h.ok("ps", "-q", "--no-trunc"))
	require.Equal(t, "second\nfirst", h.ok("ps", "-a", "--format", "{{.Names}}"))
	require.Equal(t, "NAMES     STATE\nsecond    created\nfirst     running", strings.ReplaceAll(h.ok("ps", "-a", "--format", "table {{.Names}}\t{{.State}}"), "   ", "   "))
	require.Contains(t, h.ok("ps", "--format", "json"), `"Names":"first"`)
	for filter, want := range map[string]string{"name=fir": "first", "label=a": "second\nfirst", "label=a=2": "second", "status=created": "second", "id=" + id[:8]: "first",
		"ancestor=busybox": "second\nfirst", "before=second": "first", "since=first": "second", "network=none": "second\nfirst", "health=none": "second\nfirst"} {
		require.Equal(t, want, h.ok("ps", "-a", "--format", "{{.Names}}", "-f", filter), filter)
	}
	require.Contains(t, h.fails(1, "ps", "-f", "nosuch=1"), "invalid filter")
	require.Contains(t, h.fails(1, "ps", "-f", "status=nosuch"), "invalid filter")
	require.Contains(t, h.fails(1, "ps", "--format", "{{.NoSuch}}"), "template parsing error")
	require.Contains(t, h.fails(1, "ps", "--format", "{{"), "template parsing error")
	require.Contains(t, h.ok("top", "first"), "sleep 1000")
	require.Equal(t, "COMMAND\nsleep", h.ok("top", "first", "-o", "comm"))
	require.Contains(t, h.fails(1, "top", "second"), "is not running")
	h.ok("rename", "second", "third")
	require.Contains(t, h.fails(1, "rename", "third", "first"), "already in use")
	require.Contains(t, h.fails(1, "rename", "third", "/"), "Invalid container name")
	waiting := h.start("wait", "first", "third")
	time.Sleep(50 * time.Millisecond)
	h.ok("kill", "-s", "KILL", "first")
	r := waiting.Wait()
	require.Equal(t, "137\n0\n", r.Stdout)
}

// The flags of exec, and why it fails.
func TestExecFlags(t *testing.T) {
	h := newHost(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/env", []byte("FILE=1\n"), 0o644))
	h.ok("run", "-d", "--name", "box", "--network", "none", "-e", "MINE=1", "--cap-drop", "all", "busybox", "sh", "-c", "printf '#!/no/such\\n' >/shebang; chmod +x /shebang; exec sleep 1000")
	require.Equal(t, "1 2 1 /tmp 33", h.ok("exec", "-e", "E=2", "--env-file", dir+"/env", "-w", "/tmp", "-u", "www-data", "box", "sh", "-c", "echo $MINE $E $FILE $PWD $(id -u)"))
	out, _, code := h.run("typed", "exec", "-i", "box", "cat")
	require.Equal(t, "typed 0", out+" "+string(rune('0'+code)))
	require.NotEqual(t, "0000000000000000", h.ok("exec", "--privileged", "box", "sh", "-c", "awk '/CapEff/ { print $2 }' /proc/self/status"))
	require.Equal(t, "0000000000000000", h.ok("exec", "box", "sh", "-c", "awk '/CapEff/ { print $2 }' /proc/self/status"))
	h.ok("exec", "-d", "box", "sh", "-c", "touch /made")
	h.eventually("/made", "exec", "box", "sh", "-c", "echo /made*")
	h.fails(3, "exec", "box", "sh", "-c", "exit 3")
	require.Contains(t, h.fails(127, "exec", "box", "nosuch"), "executable file not found in $PATH")
	require.Contains(t, h.fails(127, "exec", "box", "/no/such"), "/no/such")
	require.Contains(t, h.fails(126, "exec", "box", "/etc/passwd"), "permission denied")
	require.Contains(t, h.fails(127, "exec", "box", "/shebang"), "/no/such", "the interpreter is what is missing, and is named")
	require.Contains(t, h.fails(127, "exec", "-d", "box", "nosuch"), "executable file not found")
	require.Contains(t, h.fails(126, "exec", "box", "/etc"), "/etc")
	h.fails(1, "exec", "-u", "nosuch", "box", "true")
	require.Contains(t, h.fails(1, "exec", "-it", "box", "true"), "not a TTY")
	h.ok("pause", "box")
	require.Contains(t, h.fails(1, "exec", "box", "true"), "is paused")
	h.ok("unpause", "box")
	h.ok("stop", "-t", "0", "box")
	require.Contains(t, h.fails(1, "exec", "box", "true"), "is not running")
	require.Contains(t, h.fails(1, "exec", "nosuch", "true"), "No such container")
}
