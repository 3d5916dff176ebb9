package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
)

func statsCommand(a *app) *cobra.Command {
	var all, once, noTrunc bool
	var format string
	c := &cobra.Command{Use: "stats [OPTIONS] [CONTAINER...]", Short: "Display a live stream of container(s) resource usage statistics",
		RunE: func(_ *cobra.Command, args []string) error {
			w := &statsView{a: a, names: args, all: all, noTrunc: noTrunc, format: format, before: map[string]*container.Usage{}}
			// Use of the processor is a difference: the first look has nothing to compare with.
			if err := w.look(io.Discard); err != nil {
				return err
			}
			pause := 500 * time.Millisecond
			for {
				time.Sleep(pause)
				var b strings.Builder
				if err := w.look(&b); err != nil {
					return err
				}
				if !once && isTerminal(1) {
					fmt.Print("\x1b[H\x1b[2J") // to the corner; clear
				}
				if _, err := os.Stdout.WriteString(b.String()); err != nil || once {
					return err
				}
				pause = time.Second
			}
		}}
	c.Flags().BoolVarP(&all, "all", "a", false, "Show all containers (default shows just running)")
	c.Flags().BoolVar(&once, "no-stream", false, "Disable streaming stats and only pull the first result")
	c.Flags().BoolVar(&noTrunc, "no-trunc", false, "Do not truncate output")
	c.Flags().StringVar(&format, "format", "", "Format output using a custom template")
	return c
}

// A statsView looks at containers again and again.
type statsView struct {
	a            *app
	names        []string
	all, noTrunc bool
	format       string
	before       map[string]*container.Usage
}

func (v *statsView) containers() ([]*container.Container, error) {
	s, err := v.a.store()
	if err != nil {
		return nil, err
	}
	if len(v.names) == 0 {
		return s.List()
	}
	var list []*container.Container
	for _, name := range v.names {
		c, err := s.Find(name)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// look prints how it is now.
func (v *statsView) look(w io.Writer) error {
	list, err := v.containers()
	if err != nil {
		return err
	}
	t := &table{format: "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}", headers: []string{
		"Container=CONTAINER", "ID=CONTAINER ID", "Name=NAME", "CPUPerc=CPU %", "MemUsage=MEM USAGE / LIMIT", "MemPerc=MEM %", "NetIO=NET I/O",
		"BlockIO=BLOCK I/O", "PIDs=PIDS"}}
	for _, c := range list {
		status, err := c.Status()
		if err != nil {
			return err
		}
		if !status.Running() && !v.all && len(v.names) == 0 {
			continue
		}
		now := &container.Usage{}
		if status.Running() {
			now = c.Usage(status)
		}
		t.rows = append(t.rows, v.row(c, now))
		v.before[c.ID] = now
	}
	return t.print(w, v.format)
}

func (v *statsView) row(c *container.Container, now *container.Usage) map[string]string {
	id := c.Short()
	if v.noTrunc {
		id = c.ID
	}
	cpu, mem := 0.0, 0.0
	if then := v.before[c.ID]; then != nil && now.At.After(then.At) && now.CPU > then.CPU {
		cpu = 100 * float64(now.CPU-then.CPU) / float64(now.At.Sub(then.At))
	}
	if now.MemoryLimit > 0 {
		mem = 100 * float64(now.Memory) / float64(now.MemoryLimit)
	}
	return map[string]string{"Container": id, "ID": id, "Name": c.Name, "CPUPerc": fmt.Sprintf("%.2f%%", cpu),
		"MemUsage": binarySize(now.Memory) + " / " + binarySize(now.MemoryLimit), "MemPerc": fmt.Sprintf("%.2f%%", mem),
		"NetIO":   humanSize(int64(now.Received)) + " / " + humanSize(int64(now.Sent)),
		"BlockIO": humanSize(int64(now.Read)) + " / " + humanSize(int64(now.Written)), "PIDs": fmt.Sprint(now.Pids)}
}

// binarySize says how many bytes as Docker does for memory: 1.5MiB, powers of 1024.
func binarySize(n uint64) string {
	f := float64(n)
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if f < 1024 {
			return fmt.Sprintf("%.4g%s", f, unit)
		}
		f /= 1024
	}
	return fmt.Sprintf("%.4gTiB", f)
}
