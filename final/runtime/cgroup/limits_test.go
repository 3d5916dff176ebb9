package cgroup

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"

	"jocker/final/runtime/step"
)

// resources reads linux.resources as config.json has it.
func resources(t testing.TB, text string) *specs.LinuxResources {
	t.Helper()
	r := &specs.LinuxResources{}
	require.NoError(t, json.Unmarshal([]byte(text), r))
	return r
}

// files reads files of the group, whichever hierarchy has them. One that isn't there is "-".
func files(g *Group, names ...string) map[string]string {
	found := map[string]string{}
	for _, name := range names {
		found[name] = "-"
		for i := range g.Hierarchies {
			if text, err := os.ReadFile(g.Hierarchies[i].Dir() + "/" + name); err == nil {
				found[name] = strings.TrimSpace(string(text))
			}
		}
	}
	return found
}

// want is the content of the files that this machine has for a controller: v1's or v2's.
func want(t *testing.T, g *Group, controller string, v1, v2 map[string]string) {
	t.Helper()
	expected := v1
	if h := g.find(controller); h == nil {
		t.Fatalf("this machine has no %s controller", controller)
	} else if h.Version == 2 {
		expected = v2
	}
	if diff := cmp.Diff(expected, files(g, keys(expected)...)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", controller, diff)
	}
}

type m = map[string]string

// All limits of a container, as written at its start; then an update of each.
func TestLimits(t *testing.T) {
	g := newGroup(t)
	plan, err := g.Steps(resources(t, `{
		"memory": {"limit": 67108864, "reservation": 33554432, "swap": 134217728, "disableOOMKiller": false, "useHierarchy": true},
		"cpu": {"shares": 512, "quota": 50000, "period": 100000, "burst": 10000, "cpus": "0", "mems": "0", "idle": 0},
		"pids": {"limit": 32}
	}`))
	require.NoError(t, err)
	for _, list := range [][]step.Step{plan.Before, plan.Beside, plan.Late} {
		require.NoError(t, step.Apply(list, step.Runtime, nil, nil))
	}
	want(t, g, "memory", m{
		"memory.limit_in_bytes": "67108864", "memory.memsw.limit_in_bytes": "134217728", "memory.soft_limit_in_bytes": "33554432",
	}, m{"memory.max": "67108864", "memory.swap.max": "67108864", "memory.low": "33554432"})
	want(t, g, "cpu", m{
		"cpu.shares": "512", "cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000", "cpu.cfs_burst_us": "10000", "cpu.idle": "0",
	}, m{"cpu.weight": "20", "cpu.max": "50000 100000", "cpu.max.burst": "10000", "cpu.idle": "0"})
	want(t, g, "cpuset", m{"cpuset.cpus": "0", "cpuset.mems": "0"}, m{"cpuset.cpus": "0", "cpuset.mems": "0"})
	want(t, g, "pids", m{"pids.max": "32"}, m{"pids.max": "32"})
	// Up and down, in whichever order the kernel allows it.
	for _, update := range []struct {
		text, max, swap1, swap2, quota, period, burst string
	}{
		{`{"memory": {"limit": 268435456, "swap": 268435456}, "cpu": {"quota": 900000, "period": 900000, "burst": 900000}}`,
			"268435456", "268435456", "0", "900000", "900000", "900000"},
		{`{"memory": {"limit": 16777216, "swap": 20971520}, "cpu": {"quota": 2000, "period": 1000, "burst": 0}}`,
			"16777216", "20971520", "4194304", "2000", "1000", "0"},
		{`{"cpu": {"period": 10000}}`, "16777216", "20971520", "4194304", "2000", "10000", "0"},
		{`{"cpu": {"quota": 3000}}`, "16777216", "20971520", "4194304", "3000", "10000", "0"},
		{`{"memory": {"limit": -1}, "cpu": {"quota": -1}}`, "max", "max", "max", "max", "10000", "0"},
	} {
		require.NoError(t, g.Set(resources(t, update.text)), update.text)
		unlimited := map[string]string{"max": "9223372036854771712"}
		v1 := func(s string) string {
			if u, ok := unlimited[s]; ok {
				return u
			}
			return s
		}
		quota1 := strings.ReplaceAll(update.quota, "max", "-1")
		want(t, g, "memory", m{"memory.limit_in_bytes": v1(update.max), "memory.memsw.limit_in_bytes": v1(update.swap1)},
			m{"memory.max": update.max, "memory.swap.max": update.swap2})
		want(t, g, "cpu", m{"cpu.cfs_quota_us": quota1, "cpu.cfs_period_us": update.period, "cpu.cfs_burst_us": update.burst},
			m{"cpu.max": update.quota + " " + update.period, "cpu.max.burst": update.burst})
	}
	require.NoError(t, g.Set(resources(t, `{"pids": {"limit": -1}, "cpu": {"shares": 2, "cpus": "0-1"}}`)))
	want(t, g, "pids", m{"pids.max": "max"}, m{"pids.max": "max"})
	want(t, g, "cpu", m{"cpu.shares": "2"}, m{"cpu.weight": "1"})
	want(t, g, "cpuset", m{"cpuset.cpus": "0-1"}, m{"cpuset.cpus": "0-1"})
	require.NoError(t, g.Set(resources(t, `{"cpu": {"idle": 1}, "pids": {"limit": 0}}`)))
	want(t, g, "cpu", m{"cpu.idle": "1"}, m{"cpu.idle": "1"})
	want(t, g, "pids", m{"pids.max": "0"}, m{"pids.max": "0"})
}

