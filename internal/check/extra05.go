package check

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

var errpipeChecks = map[string]taskCheck{"errpipe.1": {check: checkErrpipeBecome, needs: []string{"errpipe.2"}}, "errpipe.2": {check: checkOutcome}}

func checkErrpipeBecome(w *world) *Finding {
	const see = `man 2 execve; man 2 fcntl; man 7 pipe`
	r := w.lab("sh", "-c", "echo /proc/self/fd/*; sleep 0.3; echo end >&2")
	if f := w.bad(r); f != nil {
		return f
	}
	running, end := strings.Index(r.Stderr, "errpipe: running"), strings.Index(r.Stderr, "end\n")
	switch {
	case running > end:
		return finding("not-close-on-exec", "\"running\" was said when the program had ended", "as soon as it runs",
			"The program has inherited the write end and holds it open without knowing, so the pipe ends when the program does. A descriptor that comes from the parent through ExtraFiles is meant to be inherited: that is why it isn't close-on-exec", see).with(r)
	case running < 0 || r.Code != 0:
		return finding("run-fails", fmt.Sprintf("`errpipe sh` ended with exit code %d", r.Code), "0, and the word running", "The program did not run, or its parent thinks so", see).with(r)
	case strings.Contains(r.Stdout, "/fd/3 ") && strings.Contains(r.Stdout, "/fd/4"):
		return finding("not-close-on-exec", "the program has the pipe among its files: "+r.Stdout, "0, 1 and 2", "execve keeps what isn't marked close-on-exec", see)
	}
	garbage := w.files("programs", map[string]string{"garbage": "\x7fELF nonsense"}) + "/garbage"
	os.Chmod(garbage, 0o755)
	for _, c := range []struct{ program, text, name string }{
		{garbage, "exec format error", "errno-lost"}, {"no-such-program", "no such file or directory", "errno-lost"},
	} {
		r := w.lab(c.program)
		if f := w.bad(r); f != nil {
			return f
		}
		if r.Code != 126 || !strings.Contains(r.Stderr, c.text) {
			return finding(c.name, fmt.Sprintf("`errpipe %s` ended with exit code %d and said %s", c.program, r.Code, quote(r.Stderr)), "126, and "+quote(c.text),
				"execve returns only if it failed, and then the errno is the one thing that the parent can't find out by itself", see).with(r)
		}
	}
	return nil
}

func checkOutcome(w *world) *Finding {
	const see = `man 7 pipe; man 3 errno`
	for _, c := range []struct {
		text          string
		want          int
		name, meaning string
	}{
		{"", 0, "end-is-no-error", "The end of the file without a byte: the kernel closed the pipe, because execve worked"},
		{"\x02\x00\x00\x00", 2, "errno-lost", "Four bytes, the lowest first"},
		{"\x07\x00\x00\x00", 7, "errno-lost", "Four bytes, the lowest first"},
		{"\x02\x00", 5, "half-a-message", "Two bytes are what a child leaves that was killed while it wrote: neither success nor an errno"},
		{"\x02\x00\x00\x00more", 5, "half-a-message", "More than four bytes were not meant"},
	} {
		var got int
		if f := w.failed(w.probe(command{}, &got, "outcome", strconv.Quote(c.text)), see); f != nil {
			return f
		}
		if got != c.want {
			return finding(c.name, fmt.Sprintf("of %q: errno %d", c.text, got), fmt.Sprint(c.want), c.meaning, see)
		}
	}
	var got int
	w.probe(command{}, &got, "outcome")
	if got != 5 {
		return finding("read-error-is-success", fmt.Sprintf("when the pipe can't be read: errno %d", got), "5, EIO", "An error is no end of the file", see)
	}
	return nil
}

var fdpassChecks = map[string]taskCheck{"fdpass.1": {check: checkSendFd}, "fdpass.2": {check: checkReceiveFd}}

const seeFdpass = `man 7 unix, "Ancillary messages"; man 3 cmsg`

func checkSendFd(w *world) *Finding {
	var got struct {
		Name, Err string
		Rights    int
		Nothing   bool
	}
	if f := w.failed(w.probe(command{}, &got, "send", "a name"), seeFdpass); f != nil {
		return f
	}
	switch {
	case got.Nothing || got.Err != "":
		return finding("nothing-sent", fmt.Sprintf("nothing came through the socket, error %q", got.Err), "a message", "On a stream socket a control message travels with data: without a byte nothing is sent, and no error says so", seeFdpass)
	case got.Rights != 1:
		return finding("no-rights", fmt.Sprintf("%d descriptors came with the message", got.Rights), "1", "A number written as data is just a number. Only in a control message (SCM_RIGHTS) does the kernel give the receiver a descriptor of its own", seeFdpass)
	case got.Name != "a name":
		return finding("name-lost", "the data is "+quote(got.Name), `"a name"`, "The name is the data of the message", seeFdpass)
	}
	got.Err = ""
	w.probe(command{}, &got, "send", "")
	if got.Err == "" {
		return finding("empty-name", "a message with an empty name was sent, or seemed to be", "an error", "On a stream socket a control message without data isn't sent", seeFdpass)
	}
	return nil
}

func checkReceiveFd(w *world) *Finding {
	var got struct {
		Name, Err          string
		EOF, Open, Cloexec bool
		More               int
	}
	receive := func(what string) *Finding {
		got.Err = ""
		return w.failed(w.probe(command{}, &got, "receive", what), seeFdpass)
	}
	if f := receive("one"); f != nil {
		return f
	}
	switch {
	case got.Err != "" || !got.Open || got.Name != "name":
		return finding("not-received", fmt.Sprintf("name %q, error %q, open %v", got.Name, got.Err, got.Open), "an open descriptor, and its name", "The descriptor is in the control part of the message, not in its data", seeFdpass)
	case !got.Cloexec:
		return finding("not-close-on-exec", "the descriptor isn't close-on-exec", "it is, from the first moment", "Between receiving and marking it, another thread may fork and exec, and the file leaks. Only the kernel can do both at once", seeFdpass)
	}
	if f := receive("end"); f != nil {
		return f
	}
	if !got.EOF {
		return finding("end-is-no-message", fmt.Sprintf("when the sender has gone: error %q", got.Err), "io.EOF", "Zero bytes are the end of a stream", seeFdpass)
	}
	for _, what := range []string{"none", "two"} {
		if f := receive(what); f != nil {
			return f
		}
		if got.Err == "" {
			return finding("wrong-number", "a message with "+what+" descriptors was accepted", "an error", "What comes over a socket is another's word", seeFdpass)
		}
		if got.More > 0 {
			return finding("descriptor-leak", fmt.Sprintf("a message with %s descriptors was refused, and %d stayed open", what, got.More), "none", "The kernel installs descriptors whether they were expected or not: the receiver has them, and has to close them", seeFdpass)
		}
	}
	return nil
}
