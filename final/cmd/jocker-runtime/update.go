package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"jocker/final/runtime/container"
)

// update changes limits: those of a JSON document, or those of single options.
func update(g *global, f *flag.FlagSet, args []string) (int, error) {
	r := &specs.LinuxResources{CPU: &specs.LinuxCPU{}, Memory: &specs.LinuxMemory{}}
	var file string
	both(f.StringVar, &file, "resources", "r", "", "a file with linux.resources, - for standard input; other options are not looked at then")
	f.Func("blkio-weight", "weight for block devices, 10 to 1000", func(text string) error {
		n, err := strconv.ParseUint(text, 10, 16)
		weight := uint16(n)
		r.BlockIO = &specs.LinuxBlockIO{Weight: &weight}
		return err
	})
	number(f, "cpu-period", "length of a period, in microseconds", &r.CPU.Period)
	number(f, "cpu-quota", "processor time in a period, in microseconds", &r.CPU.Quota)
	number(f, "cpu-burst", "time that may be saved up, in microseconds", &r.CPU.Burst)
	number(f, "cpu-share", "share of the processors, 1024 is the usual", &r.CPU.Shares)
	number(f, "cpu-rt-period", "length of a period for realtime, in microseconds", &r.CPU.RealtimePeriod)
	number(f, "cpu-rt-runtime", "processor time in it, in microseconds", &r.CPU.RealtimeRuntime)
	number(f, "cpu-idle", "1: run only when nobody else wants to", &r.CPU.Idle)
	f.StringVar(&r.CPU.Cpus, "cpuset-cpus", "", "processors to run on")
	f.StringVar(&r.CPU.Mems, "cpuset-mems", "", "memory nodes to use")
	amount(f, "memory", "limit of memory, in bytes, or as 64M; -1 for none", &r.Memory.Limit)
	amount(f, "memory-reservation", "what is left when memory gets short, in bytes, or as 64M", &r.Memory.Reservation)
	amount(f, "memory-swap", "limit of memory and swap together, in bytes, or as 64M; -1 for none", &r.Memory.Swap)
	f.Func("pids-limit", "how many processes there may be; -1 for any number", func(text string) error {
		n, err := strconv.ParseInt(text, 10, 64)
		r.Pids = &specs.LinuxPids{Limit: &n}
		return err
	})
	args, err := parse(f, args, 1, 1)
	if err != nil {
		return 0, err
	}
	if file != "" {
		if r, err = readResources(file); err != nil {
			return 0, fmt.Errorf("--resources: %w", err)
		}
	}
	c, err := container.Open(g.root, args[0])
	if err != nil {
		return 0, err
	}
	return 0, c.Update(r)
}

// number adds an option for a limit, which stays nil if the option is not there.
func number[T int64 | uint64](f *flag.FlagSet, name, usage string, to **T) {
	f.Func(name, usage, func(text string) error {
		var n T
		if _, err := fmt.Sscanf(text+"\n", "%d\n", &n); err != nil {
			return errors.New("a number is wanted")
		}
		*to = &n
		return nil
	})
}

// amount is number for bytes, with a unit of 1024 and its powers if wanted: 512k, 64M, 1.5g.
func amount(f *flag.FlagSet, name, usage string, to **int64) {
	f.Func(name, usage, func(text string) error {
		n, err := parseAmount(text)
		*to = &n
		return err
	})
}

func parseAmount(text string) (int64, error) {
	if text == "-1" {
		return -1, nil
	}
	digits := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(text), "b"), "i")
	unit := 1.0
	if last := len(digits) - 1; last > 0 {
		if power := strings.IndexByte("kmgtp", digits[last]); power >= 0 {
			digits, unit = digits[:last], math.Pow(1024, float64(power+1))
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n >= 0 && n*unit < math.MaxInt64) || strings.ContainsAny(digits, "xinp_e") {
		return 0, errors.New("an amount of memory is wanted, such as 67108864, 64M or -1")
	}
	return int64(n * unit), nil
}

// readResources reads limits from a file, at most a megabyte.
func readResources(name string) (*specs.LinuxResources, error) {
	in := io.Reader(os.Stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return nil, err
	}
	r := &specs.LinuxResources{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("it is not the JSON of linux.resources: %w", err)
	}
	return r, nil
}
