package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

var lab05 = map[string]taskCheck{
	"5.1": {check: checkEncode},
	"5.2": {check: checkDecode},
	"5.3": {check: checkSend, needs: []string{"5.1"}},
	"5.4": {check: checkReceive, needs: []string{"5.1", "5.2"}},
	"5.5": {check: checkContainerEnv},
	"5.6": {check: checkBecomeSpec, needs: []string{"5.1", "5.2", "5.3", "5.4", "5.5"}},
}

// message is a spec as it travels to the probe: as bytes, for JSON would change what isn't UTF-8.
type message struct{ Args, Env [][]byte }

func newMessage(args, env []string) (m message) {
	for _, a := range args {
		m.Args = append(m.Args, []byte(a))
	}
	for _, e := range env {
		m.Env = append(m.Env, []byte(e))
	}
	return m
}

// encoded is what the message should look like on the pipe.
func (m message) encoded() []byte {
	b := []byte(fmt.Sprintf("%d\x00%d\x00", len(m.Args), len(m.Env)))
	for _, text := range append(slices.Clone(m.Args), m.Env...) {
		b = append(append(b, text...), 0)
	}
	return b
}

func (m message) String() string { return fmt.Sprintf("arguments %q, environment %q", m.Args, m.Env) }

func (m message) equal(o message) bool {
	same := func(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }
	return same(m.Args, o.Args) && same(m.Env, o.Env)
}

// awkward is a message that finds out who takes arguments for words.
var awkward = newMessage([]string{"sh", "-c", "echo a  b", "", "new\nline", "\xff\xfe", `"'$`}, []string{"A=1 2", "EMPTY=", "B=x=y"})

func input(v any) command {
	text, _ := json.Marshal(v)
	return command{Stdin: bytes.NewReader(text)}
}

func checkEncode(w *world) *Finding {
	const see = `The idea; man 2 execve; man 5 proc_pid_cmdline`
	for _, m := range []message{awkward, newMessage([]string{"true"}, nil)} {
		var got []byte
		r := w.probe(input(m), &got, "encode")
		if f := w.failed(r, see); f != nil {
			return f
		}
		if bytes.Equal(got, m.encoded()) {
			continue
		}
		observed, expected := fmt.Sprintf("of %v: %q", m, got), fmt.Sprintf("%q", m.encoded())
		switch {
		case bytes.Count(got, []byte{0}) < bytes.Count(m.encoded(), []byte{0})-2 && bytes.Contains(got, []byte("-c echo")):
			return finding("split-on-spaces", observed, expected, "A blank is a byte like any other, within an argument too. The one byte that can't be in an argument is NUL, for it ends a string: that is why it can separate them. Joined with blanks, `sh -c \"echo a  b\"` comes out as other arguments than went in", see)
		case len(got) > 0 && got[len(got)-1] != 0:
			return finding("nul-between", observed, expected, "A NUL ends a string; it doesn't merely stand between two. Without the last one nobody can tell a whole message from one that was cut off, and an empty last string is not there at all", see)
		case bytes.Count(got, []byte{0}) < bytes.Count(m.encoded(), []byte{0}):
			return finding("empty-dropped", observed, expected, "An empty argument is an argument: execve takes it, and the program gets it", see)
		default:
			return finding("wrong-form", observed, expected, "Number of arguments, number of variables, the arguments, the variables: each followed by a NUL", see)
		}
	}
	return nil
}

