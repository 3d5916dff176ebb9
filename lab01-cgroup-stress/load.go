package main

import (
	"flag"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// load does what `stress --vm-bytes 200m --vm-keep -m 1` does, for machines without stress and for
// -plot: like stress it starts workers that fill memory, waits for them, and exits with 1 if one
// of them was killed. With --step and --every a worker grows at a pace that an eye can follow.
func load(args []string) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	size := flags.String("vm-bytes", "256m", "bytes that each worker fills")
	flags.Bool("vm-keep", true, "keep the memory (always on)")
	quiet := flags.Bool("q", false, "say nothing when it begins")
	workers := flags.Uint("m", 1, "number of workers")
	step := flags.String("step", "max", "grow by this much ...")
	every := flags.Duration("every", 100*time.Millisecond, "... each time")
	timeout := flags.String("t", "", "end after so many seconds")
	worker := flags.Bool("worker", false, "be a worker")
	if err := flags.Parse(args); err != nil {
		return fail(125, "load: %v\n%s", err, usage)
	}
	if flags.NArg() > 0 {
		return fail(125, "load: what is %q? Only options are wanted\n%s", flags.Arg(0), usage)
	}
	bytes, err := parseSize(*size)
	if err != nil {
		return fail(125, "load: --vm-bytes %s: a whole number above 0 of bytes, or of k, m or g, is wanted", *size)
	}
	chunk, err := parseSize(*step)
	if err != nil {
		return fail(125, "load: --step %s: a whole number above 0 of bytes, or of k, m or g, is wanted", *step)
	}
	if *worker {
		return fill(bytes, chunk, *every)
	}

	if *timeout != "" {
		seconds, err := strconv.ParseUint(strings.TrimSuffix(*timeout, "s"), 10, 31)
		if err != nil {
			return fail(125, "load: -t %s: a whole number of seconds is wanted", *timeout)
		}
		time.AfterFunc(time.Duration(seconds)*time.Second, func() { os.Exit(0) }) // and with us the workers
	}
	if !*quiet {
		say("load: %d worker(s) of %s", *workers, formatSize(bytes))
	}
	var cmds []*exec.Cmd
	for range *workers {
		cmd := exec.Command("/proc/self/exe", append([]string{"load", "-worker"}, args...)...)
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // none survives us
		if err := cmd.Start(); err != nil {
			return err
		}
		cmds = append(cmds, cmd)
	}
	for _, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			return fail(1, "load: worker %d: %v", cmd.Process.Pid, err)
		}
	}
	return nil
}

// fill makes bytes of memory ours, chunk by chunk, and keeps them until it is killed. Memory that
// was only asked for costs nothing: the kernel gives a page when it is first written to.
func fill(bytes, chunk int64, every time.Duration) error {
	memory, err := syscall.Mmap(-1, 0, int(bytes), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return fail(1, "load: mmap of %s: %v", formatSize(bytes), err)
	}
	next := chunk
	for i := 0; i < len(memory); i += os.Getpagesize() {
		if memory[i] = 1; chunk > 0 && int64(i) >= next {
			time.Sleep(every)
			next += chunk
		}
	}
	for { // keep it
		time.Sleep(time.Hour)
	}
}