// Huge pages, throttles and whatever else needs a device that a test machine may not have.
func TestLimitsOfDevices(t *testing.T) {
	g := create(t)
	require.NoError(t, g.Set(resources(t, `{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}`)))
	want(t, g, "hugetlb", m{"hugetlb.2MB.limit_in_bytes": "4194304", "hugetlb.2MB.rsvd.limit_in_bytes": "4194304"},
		m{"hugetlb.2MB.max": "4194304", "hugetlb.2MB.rsvd.max": "4194304"})

	block, err := os.ReadDir("/sys/block")
	require.NoError(t, err)
	for _, b := range block {
		text, err := os.ReadFile("/sys/block/" + b.Name() + "/dev")
		require.NoError(t, err)
		dev := strings.TrimSpace(string(text))
		major, minor, _ := strings.Cut(dev, ":")
		d := `[{"major": ` + major + `, "minor": ` + minor + `, "rate": `
		require.NoError(t, g.Set(resources(t, `{"blockIO": {"throttleReadBpsDevice": `+d+`1048576}],
			"throttleWriteBpsDevice": `+d+`2097152}], "throttleReadIOPSDevice": `+d+`100}], "throttleWriteIOPSDevice": `+d+`200}]}}`)))
		want(t, g, "blkio", m{"blkio.throttle.read_bps_device": dev + " 1048576", "blkio.throttle.write_bps_device": dev + " 2097152",
			"blkio.throttle.read_iops_device": dev + " 100", "blkio.throttle.write_iops_device": dev + " 200"},
			m{"io.max": dev + " rbps=1048576 wbps=2097152 riops=100 wiops=200"})
		require.NoError(t, g.Set(resources(t, `{"blockIO": {"throttleReadBpsDevice": `+d+`0}],
			"throttleWriteBpsDevice": `+d+`0}], "throttleReadIOPSDevice": `+d+`0}], "throttleWriteIOPSDevice": `+d+`0}]}}`)))
		want(t, g, "blkio", m{"blkio.throttle.read_bps_device": "", "blkio.throttle.write_iops_device": ""}, m{"io.max": ""})
		return
	}
	t.Log("no block device: throttles are not tested")
}