func checkDecode(w *world) *Finding {
	const see = `The idea; Break it on purpose; man 7 pipe`
	whole := awkward.encoded()
	list := [][]byte{whole, newMessage([]string{"true"}, nil).encoded()}
	for n := range whole {
		list = append(list, whole[:n])
	}
	bad := map[int]string{}
	for name, text := range map[string]string{"trailing-bytes": string(whole) + "more\x00", "trailing-bytes ": string(whole) + "x", "counts-unchecked": "3\x001\x00a\x00b\x00",
		"counts-unchecked ": "x\x001\x00a\x00b\x00", "counts-unchecked  ": "-1\x003\x00a\x00b\x00", "counts-unchecked   ": "99999999999\x000\x00a\x00", "no-program": "0\x001\x00A=1\x00"} {
		bad[len(list)] = strings.TrimSpace(name)
		list = append(list, []byte(text))
	}
	var got []struct {
		Spec       message
		Err, Panic string
	}
	r := w.probe(input(list), &got, "decode")
	if f := w.failed(r, see); f != nil {
		return f
	}
	for i, g := range got {
		if g.Panic != "" {
			return finding("panics", fmt.Sprintf("of %q: decode panicked: %s", list[i], g.Panic), "an error: this isn't a whole message",
				"What comes over a pipe may end anywhere, if the writer dies. Whoever takes it apart looks at how much there is before each step", see)
		}
	}
	for i, want := range []message{awkward, newMessage([]string{"true"}, nil)} {
		if got[i].Err != "" || !got[i].Spec.equal(want) {
			return finding("not-the-same", fmt.Sprintf("of %q: %v, error %q", list[i], got[i].Spec, got[i].Err), want.String(), "What goes in on one side comes out on the other, byte for byte", see)
		}
	}
	for i := 2; i < len(list); i++ {
		if got[i].Err != "" {
			continue
		}
		observed := fmt.Sprintf("of %q: %v, and no error", list[i], got[i].Spec)
		switch bad[i] {
		case "":
			return finding("half-message", observed, "an error: this is a message without its end", "If the parent dies while it writes, the reader gets what has been written, and then the end of the file. Half a command line can be a very different command", see)
		case "trailing-bytes":
			return finding("trailing-bytes", observed, "an error: something follows the end", "What the counts don't account for was not meant, or the counts are wrong: either way nobody knows what was", see)
		case "no-program":
			return finding("no-program", observed, "an error: there is no program", "execve needs a program; a list without one would take the next step down", see)
		default:
			return finding("counts-unchecked", observed, "an error: the counts and the strings don't agree", "A number that comes from outside is a claim, and is compared with what is there before anything is built on it", see)
		}
	}
	return nil
}

func checkSend(w *world) *Finding {
	const see = `The idea; Break it on purpose; man 7 pipe`
	type answer struct {
		Err                string
		Hangs, Placed, EOF bool
		Data               []byte
	}
	send := func(m message, dirs ...string) (a answer, f *Finding) {
		c := input(m)
		c.Env = []string{"LAB_DELAY=60"}
		return a, w.failed(w.probe(c, &a, "send", dirs...), see)
	}
	one, two := w.files("one", map[string]string{"cgroup.procs": ""}), w.files("two", map[string]string{"cgroup.procs": ""})
	a, f := send(awkward, one, two)
	placed := readFile(one+"/cgroup.procs") == "4242" && readFile(two+"/cgroup.procs") == "4242"
	switch {
	case f != nil:
		return f
	case a.Hangs || !a.EOF:
		return finding("write-end-open", "init gets no end of the file: it reads on, and waits", "the end of the file after the message",
			"A pipe ends for its reader when the last copy of the write end is closed, and not before. Init reads to the end, we wait for init: both for ever", see)
	case len(a.Data) == 0:
		return finding("nothing-sent", fmt.Sprintf("nothing came through the pipe, error %q", a.Err), "the encoded message", "Init sleeps in read(2) until something comes, or the end", see)
	case !a.Placed && placed:
		return finding("sent-too-early", "the message began to come before init was in its cgroups", "first all cgroups, then the message",
			"The pipe is the barrier, too: with the message init has all it needs, and runs on at once. What it does before it is moved is unlimited", see)
	case !placed:
		return finding("not-in-every-cgroup", fmt.Sprintf("of two cgroups, cgroup.procs got %q and %q", readFile(one+"/cgroup.procs"), readFile(two+"/cgroup.procs")), "4242 in both", "On v1 a process is in one cgroup of each hierarchy, and each has to be told", see)
	case !bytes.Equal(a.Data, awkward.encoded()):
		return finding("message-changed", fmt.Sprintf("on the pipe: %q", a.Data), fmt.Sprintf("%q", awkward.encoded()), "The message is what encode makes, and nothing else", see)
	}
	if a, f = send(awkward, "/tmp/fake/not/there"); f != nil {
		return f
	}
	switch {
	case len(a.Data) > 0:
		return finding("sent-after-failure", "init could not be moved into its cgroup, and got the message nevertheless", "nothing but the end of the file", "Then the program runs without the limit that the user asked for, and nobody notices", see)
	case a.Err == "":
		return finding("failure-dropped", "init could not be moved into its cgroup, and send returned no error", "the error of add", "What isn't said here is said nowhere", see)
	case !a.EOF:
		return finding("write-end-open", "after a failure init gets no end of the file", "the end of the file", "A pipe ends for its reader when the last copy of the write end is closed. Until then init sleeps, and we wait for init", see)
	}
	long := newMessage([]string{"echo", strings.Repeat("x", 300_000)}, nil)
	if a, f = send(long, "dead"); f != nil && f.Name != "hangs" {
		return f
	}
	if f != nil || a.Hangs {
		return finding("read-end-kept", "init is dead, the message is longer than the pipe holds, and send never returns", "it returns at once",
			"The kernel keeps 64 KiB that nobody has read; then write(2) sleeps until somebody reads. EPIPE, the way out, comes only when the last copy of the read end is closed, and one copy is ours", see)
	}
	if a, f = send(long, one); f != nil {
		return f
	}
	if !bytes.Equal(a.Data, long.encoded()) {
		return finding("message-changed", fmt.Sprintf("of a message of %d bytes %d came", len(long.encoded()), len(a.Data)), "all of it", "write(2) on a pipe sleeps until there is room for more", see)
	}
	return nil
}

