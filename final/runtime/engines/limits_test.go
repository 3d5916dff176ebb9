package engines

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// readLimits prints limits as the container's cgroup has them, by the same names on v1 and v2.
const readLimits = `cd /sys/fs/cgroup
for f in memory.max memory/memory.limit_in_bytes; do [ ! -e $f ] || echo memory $(cat $f); done
for f in pids.max pids/pids.max; do [ ! -e $f ] || echo pids $(cat $f); done
for f in cpuset.cpus cpuset/cpuset.cpus; do [ ! -e $f ] || echo cpuset $(cat $f); done
for f in cpu.max; do [ ! -e $f ] || echo quota $(cat $f); done
for d in cpu cpu,cpuacct; do [ ! -e $d/cpu.cfs_quota_us ] || echo quota $(cat $d/cpu.cfs_quota_us $d/cpu.cfs_period_us); done
`

func dockerLimits(t *testing.T, e *engines) {
	r := ok(t, e.run(t, "--memory", "64m", "--cpus", "0.25", "--pids-limit", "44", "--cpuset-cpus", "0",
		"--ulimit", "nofile=100:200", "--oom-score-adj", "321", "--shm-size", "1m", "busybox", "sh", "-c", readLimits+"ulimit -n; cat /proc/self/oom_score_adj; df -k /dev/shm | tail -n 1"))
	for _, limit := range []string{"memory 67108864", "pids 44", "cpuset 0", "quota 25000 100000", "100", "321"} {
		require.Contains(t, r.Stdout, limit+"\n")
	}
	require.Regexp(t, `\n\S+ +1024 .* /dev/shm\n`, r.Stdout)
	r = e.run(t, "--pids-limit", "8", "busybox", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 3 & done; wait")
	require.Contains(t, r.Stderr, "can't fork")
}

func dockerMemory(t *testing.T, e *engines) {
	id := e.background(t, "--memory", "24m", "--memory-swap", "24m", "busybox", "sh", "-c", "exec tail -c 200m /dev/zero")
	require.Equal(t, "137\n", ok(t, e.Docker(t, "wait", id)).Stdout)
	labtest.Until(t, "docker knows that it was the limit", func() bool { return e.inspect(t, id, ".State.OOMKilled") == "true" })
}

func dockerSeccomp(t *testing.T, e *engines) {
	status := "grep -E '^(Seccomp|NoNewPrivs|CapEff)' /proc/self/status"
	ours := ok(t, e.run(t, "busybox", "sh", "-c", status))
	require.Contains(t, ours.Stdout, "Seccomp:\t2\n")
	require.Equal(t, ok(t, e.run(t, "--runtime", "runc", "busybox", "sh", "-c", status)).Stdout, ours.Stdout)
	require.Contains(t, ok(t, e.run(t, "--security-opt", "seccomp=unconfined", "--security-opt", "no-new-privileges", "busybox", "sh", "-c", status)).Stdout, "NoNewPrivs:\t1\nSeccomp:\t0\n")

	profile := e.Path("seccomp.json")
	require.NoError(t, os.WriteFile(profile, []byte(`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 18}]}`), 0o644))
	r := e.run(t, "--security-opt", "seccomp="+profile, "busybox", "mkdir", "/tmp/x")
	require.Equal(t, 1, r.Code, r)
	require.Contains(t, r.Stderr, "Invalid cross-device link")
}

func dockerUser(t *testing.T, e *engines) {
	r := ok(t, e.run(t, "--user", "1000", "busybox", "sh", "-c", "id; grep CapEff /proc/self/status"))
	require.Equal(t, "uid=1000(user) gid=1000(user) groups=1000(user),2000(extra)\nCapEff:\t0000000000000000\n", r.Stdout)
	r = ok(t, e.run(t, "--user", "12345:54321", "--group-add", "777", "busybox", "id"))
	require.Equal(t, "uid=12345 gid=54321 groups=777,54321\n", r.Stdout)
	none := ok(t, e.run(t, "--cap-drop", "ALL", "busybox", "grep", "Cap", "/proc/self/status"))
	require.NotRegexp(t, `[1-9a-f]\n`, none.Stdout)
	r = ok(t, e.run(t, "--cap-drop", "ALL", "--cap-add", "NET_RAW", "busybox", "grep", "CapBnd", "/proc/self/status"))
	require.Equal(t, "CapBnd:\t0000000000002000\n", r.Stdout)
}

func dockerVolumes(t *testing.T, e *engines) {
	dir := e.Path("volume")
	require.NoError(t, os.MkdirAll(dir, 0o777))
	require.NoError(t, os.WriteFile(dir+"/file", []byte("host's\n"), 0o644))
	r := ok(t, e.run(t, "--volume", dir+":/mnt", "busybox", "sh", "-c", "cat /mnt/file; echo container >/mnt/new"))
	require.Equal(t, "host's\n", r.Stdout)
	raw, err := os.ReadFile(dir + "/new")
	require.NoError(t, err)
	require.Equal(t, "container\n", string(raw))
	r = e.run(t, "--volume", dir+":/mnt:ro", "busybox", "touch", "/mnt/x")
	require.Contains(t, r.Stderr, "Read-only file system")
	r = e.run(t, "--read-only", "--tmpfs", "/scratch:size=1m", "busybox", "sh", "-c", "touch /scratch/x && ls /scratch; touch /x")
	require.Equal(t, "x\n", r.Stdout)
	require.Contains(t, r.Stderr, "Read-only file system")
	r = ok(t, e.run(t, "--volume", dir+"/file:/etc/a/file:ro", "busybox", "cat", "/etc/a/file"))
	require.Equal(t, "host's\n", r.Stdout)

	ok(t, e.run(t, "--volume", "named:/data", "busybox", "sh", "-c", "echo kept >/data/f"))
	require.Equal(t, "kept\n", ok(t, e.run(t, "--volume", "named:/data", "busybox", "cat", "/data/f")).Stdout)
	for _, propagation := range []string{"rprivate", "rslave"} {
		ok(t, e.run(t, "--mount", "type=bind,source="+dir+",target=/mnt,bind-propagation="+propagation, "busybox", "ls", "/mnt"))
	}
}

func dockerNamespaces(t *testing.T, e *engines) {
	r := ok(t, e.run(t, "--pid", "host", "busybox", "readlink", "/proc/self/ns/pid"))
	host, err := os.Readlink("/proc/self/ns/pid")
	require.NoError(t, err)
	require.Equal(t, host+"\n", r.Stdout)
	r = ok(t, e.run(t, "--ipc", "host", "--uts", "host", "busybox", "sh", "-c", "readlink /proc/self/ns/uts; readlink /proc/self/ns/ipc"))
	uts, _ := os.Readlink("/proc/self/ns/uts")
	ipc, _ := os.Readlink("/proc/self/ns/ipc")
	require.Equal(t, uts+"\n"+ipc+"\n", r.Stdout)
	r = ok(t, e.run(t, "--sysctl", "kernel.shmmni=4321", "busybox", "cat", "/proc/sys/kernel/shmmni"))
	require.Equal(t, "4321\n", r.Stdout)
	id := e.background(t, "--pid", "host", "busybox", "sh", "-c", "sleep 500 & sleep 501 & wait")
	ok(t, e.Docker(t, "kill", id))
	ok(t, e.Docker(t, "rm", id))
}

func dockerDevices(t *testing.T, e *engines) {
	r := ok(t, e.run(t, "--device", "/dev/null:/dev/mine:r", "busybox", "sh", "-c", "stat -c '%F %t %T' /dev/mine; cat /dev/mine; ls /dev"))
	require.Contains(t, r.Stdout, "character special file 1 3\n")
	r = e.run(t, "--cap-add", "MKNOD", "busybox", "sh", "-c", "mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg")
	require.NotEqual(t, 0, r.Code, r)
	require.Contains(t, r.Stderr, "Operation not permitted")
	ok(t, e.run(t, "--device-cgroup-rule", "c 1:* rmw", "busybox", "sh", "-c", "mknod /tmp/full c 1 7 && head -c 1 /tmp/full >/dev/null"))
	paths := "cat /proc/kcore >/dev/null 2>&1; ls -A /sys/firmware; touch /proc/sys/kernel/hostname 2>&1; echo x >/proc/sysrq-trigger"
	ours, runc := e.run(t, "busybox", "sh", "-c", paths), e.run(t, "--runtime", "runc", "busybox", "sh", "-c", paths)
	require.Equal(t, runc.Stdout+runc.Stderr, ours.Stdout+ours.Stderr)
}
