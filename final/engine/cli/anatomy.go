package cli

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
)

func anatomyCommand(a *app) *cobra.Command {
	var svg string
	c := &cobra.Command{Use: "anatomy [OPTIONS] CONTAINER", Short: "Draw what a running container is made of", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := a.container(args[0])
			if err != nil {
				return err
			}
			anatomy, err := c.Anatomy()
			if err != nil {
				return err
			}
			picture := draw(anatomy)
			if svg == "" {
				_, err := os.Stdout.WriteString(picture.text())
				return err
			}
			w, commit, drop, err := output(svg)
			if err != nil {
				return err
			}
			if _, err := w.Write([]byte(picture.svg())); err != nil {
				drop()
				return err
			}
			return commit()
		}}
	c.Flags().StringVar(&svg, "svg", "", "Write the picture as SVG into a file (- for standard output)")
	return c
}

// A picture is boxes, one below the other.
type picture struct {
	title string
	boxes []box
}

// A box is a part of a container, with the lab that is about it.
type box struct {
	title, lab string
	lines      []string
}

// draw makes a picture of a container.
func draw(a *container.Anatomy) *picture {
	c := a.Container
	p := &picture{title: fmt.Sprintf("%s  %s  %s  %s", c.Name, c.Short(), c.Config.Image, a.Status)}
	p.add("processes", "lab03: the first one is PID 1", treeLines(a.Tree, "", ""))
	var lines []string
	for _, n := range a.Namespaces {
		lines = append(lines, fmt.Sprintf("%-7s %-10s %s", n.Kind, n.Inode, n.Whose))
	}
	p.add("namespaces", "lab02: what it sees", lines)
	lines = []string{a.Cgroup}
	for _, l := range a.Limits {
		lines = append(lines, fmt.Sprintf("%-7s %s %-38s %s", l.Name, bar(l.Use, l.Max), l.Text, l.File))
	}
	p.add("cgroup", "lab01, lab04: what it may use", lines)
	p.add("walls", "final/runtime: what it may not do", []string{strings.Join(a.Walls, ", ")})
	lines = nil
	for i, l := range a.Layers {
		mark := "│ read-only "
		if i == 0 {
			mark = "▲ read-write"
		}
		what := []rune(l.What)
		if len(what) > 48 {
			what = append(what[:47], '…')
		}
		lines = append(lines, fmt.Sprintf("%s %9s  %-12.12s  %s", mark, humanSize(l.Size), l.Name, string(what)))
	}
	for _, m := range c.Mounts {
		source := m.Source
		if m.Name != "" {
			source = "volume " + m.Name
		}
		lines = append(lines, fmt.Sprintf("+ %-6s %s on %s%s", m.Type, source, m.Destination, map[bool]string{false: " (read-only)"}[m.RW]))
	}
	p.add("root", "lab06: its files", lines)
	p.add("network", "final/engine: how it is reached", networkLines(a))
	return p
}

func (p *picture) add(title, lab string, lines []string) {
	p.boxes = append(p.boxes, box{title, lab, lines})
}

// treeLines draws a process and its descendants.
func treeLines(p *container.Process, first, rest string) []string {
	inside := ""
	if p.Inside != 0 {
		inside = fmt.Sprintf(" (inside: %d)", p.Inside)
	}
	command := []rune(p.Command)
	if len(command) > 60 {
		command = append(command[:59], '…')
	}
	lines := []string{fmt.Sprintf("%s%d%s  %s", first, p.Pid, inside, string(command))}
	for i, child := range p.Children {
		if i == len(p.Children)-1 {
			lines = append(lines, treeLines(child, rest+"└─ ", rest+"   ")...)
		} else {
			lines = append(lines, treeLines(child, rest+"├─ ", rest+"│  ")...)
		}
	}
	return lines
}

// bar shows how much of something is used; empty if it has no limit.
func bar(use, max uint64) string {
	const width = 10
	if max == 0 {
		return strings.Repeat(" ", width)
	}
	full := int(width * use / max)
	if full > width {
		full = width
	}
	if full == 0 && use > 0 {
		return "▏" + strings.Repeat("░", width-1)
	}
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

func networkLines(a *container.Anatomy) []string {
	n := a.Network
	switch {
	case a.Interface != "":
		var lines []string
		for _, p := range n.Networks {
			lines = append(lines, fmt.Sprintf("%s %s/%d ══ veth ══ %s ── bridge %s %s ── host", p.Device, p.IPAddress, p.IPPrefixLen, p.Cable, p.Bridge, p.Gateway))
		}
		sort.Strings(lines)
		for port, bindings := range n.Ports {
			for _, b := range bindings {
				lines = append(lines, fmt.Sprintf("%s:%s of the host ── nftables ── %s", b.HostIP, b.HostPort, port))
			}
		}
		return lines
	case a.Container.HostConfig.NetworkMode == "host":
		return []string{"the host's interfaces"}
	case a.Container.HostConfig.NetworkMode == "none":
		return []string{"lo, and nothing else"}
	}
	return []string{a.Container.HostConfig.NetworkMode}
}

// text draws for a terminal.
func (p *picture) text() string {
	width := len([]rune(p.title))
	for _, b := range p.boxes {
		width = max(width, len([]rune(b.title))+len([]rune(b.lab))+4)
		for _, line := range b.lines {
			width = max(width, len([]rune(line)))
		}
	}
	var s strings.Builder
	pad := func(text string) string { return text + strings.Repeat(" ", width-len([]rune(text))) }
	fmt.Fprintf(&s, "┌%s┐\n│ %s │\n", strings.Repeat("─", width+2), pad(p.title))
	for _, b := range p.boxes {
		rule := width - len([]rune(b.title)) - len([]rune(b.lab)) - 3
		fmt.Fprintf(&s, "├─ %s %s %s ┤\n", b.title, strings.Repeat("─", rule), b.lab)
		for _, line := range b.lines {
			fmt.Fprintf(&s, "│ %s │\n", pad(line))
		}
	}
	fmt.Fprintf(&s, "└%s┘\n", strings.Repeat("─", width+2))
	return s.String()
}