func checkReceive(w *world) *Finding {
	const see = `The idea; man 7 pipe`
	var a struct {
		Spec               message
		Err                string
		Early, Kept, Hangs bool
	}
	long := newMessage([]string{"echo", strings.Repeat("y", 40_000)}, []string{"A=1"})
	for _, m := range []message{awkward, long} {
		r := w.probe(input(m), &a, "receive")
		if f := w.failed(r, see); f != nil {
			return f
		}
		switch {
		case a.Hangs:
			return finding("receive-hangs", "the message was there, to its end, and receive did not return", "the message", "The end of the file is the end of the message", see)
		case a.Early:
			return finding("one-read", fmt.Sprintf("receive returned when half of the message had come: error %q", a.Err), "it reads on to the end of the file",
				"read(2) on a pipe returns what is there at the moment, be it a part of what somebody is about to write. A pipe knows no messages, only bytes and an end", see)
		case a.Err != "" || !a.Spec.equal(m):
			return finding("one-read", fmt.Sprintf("of a message of %d bytes receive made %s, error %q", len(m.encoded()), quote(a.Spec.String()), a.Err), "the whole message",
				"read(2) returns what is there at the moment, and at most as much as the buffer holds", see)
		case a.Kept:
			return finding("pipe-kept", "file descriptor 3 is still open afterwards", "it is closed", "What is open is inherited: the user's program would find our pipe among its files", see)
		}
	}
	return nil
}

