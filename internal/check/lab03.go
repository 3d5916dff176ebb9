package check

import (
	"fmt"
	"slices"
	"strings"

	"jocker/internal/labtest"
)

var lab03 = map[string]taskCheck{
	"3.1": {check: checkContainerProcess},
	"3.2": {check: checkMountProc},
	"3.3": {check: checkBecome, needs: []string{"3.1", "3.2"}},
}

func checkContainerProcess(w *world) *Finding {
	const see = `The idea; The program; man 2 clone`
	var got struct {
		Path  string
		Args  []string
		Flags uint64
	}
	program := []string{"sh", "-c", "two  words", ""}
	r := w.probe(command{}, &got, "containerProcess", program...)
	if f := w.failed(r, see); f != nil {
		return f
	}
	observed := fmt.Sprintf("%s with the arguments %q", got.Path, got.Args)
	expected := fmt.Sprintf("/proc/self/exe with the arguments %q", append([]string{"/proc/self/exe", "init"}, program...))
	switch {
	case got.Path != "/proc/self/exe":
		return finding("not-itself", observed, expected, "Somebody has to mount /proc inside, before the user's program is there: that is this program's own second life. /proc/self/exe is a link to the running program, wherever it lies", see)
	case len(got.Args) < 2 || got.Args[1] != "init":
		return finding("no-init-word", observed, expected, "main tells its two lives apart by the first argument: without init the second life would be a parent, or a usage message", see)
	case !slices.Equal(got.Args[2:], program):
		return finding("program-changed", observed, expected, "An argument list is a list: what is joined or dropped here, the user's program never gets", see)
	}
	for _, k := range kinds {
		want := k.name != "user" && k.name != "cgroup"
		if have := got.Flags&k.flag != 0; have && !want {
			return finding("extra-"+k.name, "there is a new "+k.name+" namespace, too", "new UTS, PID, mount, network and IPC namespaces", "In a new user namespace without a map root is nobody; and a cgroup namespace made before the child is in its cgroup has the wrong root", see)
		} else if !have && want {
			return finding("no-own-"+k.name, "the flags are those of: "+flagNames(got.Flags), "UTS, PID, mount, network and IPC", map[string]string{
				"uts": "sethostname inside would rename the host", "pid": "the program would not be number 1, and would see the host's processes, and could kill them",
				"mnt": "mounting /proc would cover the host's", "net": "the program could listen on the host's ports, and change its network", "ipc": "message queues and shared memory of the host would be in reach",
			}[k.name], see)
		}
	}
	return nil
}

// container finds the process that a lab runs for the user: its child, but not the guard.
func (w *world) container(parent int) (pid int) {
	w.until(1e9, func() bool {
		for _, child := range labtest.Children(parent) {
			if args := labtest.Cmdline(child); len(args) > 0 && !strings.Contains(strings.Join(args, " "), "-guard") {
				pid = child
			}
		}
		return pid != 0
	})
	return pid
}

// inside runs a command as number 1 of new PID and mount namespaces, whose mounts are as shared as they were outside.
var inside = []string{"unshare", "--pid", "--fork", "--mount", "--propagation", "unchanged"}

// refused is for a function that returned an error and should not have.
func refused(call, err, see string) *Finding {
	f := finding("call-refused", fmt.Sprintf("%s returned the error %q", call, err), "no error",
		"The kernel refused one of its system calls: it was given something else than you meant, or came at the wrong moment", see)
	f.Explain = Explain(call + ": " + err)
	return f
}

func checkMountProc(w *world) *Finding {
	const see = `Why; Break it on purpose; man 7 mount_namespaces`
	const seeProc = `Why; man 5 proc`
	var got struct {
		Err, First, Self, Mounts string
		Numbers                  int
	}
	r := w.probe(command{By: inside}, &got, "mountProc")
	if f := halfPrivate(got.Mounts, see); f != nil && len(r.Leaks) > 0 {
		return f
	}
	if f := w.failed(r, see); f != nil {
		return f
	}
	if got.Err != "" {
		return refused("mountProc()", got.Err, see)
	}
	if got.First == "" || got.First != got.Self {
		return finding("proc-not-mounted", fmt.Sprintf("inside, /proc lists %d processes, and number 1 is in the PID namespace %q, the reader in %q", got.Numbers, got.First, got.Self), "the container's own number 1",
			"A proc file system shows the PID namespace of whoever mounted it. The one at /proc is the host's, whatever namespace the reader is in: ps lists the host, and $$ is 1 at the same time", seeProc)
	}
	var options string
	for _, line := range strings.Split(got.Mounts, "\n") {
		if f := strings.Fields(line); len(f) > 9 && f[4] == "/proc" {
			options = f[5]
		}
	}
	for _, want := range []string{"nosuid", "nodev", "noexec"} {
		if !slices.Contains(strings.Split(options, ","), want) {
			return finding("proc-flags", "/proc is mounted with "+options, "nosuid, nodev and noexec among them", "Nothing in /proc is meant to be executed, to give rights or to be a device; what isn't needed can't be abused", seeProc+"; man 8 mount")
		}
	}
	return propagation(got.Mounts, see)
}

