package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// taskCheck is the check of a task. needs are tasks without which it can't say anything of its own; parts are tasks that
// are at work, too, where the check runs the whole program.
type taskCheck struct {
	check        func(w *world) *Finding
	needs, parts []string
}

// world is the inside of the box, as the checks see it. PID 1 is the stage, and every process besides it and us has
// been started by a command.
type world struct {
	job
	proc   *os.File // /proc as it was: the one way to see a mount table if somebody covers /proc
	boxed  *os.File // the cgroup namespace for commands
	end    time.Time
	memory string   // mount point of the hierarchy with the memory controller
	v2     bool     // whether that is a v2 one
	base   []string // the mount table before the first command
	forks  int      // how often a limit of processes was hit
}

// checks is the process that runs the checks of a job.
func checks() error {
	syscall.CloseOnExec(3)
	syscall.CloseOnExec(4)
	out := json.NewEncoder(os.NewFile(3, "out"))
	w := &world{boxed: os.NewFile(4, "cgroup namespace"), end: time.Now().Add(limit)}
	if err := json.Unmarshal([]byte(os.Args[1]), &w.job); err != nil {
		return err
	}
	if w.Slow {
		w.end = time.Now().Add(10 * limit)
	}
	var err error
	if w.proc, err = os.Open("/proc"); err != nil {
		return err
	}
	w.memory, w.v2 = w.place("memory")
	w.base = w.mounts()
	plan := checksOf(w.Exercise)
	for _, task := range w.Tasks {
		if err := out.Encode(answer{Task: task, Begun: true}); err != nil {
			return err
		}
		begin := time.Now()
		f := w.one(plan[task].check)
		w.settle(&result{})
		if err := out.Encode(answer{Task: task, Finding: f, Millis: time.Since(begin).Milliseconds()}); err != nil {
			return err
		}
	}
	return nil
}

// one runs a check; a bug in it is a finding, too.
func (w *world) one(check func(*world) *Finding) (f *Finding) {
	defer func() {
		if p := recover(); p != nil {
			f = finding("check-broken", fmt.Sprintf("the check itself panicked: %v\n%s", p, debug.Stack()), "no panic", "This is a mistake of the check, not yours", "please report it")
		}
	}()
	return check(w)
}

// place returns where a controller's hierarchy is mounted, and whether it is a v2 one.
func (w *world) place(controller string) (dir string, v2 bool) {
	for _, h := range w.Hierarchies {
		if h.V2 && slices.Contains(strings.Fields(readFile(h.Point+"/cgroup.controllers")), controller) ||
			!h.V2 && slices.Contains(strings.Split(h.Words, ","), controller) {
			return h.Point, h.V2
		}
	}
	return "", false
}

// command is a command to run in the box. The name of the exercise's program stands for it.
type command struct {
	Args  []string
	By    []string // what runs it, such as unshare with its options
	Env   []string
	Stdin io.Reader
	User  int
	Fake  map[string]string // see entry
	Limit time.Duration     // 4 s if zero
	Dir   string            // /tmp if empty
}

// result is how a command ended, and what it left.
type result struct {
	Args           []string
	Stdout, Stderr string
	Code           int
	Late           bool          // it had to be killed
	Took           time.Duration //
	Leaks          []string      // mounts that it made outside of its own namespace
	Renamed        string        // the new name of the "host"
	Left           []string      // processes
	LeftCgroups    []string
	Forks          bool   // it hit the limit of processes
	Copies         int    // how many processes there were when it had to be killed
	Private        bool   // it made the mounts outside private
	call           string // the function that was called, if it was not the whole program
}

// scale lengthens a time limit for slow machines.
func (w *world) scale(d time.Duration) time.Duration {
	if w.Slow {
		return 10 * d
	}
	return d
}

// run runs a command to its end.
func (w *world) run(c command) *result { return w.start(c).wait() }

// lab runs the exercise's program with these arguments.
func (w *world) lab(args ...string) *result {
	return w.run(command{Args: append([]string{w.Exercise}, args...)})
}

