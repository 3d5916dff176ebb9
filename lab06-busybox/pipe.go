package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
)

// spec is what init has to know: the program with its arguments, and its environment.
type spec struct{ args, env []string }

// Task 5.1: encode writes a spec as bytes.
//
// Strings for execve(2) end with a NUL byte and so can't contain one; /proc/PID/cmdline
// and /proc/PID/environ are written the same way. Write each string followed by a NUL: the number
// of arguments, the number of variables, then the arguments, then the variables.
//
//lab:task 5.1
func (s spec) encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d\x00%d\x00", len(s.args), len(s.env))
	for _, list := range [][]string{s.args, s.env} {
		for _, text := range list {
			b.WriteString(text + "\x00")
		}
	}
	return b.Bytes()
}

// Task 5.2: decode reads what encode has written.
//
// A message that lacks its end, because the parent died in the middle, must be an error:
// half a command line can be a very different command. So must anything after the end, counts that
// don't fit, and a message without a program.
//
//lab:task 5.2
func decode(data []byte) (spec, error) {
	fields := bytes.SplitAfter(data, []byte{0})
	texts := make([]string, 0, len(fields))
	for _, field := range fields[:len(fields)-1] { // what follows the last NUL is no field
		texts = append(texts, string(field[:len(field)-1]))
	}
	rest := fields[len(fields)-1]
	if len(texts) < 2 || len(rest) > 0 {
		return spec{}, fmt.Errorf("the message on the pipe ends early, after %d bytes: the parent died", len(data))
	}
	args, err1 := strconv.ParseUint(texts[0], 10, 24)
	env, err2 := strconv.ParseUint(texts[1], 10, 24)
	texts = texts[2:]
	if err1 != nil || err2 != nil || args == 0 || args+env != uint64(len(texts)) {
		return spec{}, fmt.Errorf("the message on the pipe is damaged, or ends early: the parent died")
	}
	return spec{texts[:args], texts[args:]}, nil
}

// A pipe takes the spec from the parent to init. The kernel keeps what one end writes (64 KiB of
// it at most, then the writer waits) until the other end reads. Its two rules do the rest: who
// reads gets the end of the file when nobody has the write end any more, and who writes gets EPIPE
// when nobody has the read end. Both hold only if each side has closed the end it doesn't use.
type pipe struct{ r, w *os.File }

// newPipe gives cmd the read end as file descriptor 3, the first after stdin, stdout and stderr.
func newPipe(cmd *exec.Cmd) (*pipe, error) {
	r, w, err := os.Pipe()
	cmd.ExtraFiles = []*os.File{r}
	return &pipe{r, w}, err
}

// Task 5.3: send moves the started init into its cgroups and sends it the spec, so that the pipe is the
// barrier too: init has nothing to execute before it is placed.
//
// Close our copy of the read end, so that a write fails if init is dead; add pid to every
// cgroup; write the encoded spec; close the write end in any case, so that init sees the end. After
// a failure of add, send nothing.
//
//lab:task 5.3
func (p *pipe) send(cgs []*cgroup, pid int, s spec) error {
	p.r.Close()
	defer p.w.Close()
	for _, cg := range cgs {
		if err := cg.add(pid); err != nil {
			return err
		}
	}
	p.w.Write(s.encode()) // fails only if init is dead, and then wait tells how it died
	return nil
}

// Task 5.4: receive waits for the parent and returns what it sends.
//
// Read file descriptor 3 to its end, close it, decode.
//
//lab:task 5.4
func receive() (spec, error) {
	r := os.NewFile(3, "pipe")
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return spec{}, err
	}
	return decode(data)
}
