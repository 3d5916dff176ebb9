package check

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// answer is what comes out of the box about a task.
type answer struct {
	Task    string
	Begun   bool // the first message of each task; a second one follows when it is done
	Ready   bool `json:"ready"`
	Finding *Finding
	Millis  int64
}

// limit is how long a check may take, without building. On a slow machine (LAB_SLOW=1) ten times as long.
const limit = 14 * time.Second

// sandbox runs a job in a box of its own, and removes the box.
func sandbox(ctx context.Context, j job) (done map[string]answer, notes []string, err error) {
	b, err := newBox()
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if removeErr := b.remove(); removeErr != nil && err == nil {
			err = fmt.Errorf("the check's cgroup could not be removed: %w", removeErr)
		}
	}()
	j.Hierarchies = b.hierarchies

	// PR_SET_PDEATHSIG fires when the thread that forked ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	told, tell, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	hear, heard, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer hear.Close()
	defer tell.Close()
	var stderr bytes.Buffer
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{stageName}
	cmd.Dir, cmd.ExtraFiles, cmd.Stderr = "/", []*os.File{told, heard}, &stderr
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL, Setsid: true,
	}
	err = cmd.Start()
	told.Close()
	heard.Close()
	if err != nil {
		return nil, nil, fmt.Errorf("no namespaces for the check (are we in a container?): %w", err)
	}
	most := limit
	if j.Slow {
		most *= 10
	}
	late := false
	timer := time.AfterFunc(most+2*time.Second, func() { late = true; cmd.Process.Kill() })
	defer timer.Stop()
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()

	home := b.places()
	answers := json.NewDecoder(hear)
	fail := func(err error) (map[string]answer, []string, error) {
		cmd.Process.Kill()
		cmd.Wait()
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		return nil, nil, fmt.Errorf("the box for the check could not be made: %w\n%s", err, strings.TrimSpace(stderr.String()))
	}
	if err := b.place(cmd.Process.Pid, nil); err != nil {
		return fail(err)
	}
	if err := json.NewEncoder(tell).Encode(j); err != nil {
		return fail(err)
	}
	var a answer
	if err := answers.Decode(&a); err != nil || !a.Ready {
		return fail(err)
	}
	if err := b.place(cmd.Process.Pid, home); err != nil {
		return fail(err)
	}
	fmt.Fprintln(tell, true)

	done = map[string]answer{}
	for {
		var a answer
		if err := answers.Decode(&a); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fail(err)
		}
		done[a.Task] = a
	}
	waitErr := cmd.Wait()
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	for task, a := range done {
		if a.Begun { // it has begun, and never ended
			a.Finding = finding("box-destroyed", fmt.Sprintf("the whole box had to be thrown away (%v)", waitErr), "a program that ends",
				"The program took down what watched it, or the check's time was over: the kernel then ended everything in the PID namespace", "man 7 pid_namespaces")
			a.Finding.Output = strings.TrimSpace(stderr.String())
			done[task] = a
		}
	}
	if len(done) < len(j.Tasks) {
		if !late && len(done) == 0 {
			return fail(waitErr)
		}
		for _, task := range j.Tasks {
			if _, ok := done[task]; !ok {
				done[task] = answer{Task: task, Finding: finding("no-time-left", "the time for the check was over before this task's turn", "a check within "+most.String(),
					"Something before it took too long: see the first finding", "man 7 pid_namespaces")}
			}
		}
	}
	return done, b.notes, nil
}