// A weight needs a scheduler that can weigh. Which file it has then depends on the kernel.
func TestIOWeight(t *testing.T) {
	g := create(t)
	err := g.Set(resources(t, `{"blockIO": {"weight": 100}}`))
	now := files(g, "blkio.weight", "blkio.bfq.weight", "io.weight", "io.bfq.weight")
	for _, file := range keys(now) {
		if now[file] != "-" {
			require.NoError(t, err)
			require.Contains(t, []string{"100", "default 100", "default 910"}, now[file])
			return
		}
	}
	file := g.find("blkio").Dir() + "/blkio.bfq.weight"
	require.EqualError(t, err, callWrite(file, "100")+": no such file or directory (ENOENT): the kernel has no I/O scheduler that shares "+
		"out by weight; modprobe bfq, and choose it in /sys/block/DEVICE/queue/scheduler")
}

// What is checked before anything is written, on any machine.
func TestRefused(t *testing.T) {
	g := create(t)
	for text, want := range map[string]string{
		`{"memory": {"limit": -2}}`:                                            `linux.resources.memory.limit is -2: it is a number of bytes, or -1 for no limit`,
		`{"memory": {"limit": 2000000, "swap": 1000000}}`:                      `linux.resources.memory.swap is 1000000, less than memory.limit, 2000000: it is the limit of memory and swap together`,
		`{"memory": {"limit": 1, "reservation": 2}}`:                           `linux.resources.memory.reservation is 2, more than memory.limit, 1`,
		`{"memory": {"swappiness": 101}}`:                                      `linux.resources.memory.swappiness is 101: it is 0 to 100`,
		`{"cpu": {"shares": 1}}`:                                               `linux.resources.cpu.shares is 1: it is 2 to 262144, with 1024 for the usual`,
		`{"cpu": {"period": 999}}`:                                             `linux.resources.cpu.period is 999: it is 1000 to 1000000 microseconds`,
		`{"cpu": {"quota": 1}}`:                                                `linux.resources.cpu.quota is 1: it is 1000 microseconds or more, or -1 for no limit`,
		`{"cpu": {"quota": 5000, "burst": 6000}}`:                              `linux.resources.cpu.burst is 6000, more than cpu.quota, 5000`,
		`{"cpu": {"idle": 2}}`:                                                 `linux.resources.cpu.idle is 2: it is 0, or 1 for SCHED_IDLE`,
		`{"cpu": {"idle": 1, "shares": 512}}`:                                  `linux.resources.cpu.idle is 1 and cpu.shares is 512: a cgroup that gets only idle time has no shares`,
		`{"cpu": {"cpus": "0-x"}}`:                                             `linux.resources.cpu.cpus is "0-x": "0-x" is not a number or a range; a list looks like 0-3,7`,
		`{"cpu": {"mems": "3-1"}}`:                                             `linux.resources.cpu.mems is "3-1": "3-1" is not a number or a range; a list looks like 0-3,7`,
		`{"pids": {"limit": -2}}`:                                              `linux.resources.pids.limit is -2: it is a number of processes and threads, or -1 for no limit`,
		`{"blockIO": {"weight": 9}}`:                                           `linux.resources.blockIO.weight is 9: it is 10 to 1000`,
		`{"blockIO": {"weightDevice": [{"major": 8, "minor": 0}]}}`:            `linux.resources.blockIO.weightDevice 8:0: neither weight nor leafWeight is given`,
		`{"blockIO": {"throttleReadBpsDevice": [{"major": -1, "minor": 0}]}}`:  `linux.resources.blockIO.throttleReadBpsDevice: -1:0 is no device number`,
		`{"hugepageLimits": [{"pageSize": "../2MB", "limit": 1}]}`:             `linux.resources.hugepageLimits: "../2MB" is no page size; one is written as 64KB, 2MB or 1GB`,
		`{"devices": [{"type": "x"}]}`:                                         `linux.resources.devices[0]: type is "x": it is "b" for block devices, "c" for character devices or "a" for both`,
		`{"pids": {"limit": 5}, "memory": {"limit": 1000000, "swap": 900000}}`: `linux.resources.memory.swap is 900000, less than memory.limit, 1000000: it is the limit of memory and swap together`,
	} {
		require.EqualError(t, g.Set(resources(t, text)), want, text)
	}
	require.Equal(t, m{"pids.max": "max"}, files(g, "pids.max"), "nothing was written")
}