// probe calls a function of the program and decodes what it returns. A program that dies in it gives a result.
func (w *world) probe(c command, into any, call string, args ...string) *result {
	c.Args = append(append(slices.Clone(c.By), w.Exercise), args...)
	c.Env = append(c.Env, "LAB_PROBE="+call)
	r := w.run(c)
	r.call = call
	const mark = "\x00probe:"
	before, answer, ok := strings.Cut(r.Stdout, mark)
	if ok {
		if err := json.Unmarshal([]byte(answer), into); err != nil {
			panic(fmt.Sprintf("probe %s: %v: %q", call, err, answer))
		}
		r.Stdout = before
		return r
	}
	if r.Code == 0 {
		r.Code = -1
	}
	return r
}

// process is a command that runs.
type process struct {
	*result
	w        *world
	cmd      *exec.Cmd
	Pid      int
	out, err limited
	begin    time.Time
	ended    chan struct{}
	input    *os.File // of hold
	over     bool
}

func (w *world) start(c command) *process {
	p := &process{w: w, result: &result{Args: c.Args, Code: -1}, ended: make(chan struct{}), begin: time.Now()}
	var procs []string
	for _, h := range w.Hierarchies {
		procs = append(procs, filepath.Join(h.Point, studentDir, "cgroup.procs"))
	}
	e, _ := json.Marshal(entry{procs, c.User, c.Fake})
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = append([]string{enterName}, c.Args...)
	cmd.Env = append(append(os.Environ(), entryEnv+"="+string(e)), c.Env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, &p.out, &p.err
	cmd.ExtraFiles = []*os.File{w.boxed}
	cmd.WaitDelay = 500 * time.Millisecond
	if cmd.Dir = c.Dir; c.Dir == "" {
		cmd.Dir = "/tmp"
	}
	p.cmd = cmd
	if err := cmd.Start(); err != nil {
		p.Stderr = err.Error()
		close(p.ended)
		return p
	}
	p.Pid = cmd.Process.Pid
	most := w.scale(4 * time.Second)
	if c.Limit != 0 {
		most = w.scale(c.Limit)
	}
	if rest := time.Until(w.end); rest < most {
		most = max(rest, 100*time.Millisecond)
	}
	go func() {
		timer := time.AfterFunc(most, func() {
			p.Late, p.Copies = true, len(others())
			syscall.Kill(-1, syscall.SIGKILL) // all but PID 1 and ourselves
		})
		cmd.Wait()
		timer.Stop()
		close(p.ended)
	}()
	return p
}

// wait waits for the end, and puts the world in order again.
func (p *process) wait() *result {
	<-p.ended
	if p.over {
		return p.result
	}
	p.over = true
	p.Took = time.Since(p.begin)
	p.Stdout = p.out.String()
	if p.Pid != 0 {
		p.Stderr = p.err.String()
	}
	if s := p.cmd.ProcessState; s != nil {
		ws := s.Sys().(syscall.WaitStatus)
		p.Code = ws.ExitStatus()
		if ws.Signaled() {
			p.Code = 128 + int(ws.Signal())
		}
	}
	p.w.settle(p.result)
	return p.result
}

// hold starts a command that ends with `echo ready; read _`, and returns when it is ready, or has ended. Its end is
// brought about by release.
func (w *world) hold(c command) *process {
	r, in, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	c.Stdin = r
	p := w.start(c)
	r.Close()
	p.input = in
	w.until(3*time.Second, func() bool { return p.dead() || strings.Contains(p.out.String(), "ready\n") })
	p.Stdout, p.Stderr = p.out.String(), p.err.String()
	return p
}

// ready says whether a held command has come to its end's beginning.
func (p *process) ready() bool { return !p.dead() && strings.Contains(p.out.String(), "ready\n") }

// release lets a held command end.
func (p *process) release() *result {
	p.input.Close()
	return p.wait()
}

func (p *process) dead() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// until polls.
func (w *world) until(most time.Duration, cond func() bool) bool {
	for end := time.Now().Add(w.scale(most)); ; time.Sleep(2 * time.Millisecond) {
		if cond() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// settle notes what a command has left in the box, and removes it.
func (w *world) settle(r *result) {
	r.Leaks = append(r.Leaks, w.heal()...)
	var u syscall.Utsname
	syscall.Uname(&u)
	var name []byte
	for _, c := range u.Nodename {
		if c == 0 {
			break
		}
		name = append(name, byte(c))
	}
	if string(name) != sandboxName {
		r.Renamed = string(name)
		syscall.Sethostname([]byte(sandboxName))
	}
	if n := w.limitHits(); n > w.forks {
		r.Forks, w.forks = true, n
	}
	w.private(r)
	w.until(time.Second, func() bool { r.Left = others(); return len(r.Left) == 0 })
	for end := time.Now().Add(2 * time.Second); len(others()) > 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		syscall.Kill(-1, syscall.SIGKILL)
	}
	for _, h := range w.Hierarchies {
		dirs, _ := os.ReadDir(h.Point)
		for _, d := range dirs {
			if d.IsDir() && d.Name() != studentDir {
				r.LeftCgroups = append(r.LeftCgroups, filepath.Join(h.Point, d.Name()))
				RemoveCgroup(filepath.Join(h.Point, d.Name()))
			}
		}
	}
}

// limitHits counts how often a process could not be made since there were too many. Kernels differ in which cgroup
// counts it: the one with the limit, or the one that the process would have been in.
func (w *world) limitHits() (hits int) {
	dir, _ := w.place("pids")
	events, _ := filepath.Glob(dir + "/*/pids.events")
	for _, file := range append(events, dir+"/pids.events") {
		n, _ := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(readFile(file)), "max "))
		hits = max(hits, n)
	}
	return hits
}

