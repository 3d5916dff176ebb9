package check

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
)

// otherWays are right solutions that differ from the reference, written from the tasks' comments alone: a check must not
// ask for one particular way.
var otherWays = map[string][]string{
	"lab01": {
		"cgroup.go", "body of memoryHierarchy", `if data, err := os.ReadFile(filepath.Join(customaryV2, "cgroup.controllers")); err == nil {
		if strings.Contains(" "+strings.TrimSpace(string(data))+" ", " memory ") {
			return customaryV2, true, nil
		}
	}
	if f, err := os.Open(customaryV1 + "/memory.limit_in_bytes"); err == nil {
		f.Close()
		return customaryV1, false, nil
	}
	return "", false, errors.New("memory is neither in " + customaryV2 + " nor in " + customaryV1)`,
		"cgroup.go", "body of cgroup.limit", `if bytes <= 0 {
		return nil
	}
	n := fmt.Sprint(bytes)
	if cg.v2 {
		if !swap {
			if err := cg.write("memory.swap.max", "0"); err != nil && (machineHasSwap() || !errors.Is(err, fs.ErrNotExist)) {
				return err
			}
		}
		return cg.write("memory.max", n)
	}
	if err := cg.write("memory.limit_in_bytes", n+"\n"[:0]); err != nil || swap {
		return err
	}
	if _, err := os.Stat(filepath.Join(cg.dir, "memory.memsw.limit_in_bytes")); os.IsNotExist(err) && !machineHasSwap() {
		return nil
	}
	return cg.write("memory.memsw.limit_in_bytes", n)`,
		"main.go", "body of command", `cmd := exec.Command("sh", append([]string{"-c", ` + "`" + `set -e; echo 0 >"$1"; shift; exec "$@"` + "`" + `, "enter", cg.dir + "/cgroup.procs"}, program...)...)
	cmd.Stdin = os.Stdin
	cmd.Stdout = os.Stdout
	cmd.Stderr = os.Stderr
	_ = filepath.Join
	return cmd`,
		"cgroup.go", "body of cgroup.verdict", `if cg.v2 {
		if kills, err = cg.readKey("memory.events", "oom_kill"); err != nil {
			return
		}
		if peak, err = cg.number("memory.peak"); os.IsNotExist(err) {
			peak, err = 0, nil
		}
		return
	}
	if kills, err = cg.readKey("memory.oom_control", "oom_kill"); err != nil {
		return
	}
	peak, err = cg.number("memory.max_usage_in_bytes")
	return`,
		"cgroup.go", "body of cgroup.remove", `var last error
	for try := 0; try < 1000; try++ {
		for _, dir := range cg.cgroups() {
			text, _ := os.ReadFile(dir + "/cgroup.procs")
			for _, word := range strings.Fields(string(text)) {
				if n, err := strconv.Atoi(word); err == nil && n != 0 {
					syscall.Kill(n, syscall.SIGKILL)
				}
			}
			last = syscall.Rmdir(dir)
		}
		if last == nil || last == syscall.ENOENT {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return last`,
	},
	"lab02": {
		"namespace.go", "body of cloneFlags", `if *own["uts"] {
		flags |= syscall.CLONE_NEWUTS
	}
	if *own["ipc"] {
		flags |= syscall.CLONE_NEWIPC
	}
	if *own["pid"] {
		flags |= syscall.CLONE_NEWPID
	}
	if *own["mnt"] {
		flags |= syscall.CLONE_NEWNS
	}
	if *own["net"] {
		flags |= syscall.CLONE_NEWNET
	}
	if *own["user"] {
		flags |= syscall.CLONE_NEWUSER
	}
	return`,
		"namespace.go", "body of mapUser", `attr.UidMappings = append(attr.UidMappings, syscall.SysProcIDMap{HostID: uid, Size: 1})
	attr.GidMappings = append(attr.GidMappings, syscall.SysProcIDMap{HostID: gid, Size: 1})`,
		"namespace.go", "body of finishNamespaces", `if *own["mnt"] {
		if err := syscall.Mount("none", "/", "none", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
			return err
		}
	}
	if !*own["cgroup"] {
		return nil
	}
	return os.NewSyscallError("unshare", syscall.Unshare(syscall.CLONE_NEWCGROUP))`,
		"barrier.go", "body of barrier.open", `err := b.r.Close()
	for i := 0; i < len(cgs) && err == nil; i++ {
		err = cgs[i].add(pid)
	}
	if err == nil {
		fmt.Fprint(b.w, "!")
	}
	b.w.Close()
	return err`,
		"barrier.go", "body of waitAtBarrier", `f := os.NewFile(3, "pipe")
	b := []byte{0}
	n, err := f.Read(b)
	f.Close()
	if n != 1 {
		return fmt.Errorf("no byte: %v", err)
	}
	return nil`,
	},
	"lab03": {
		"main.go", "body of containerProcess", `cmd := exec.Command("/proc/self/exe")
	cmd.Args = append(cmd.Args, "init")
	cmd.Args = append(cmd.Args, program...)
	cmd.SysProcAttr = new(syscall.SysProcAttr)
	for _, flag := range []uintptr{syscall.CLONE_NEWIPC, syscall.CLONE_NEWNET, syscall.CLONE_NEWNS, syscall.CLONE_NEWPID, syscall.CLONE_NEWUTS} {
		cmd.SysProcAttr.Cloneflags |= flag
	}
	return cmd`,
		"main.go", "body of mountProc", `if err := syscall.Mount("none", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return err
	}
	return syscall.Mount("none", "/proc", "proc", syscall.MS_NODEV|syscall.MS_NOEXEC|syscall.MS_NOSUID, "")`,
		"main.go", "body of become", `path, err := findProgram(program[0])
	if err == nil {
		err = fail(126, "%v", os.NewSyscallError("execve", syscall.Exec(path, append([]string{program[0]}, program[1:]...), syscall.Environ())))
	}
	return err`,
	},
	"lab04": {
		"mountinfo.go", "body of parseMount", `words := strings.Split(line, " ")
	dash := slices.Index(words, "-")
	if dash < 6 || len(words)-dash < 4 {
		return
	}
	m.root, m.point = unescape(words[3]), unescape(words[4])
	m.fstype = words[dash+1]
	m.options = strings.Split(words[dash+3], ",")
	return m, true`,
		"mountinfo.go", "body of find", `for _, line := range strings.Split(info, "\n") {
		m, isMount := parseMount(line)
		if !isMount || m.root != "/" {
			continue
		}
		var words []string
		if m.fstype == "cgroup" {
			words = m.options
		} else if m.fstype == "cgroup2" {
			words = enabled(m.point)
		}
		for _, word := range words {
			if word == controller {
				return m.point, m.fstype == "cgroup2", true
			}
		}
	}
	return`,
		"subsystem.go", "body of weight", `const fromMin, fromMax, toMin, toMax = 2, 262144, 1, 10000
	return toMin + (toMax-toMin)*(shares-fromMin)/(fromMax-fromMin)`,
		"subsystem.go", "body of cpuset.v1", `return []setting{
		{file: "cpuset.mems"},
		{file: "cpuset.cpus", value: c.cpus},
	}`,
	},
	"lab05": {
		"pipe.go", "body of spec.encode", `all := append([]string{fmt.Sprint(len(s.args)), strconv.Itoa(len(s.env))}, s.args...)
	var data []byte
	for _, text := range append(all, s.env...) {
		data = append(append(data, text...), 0)
	}
	return data`,
		"pipe.go", "body of decode", `next := func() (text string, err error) {
		i := bytes.IndexByte(data, 0)
		if i < 0 {
			return "", fmt.Errorf("the message ends early")
		}
		text, data = string(data[:i]), data[i+1:]
		return text, nil
	}
	var s spec
	var counts [2]int
	for i := range counts {
		text, err := next()
		if err != nil {
			return s, err
		}
		if counts[i], err = strconv.Atoi(text); err != nil || counts[i] < 0 || counts[i] > len(data) {
			return s, fmt.Errorf("a count is wrong: %q", text)
		}
	}
	for i, list := range []*[]string{&s.args, &s.env} {
		for n := 0; n < counts[i]; n++ {
			text, err := next()
			if err != nil {
				return spec{}, err
			}
			*list = append(*list, text)
		}
	}
	if len(data) > 0 || len(s.args) == 0 {
		return spec{}, fmt.Errorf("the message is damaged")
	}
	return s, nil`,
		"pipe.go", "body of pipe.send", `p.r.Close()
	var err error
	for _, cg := range cgs {
		if err = cg.add(pid); err != nil {
			break
		}
	}
	if err == nil {
		io.Copy(p.w, bytes.NewReader(s.encode()))
	}
	p.w.Close()
	return err`,
		"pipe.go", "body of receive", `var data bytes.Buffer
	f := os.NewFile(3, "")
	_, err := data.ReadFrom(f)
	f.Close()
	if err != nil {
		return spec{}, err
	}
	return decode(data.Bytes())`,
		"environment.go", "body of containerEnv", `order := []string{"PATH", "HOME"}
	values := map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
	set := func(name, value string) {
		if _, ok := values[name]; !ok {
			order = append(order, name)
		}
		values[name] = value
	}
	if interactive {
		set("TERM", os.Getenv("TERM"))
	}
	for _, variable := range extra {
		name, value, _ := strings.Cut(variable, "=")
		set(name, value)
	}
	var env []string
	for _, name := range order {
		env = append(env, name+"="+values[name])
	}
	return env`,
		"environment.go", "body of become", `if err := closeOnExec(3); err != nil {
		return err
	}
	os.Clearenv()
	for _, v := range s.env {
		i := strings.IndexByte(v, '=')
		if err := os.Setenv(v[:i], v[i+1:]); err != nil {
			return err
		}
	}
	path, err := findProgram(s.args[0])
	if err != nil {
		return err
	}
	if err = syscall.Exec(path, s.args, s.env); errors.Is(err, syscall.E2BIG) {
		return fail(126, "too long")
	}
	return fail(126, "execve: %v", err)`,
	},
	"lab06": {
		"root.go", "body of overlayOptions", `_ = fmt.Sprintf
	return "workdir=" + work + ",upperdir=" + upper + ",lowerdir=" + strings.Join(layers, ":")`,
		"root.go", "body of mountKernel", `for dir, flags := range map[string]uintptr{"proc": 0, "sys": syscall.MS_RDONLY} {
		fstype := map[string]string{"proc": "proc", "sys": "sysfs"}[dir]
		if err := syscall.Mount("none", root+"/"+dir, fstype, flags|syscall.MS_NODEV|syscall.MS_NOEXEC|syscall.MS_NOSUID, ""); err != nil {
			return err
		}
	}
	return nil`,
		"root.go", "body of pivotRoot", `old := filepath.Join(root, ".old")
	if err := os.Mkdir(old, 0o700); err != nil {
		return err
	}
	if err := syscall.PivotRoot(root, old); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := syscall.Unmount("/.old", syscall.MNT_DETACH); err != nil {
		return err
	}
	return os.Remove("/.old")`,
		"dev.go", "body of mountDev", `dev := root + "/dev"
	if err := syscall.Mount("none", dev, "tmpfs", syscall.MS_NOSUID, "size=64k,mode=0755"); err != nil {
		return err
	}
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	for _, n := range nodes {
		if err := syscall.Mknod(filepath.Join(dev, n.name), syscall.S_IFCHR+0o666, 256*n.major+n.minor); err != nil {
			return err
		}
	}
	for link, to := range links {
		if err := syscall.Symlink(to, dev+"/"+link); err != nil {
			return err
		}
	}
	_ = os.Chmod
	return mountPseudo(dev)`,
		"layers.go", "body of describe", `stat := info.Sys().(*syscall.Stat_t)
	switch stat.Mode & syscall.S_IFMT {
	case syscall.S_IFCHR:
		if stat.Rdev == 0 {
			return "whiteout"
		}
	case syscall.S_IFDIR:
		buffer := make([]byte, 16)
		n, _ := syscall.Getxattr(path, "trusted.overlay.opaque", buffer)
		if n == 1 && buffer[0] == 'y' {
			return "opaque"
		}
		return "directory"
	}
	return "file"`,
	},
}

func TestOtherWaysPass(t *testing.T) {
	labtest.Snapshot(t)
	o := Options{Store: store(t)}
	t.Run("all", func(t *testing.T) {
		for _, e := range exercises(t) {
			edit, ok := otherWays[e.ID()]
			if !ok {
				continue
			}
			t.Run(e.ID(), func(t *testing.T) {
				t.Parallel()
				require.Len(t, edit, 3*len(e.Tasks), "every task in another way")
				files := mutant{edit: edit}.apply(t, reference(t, e))
				r, err := RunFiles(context.Background(), e, e.ID(), files, o)
				require.NoError(t, err)
				require.True(t, r.Passed, strings.TrimSpace(summary(r)))
			})
		}
	})
}