// What v2 lacks is refused by name; v1 has it.
func TestRefusedOnV2(t *testing.T) {
	g := &Group{Hierarchies: []Hierarchy{{Version: 2, Controllers: []string{"cpu", "memory", "io"}, Mount: "/m", Root: "/", Path: "/x"}}}
	for text, want := range map[string]string{
		`{"memory": {"kernel": 1000000}}`:            `linux.resources.memory.kernel: cgroup v2 has no such limit; the kernel's memory counts as the container's (memory.limit)`,
		`{"memory": {"kernelTCP": 1000000}}`:         `linux.resources.memory.kernelTCP: cgroup v2 has no such limit; TCP buffers count as the container's memory (memory.limit)`,
		`{"memory": {"swappiness": 0}}`:              `linux.resources.memory.swappiness: cgroup v2 has none for a cgroup; set vm.swappiness for the host, or limit memory.swap`,
		`{"memory": {"disableOOMKiller": true}}`:     `linux.resources.memory.disableOOMKiller: on cgroup v2 the OOM killer cannot be turned off; a limit on memory.high by linux.resources.unified slows down instead`,
		`{"memory": {"useHierarchy": false}}`:        `linux.resources.memory.useHierarchy is false: cgroup v2 always counts a cgroup's memory as its parent's, too`,
		`{"memory": {"swap": 1000000}}`:              `linux.resources.memory.swap is 1000000, without a memory.limit: cgroup v2 limits swap alone, which is the difference of both`,
		`{"cpu": {"realtimeRuntime": 1000}}`:         `linux.resources.cpu.realtimeRuntime and cpu.realtimePeriod: cgroup v2 does not share out real-time processor time; use cpu.quota, or a host with v1`,
		`{"blockIO": {"leafWeight": 10}}`:            `linux.resources.blockIO.leafWeight: cgroup v2 has no leaf weights; a cgroup with processes has no children there`,
		`{"network": {"classID": 1}}`:                `linux.resources.network.classID: cgroup v2 has no net_cls controller; match the cgroup in nftables (socket cgroupv2) instead`,
		`{"pids": {"limit": 1}}`:                     `this machine has no pids controller for us: it is in no mounted v1 hierarchy and not in cgroup.controllers of v2; the kernel was built without it or had it turned off at boot (cgroup_disable=), or the hierarchy is not mounted`,
		`{"unified": {"hugetlb.2MB.max": "1"}}`:      `linux.resources.unified: "hugetlb.2MB.max" cannot be set: there is no hugetlb controller in /m/cgroup.controllers`,
		`{"unified": {"../memory.max": "1"}}`:        `linux.resources.unified: "../memory.max" is no file of a cgroup; one is called memory.high, for example`,
		`{"rdma": {"mlx5_1": {"hcaHandles": 3}}}`:    missing("rdma").Error(),
		`{"network": {"priorities": [{"name":""}]}}`: `linux.resources.network.priorities: cgroup v2 has no net_prio controller; set the priority by nftables (meta priority, socket cgroupv2) instead`,
	} {
		_, err := g.settings(resources(t, text), true)
		require.EqualError(t, err, want, text)
	}
}