func checkContainerEnv(w *world) *Finding {
	const see = `The program; man 7 environ`
	env := func(args ...string) (got []string, f *Finding) {
		r := w.probe(command{Env: []string{"SECRET=token", "TERM=vt100", "PATH=" + binDir + ":/of/the/host:/usr/bin:/bin"}}, &got, "containerEnv", args...)
		return got, w.failed(r, see)
	}
	has := func(list []string, name string) (values []string) {
		for _, v := range list {
			if strings.HasPrefix(v, name+"=") {
				values = append(values, v)
			}
		}
		return values
	}
	got, f := env("")
	if f != nil {
		return f
	}
	observed := fmt.Sprintf("without options the environment is %q", got)
	switch {
	case len(has(got, "SECRET")) > 0:
		return finding("environment-leaks", observed, "no variable of ours", "A process gets the environment that execve is given, and by habit that is the caller's. In yours there may be tokens, addresses of proxies, sockets of agents: all of it would be in the container's /proc/1/environ", see)
	case len(has(got, "PATH")) == 1 && strings.Contains(has(got, "PATH")[0], "/of/the/host"):
		return finding("path-inherited", observed, "a PATH that is the same whoever calls", "Your PATH names folders of your machine, your home among them. The container's files are its own: from lab 06 on none of those folders is there", see)
	case len(has(got, "PATH")) != 1 || len(has(got, "HOME")) != 1 || has(got, "HOME")[0] != "HOME=/root":
		return finding("no-basics", observed, "PATH and HOME=/root, once each", "Without PATH a shell in the container finds no program", see)
	case len(has(got, "TERM")) > 0:
		return finding("term-unasked", observed, "no TERM", "TERM describes a terminal, and there is none without -ti", see)
	}
	if got, f = env("ti"); f != nil {
		return f
	}
	if term := has(got, "TERM"); !slices.Equal(term, []string{"TERM=vt100"}) {
		return finding("no-term", fmt.Sprintf("with -ti and our TERM=vt100: %q", term), `["TERM=vt100"]`, "The terminal is ours, handed over: programs in the container must know what kind it is", see)
	}
	if got, f = env("ti", "A=1", "PATH=/mine", "A=2", "PATHS=x", "TERM=dumb", "E="); f != nil {
		return f
	}
	observed = fmt.Sprintf("with A=1 PATH=/mine A=2 PATHS=x TERM=dumb E=: %q", got)
	for name, want := range map[string]string{"A": "A=2", "PATH": "PATH=/mine", "TERM": "TERM=dumb", "PATHS": "PATHS=x", "E": "E=", "HOME": "HOME=/root"} {
		values := has(got, name)
		switch {
		case len(values) > 1:
			return finding("variable-twice", observed, "each name once", "The kernel copies the list as it is. Which of two a program sees is its own affair: the C library takes the first, bash the last", see)
		case len(values) == 0:
			return finding("variable-lost", observed, want+" among them", "Each of the user's variables replaces the one of the same name, or is added", see)
		case values[0] != want:
			return finding("variable-not-replaced", observed, want+" among them", "The user's word counts, and of two words the later one", see)
		}
	}
	return nil
}

func checkBecomeSpec(w *world) *Finding {
	const see = `The program; man 2 execve`
	if f := w.become("lab05", nil); f != nil {
		return f
	}
	dir := w.files("path", map[string]string{"only-here": "#!/bin/sh\necho found\n"})
	w.run(command{Args: []string{"chmod", "755", dir + "/only-here"}})
	r := w.lab("run", "-e", "PATH="+dir, "only-here")
	if f := w.bad(r); f != nil {
		return f
	}
	if r.Stdout != "found\n" {
		return finding("host-path", fmt.Sprintf("with -e PATH=%s, the program only-here in it was not found: exit code %d", dir, r.Code), "it runs",
			"Looking up is done by the caller of execve, with the PATH that the caller has. The container's own PATH counts only if it is ours by then", see).with(r)
	}
	r = w.run(command{Args: []string{"lab05", "run", "only-here"}, Env: []string{"PATH=" + dir + ":/tmp/bin:/usr/bin:/bin:/usr/sbin:/sbin"}})
	if r.Code != 127 {
		return finding("host-path", fmt.Sprintf("a program that only our own PATH leads to was found: exit code %d", r.Code), "127: the container's PATH doesn't lead there",
			"Looking up is done by the caller of execve, with the PATH that the caller has. The container's own PATH counts only if it is ours by then", see).with(r)
	}
	r = w.run(command{Args: []string{"sh", "-c", `exec 7</etc/passwd 9</; exec lab05 run -ti sh -c 'echo /proc/self/fd/*'`}})
	if f := w.failed(r, see); f != nil {
		return f
	}
	if strings.Contains(r.Stdout, "/fd/7") || strings.Contains(r.Stdout, "/fd/9") {
		return finding("fd-leak", "files that were open before are open in the program, too: "+strings.TrimSpace(r.Stdout), "0, 1 and 2, and what the program itself opens",
			"execve keeps every file descriptor that isn't marked close-on-exec. An open directory of the host is a way out of the container: CVE-2024-21626 was one", see+"; man 2 close_range").with(r)
	}
	r = w.lab("run", "-e", "A=1 2", "-e", "E=", "cat", "/proc/self/environ")
	if f := w.failed(r, see); f != nil {
		return f
	}
	if !strings.Contains(r.Stdout, "\x00A=1 2\x00") || !strings.Contains(r.Stdout, "\x00E=\x00") || strings.Contains(r.Stdout, "JOCKER") {
		return finding("environment-changed", "the program's environment is "+quote(r.Stdout), "exactly the one that was sent", "execve takes the environment as its third argument", see).with(r)
	}
	return nil
}
