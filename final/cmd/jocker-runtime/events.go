package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"jocker/final/runtime/cgroup"
)

// An event is a line of the output, in the form that engines read.
type event struct {
	Type string        `json:"type"` // stats or oom
	ID   string        `json:"id"`
	Data *cgroup.Stats `json:"data,omitempty"`
	// Message says which limit was in the way.
	Message []string `json:"message,omitempty"`
}

// events prints statistics at an interval, and when the container runs out of memory, until it has ended.
func events(g *global, f *flag.FlagSet, args []string) (int, error) {
	once := f.Bool("stats", false, "print the statistics once, and end")
	interval := f.Duration("interval", 5*time.Second, "how often to print statistics")
	c, err := open(g, f, args)
	if err != nil {
		return 0, err
	}
	if *interval <= 0 {
		return 0, fmt.Errorf("--interval %v: it must be more than 0", *interval)
	}
	if c.Status() == specs.StateStopped {
		return 0, fmt.Errorf("container with id %s is not running", c.ID())
	}
	group, out := c.Cgroup(), json.NewEncoder(os.Stdout)
	stats := func() error {
		s, err := group.Stats()
		if err != nil {
			return err
		}
		return out.Encode(event{Type: "stats", ID: c.ID(), Data: s})
	}
	if *once {
		return 0, stats()
	}
	watch, err := group.WatchOOM()
	if err != nil {
		return 0, err
	}
	defer watch.Close()
	for next := time.Now().Add(*interval); ; {
		happened, err := watch.Wait(time.Until(next))
		if errors.Is(err, io.EOF) {
			return 0, nil
		} else if err != nil {
			return 0, err
		}
		if happened {
			var words []string
			if v, err := group.Verdict(); err == nil {
				words = v.Words()
			}
			if err := out.Encode(event{Type: "oom", ID: c.ID(), Message: words}); err != nil {
				return 0, err
			}
			continue
		}
		if c.Status() == specs.StateStopped {
			return 0, nil
		}
		if err := stats(); err != nil {
			return 0, err
		}
		next = time.Now().Add(*interval)
	}
}