func checkBecome(w *world) *Finding {
	return w.become("lab03", nil)
}

// become checks the last step of init in labs 03 and 05: the program takes the place of init.
func (w *world) become(lab string, before []string) *Finding {
	const see = `lab03: The idea; man 2 execve`
	const changed = "execve takes the path and the argument list apart: the first element of the list is the name by which the program was called, and the program reads its arguments from the second on"
	if r := w.lab("run", "cat", "/proc/self/cmdline"); r.Code == 0 && !strings.HasSuffix(r.Stdout, "cat\x00/proc/self/cmdline\x00") && w.bad(r) == nil {
		return finding("argv-changed", fmt.Sprintf("`%s run cat /proc/self/cmdline` printed %s, which is cat's own arguments", lab, quote(r.Stdout)), quote("cat\x00/proc/self/cmdline\x00"), changed, see).with(r)
	}
	program := []string{"sh", "-c", "echo pid=$$; echo ready; read _; exit 0", "two  words", ""}
	p := w.hold(command{Args: append([]string{lab, "run", "-ti"}, program...)})
	var args []string
	if p.ready() {
		args = labtest.Cmdline(w.container(p.Pid))
	}
	r := p.release()
	if f := w.bad(r); f != nil && f.Name != "process-left" {
		return f
	}
	noSuchFile := strings.Contains(r.Stderr, "no such file or directory")
	switch {
	case strings.Contains(r.Stdout, "ready\n") && !strings.Contains(r.Stdout, "pid=1\n"), len(args) > 1 && args[1] == "init":
		return finding("runtime-is-pid-1", fmt.Sprintf("the container's number 1 runs %q, and the user's program has another number", args), fmt.Sprintf("number 1 runs %q", program),
			"os/exec starts a child and waits: number 1 stays the runtime, which gets the signals meant for the program and inherits the orphans. execve(2) replaces the program of the process that calls it; number, namespaces and cgroup stay", see+`; man 7 pid_namespaces, "The namespace init process"`).with(r)
	case r.Code != 0 && noSuchFile:
		if abs := w.lab("run", "/bin/sh", "-c", "exit 0"); abs.Code == 0 {
			return finding("no-path-lookup", "`"+lab+" run sh` fails with \"no such file or directory\"; `"+lab+" run /bin/sh` works", "both work",
				"PATH is a matter of shells and libraries. The kernel's execve takes its argument for a path, and looks for a file sh in the working directory", `lab03: Break it on purpose; man 2 execve; man 3 exec`).with(r)
		}
	}
	if f := w.failed(r, see); f != nil {
		return f
	}
	if !slices.Equal(args, program) {
		return finding("argv-changed", fmt.Sprintf("the program's arguments are %q", args), fmt.Sprintf("%q", program),
			changed, see)
	}
	if f := w.environmentKept(lab, see); lab == "lab03" && f != nil {
		return f
	}
	garbage := w.files("programs", map[string]string{"garbage": "not a program"}) + "/garbage"
	w.run(command{Args: []string{"chmod", "755", garbage}})
	for _, c := range []struct {
		program string
		code    int
	}{{garbage, 126}, {"no-such-program", 127}, {"/tmp", 126}} {
		r := w.lab("run", c.program)
		if f := w.bad(r); f != nil {
			return f
		}
		if r.Code != c.code {
			return finding("exec-code", fmt.Sprintf("`%s run %s` ended with exit code %d", lab, c.program, r.Code), fmt.Sprint(c.code), "By custom 127 says that there is no such program, 126 that there is one and it can't be executed: the caller can tell them from the program's own codes", `lab03: Break it on purpose; man 1 sh`).with(r)
		}
	}
	return nil
}

func (w *world) environmentKept(lab, see string) *Finding {
	r := w.run(command{Args: []string{lab, "run", "sh", "-c", "echo $GREETING"}, Env: []string{"GREETING=hello there"}})
	if r.Stdout != "hello there\n" {
		return finding("environment-lost", "the program doesn't see our variable GREETING: it prints "+quote(r.Stdout), quote("hello there\n"),
			"execve takes the environment as its third argument. What isn't in that list the new program hasn't got", see+"; man 7 environ").with(r)
	}
	return nil
}