// Plans for machines other than this one.
func TestPlan(t *testing.T) {
	v2 := &Group{Hierarchies: []Hierarchy{{Version: 2, Controllers: strings.Fields("cpuset cpu io memory hugetlb pids rdma misc"), Mount: "/m", Root: "/", Path: "/x"}}}
	v1 := &Group{}
	for _, c := range strings.Fields("cpu,cpuacct cpuset memory blkio devices freezer pids hugetlb rdma net_cls,net_prio name=systemd") {
		v1.Hierarchies = append(v1.Hierarchies, Hierarchy{Version: 1, Controllers: strings.Split(c, ","), Mount: "/" + c, Root: "/", Path: "/x"})
	}
	for _, test := range []struct {
		text   string
		v1, v2 []string
	}{
		{`{"memory": {"limit": -1, "swappiness": 10}}`, []string{"memory.limit_in_bytes = -1, memory.memsw.limit_in_bytes = -1", "memory.swappiness = 10"}, nil},
		{`{"memory": {"limit": 1048576, "swap": -1}}`, []string{"memory.limit_in_bytes = 1048576, memory.memsw.limit_in_bytes = -1"},
			[]string{"memory.swap.max = max", "memory.max = 1048576"}},
		{`{"memory": {"limit": 1048576, "swap": 1048576, "checkBeforeUpdate": true}}`, []string{"memory.limit_in_bytes = 1048576, memory.memsw.limit_in_bytes = 1048576"},
			[]string{"memory.swap.max = 0", "memory.max = …"}},
		{`{"memory": {"disableOOMKiller": true, "kernel": 5, "kernelTCP": 6}}`, []string{"memory.kmem.limit_in_bytes = 5", "memory.kmem.tcp.limit_in_bytes = 6", "memory.oom_control = 1"}, nil},
		{`{"cpu": {"realtimeRuntime": 1000, "realtimePeriod": 2000}}`, []string{"cpu.rt_period_us = 2000, cpu.rt_runtime_us = 1000"}, nil},
		{`{"cpu": {"period": 2000}}`, []string{"cpu.cfs_period_us = 2000"}, []string{"cpu.max = …"}},
		{`{"cpu": {"shares": 262144}}`, []string{"cpu.shares = 262144"}, []string{"cpu.weight = 10000"}},
		{`{"blockIO": {"weight": 1000, "weightDevice": [{"major": 8, "minor": 16, "weight": 10}]}}`,
			[]string{"blkio.weight = 1000", "blkio.weight_device = 8:16 10"}, []string{"io.bfq.weight = 1000", "io.bfq.weight = 8:16 10"}},
		{`{"blockIO": {"leafWeight": 500, "weightDevice": [{"major": 8, "minor": 16, "leafWeight": 10}]}}`,
			[]string{"blkio.leaf_weight = 500", "blkio.leaf_weight_device = 8:16 10"}, nil},
		{`{"network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 5}]}}`, []string{"net_cls.classid = 1048577", "net_prio.ifpriomap = eth0 5"}, nil},
		{`{"rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10}, "a": {"hcaObjects": 0}}}`,
			[]string{"rdma.max = a hca_object=0", "rdma.max = mlx5_1 hca_handle=3 hca_object=10"}, []string{"rdma.max = a hca_object=0", "rdma.max = mlx5_1 hca_handle=3 hca_object=10"}},
		{`{"unified": {"memory.high": "1048576", "io.max": "259:0 rbps=1\n253:0 wbps=2\n", "cgroup.max.depth": "3"}}`, nil,
			[]string{"cgroup.max.depth = 3", "io.max = 259:0 rbps=1", "io.max = 253:0 wbps=2", "memory.high = 1048576"}},
	} {
		for _, side := range []struct {
			g    *Group
			want []string
		}{{v1, test.v1}, {v2, test.v2}} {
			list, err := side.g.settings(resources(t, test.text), true)
			if side.want == nil {
				require.Error(t, err, test.text)
				continue
			}
			require.NoError(t, err, test.text)
			var got []string
			for i := range list {
				what, _ := list[i].say()
				got = append(got, what)
			}
			require.Equal(t, side.want, got, test.text)
		}
	}
}

// The conversions' ends and middles.
func TestConversions(t *testing.T) {
	for shares, weight := range map[uint64]uint64{2: 1, 1024: 39, 512: 20, 262144: 10000} {
		require.Equal(t, weight, Weight(shares))
	}
	for weight, io := range map[uint16]uint64{10: 1, 500: 4950, 1000: 10000} {
		require.Equal(t, io, IOWeight(weight))
	}
}