// private notes that a command has made our mounts private, as if they were its own, and shares them again.
func (w *world) private(r *result) {
	for _, line := range strings.Split(w.mountinfo(), "\n") {
		if f := strings.Fields(line); len(f) > 5 && f[4] == "/" && !strings.Contains(line, "shared:") {
			r.Private = true
			mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, "")
		}
	}
}

// heal unmounts what somebody mounted in our namespace, and says what it was. The proc file system that we hold open is
// asked, since /proc itself may be covered.
func (w *world) heal() (leaks []string) {
	for try := 0; try < 20; try++ {
		now := w.mounts()
		i := slices.IndexFunc(now, func(m string) bool { return !slices.Contains(w.base, m) })
		if i < 0 {
			return leaks
		}
		for i = len(now) - 1; slices.Contains(w.base, now[i]); i-- { // the uppermost first
		}
		point := strings.Fields(now[i])[4]
		leaks = append(leaks, point)
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil {
			return leaks
		}
	}
	return leaks
}

// mountinfo is our mount table.
func (w *world) mountinfo() string {
	fd, err := syscall.Openat(int(w.proc.Fd()), "self/mountinfo", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	f := os.NewFile(uintptr(fd), "mountinfo")
	defer f.Close()
	text, _ := io.ReadAll(f)
	return strings.TrimSpace(string(text))
}

// mounts lists our mounts, without the optional fields.
func (w *world) mounts() (list []string) {
	for _, line := range strings.Split(w.mountinfo(), "\n") {
		list = append(list, strings.Join(strings.Fields(line)[:5], " "))
	}
	return list
}

// others lists the living processes in the box that commands have started.
func others() (list []string) {
	entries, err := os.ReadDir("/proc")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == 1 || pid == os.Getpid() {
			continue
		}
		stat := readFile("/proc/" + e.Name() + "/stat")
		name, rest, _ := strings.Cut(stat, ") ")
		if rest == "" || strings.HasPrefix(rest, "Z") {
			continue
		}
		_, name, _ = strings.Cut(name, "(")
		list = append(list, name)
	}
	return list
}

// limited keeps the first megabyte of what a command writes.
type limited struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := 1<<20 - l.b.Len(); room > 0 {
		l.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (l *limited) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
