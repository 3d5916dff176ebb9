package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"golang.org/x/sys/unix"

	"jocker/final/engine/container"
	"jocker/final/engine/shim"
)

// run carries out RUN: a program in a container of the image that the stage is now.
func (b *builder) run(s *stage, c *instructions.RunCommand) error {
	vars := s.scope()
	if err := b.expand(c, vars); err != nil { // the options' variables
		return err
	}
	network := b.o.Network
	switch n := instructions.GetNetwork(c); n {
	case "", instructions.NetworkDefault:
	default:
		network = n
	}
	args, files := s.script(c.ShellDependantCmdLine)
	mounts, uses, err := b.mounts(c)
	if err != nil {
		return err
	}
	env := vars.list()
	for name, value := range b.o.Args {
		if slices.Contains(proxies, name) {
			env = append(env, name+"="+value)
		}
	}
	content := append(append([]string{}, vars.list()...), "network", network)
	content = append(content, uses...)
	for _, f := range c.Files {
		content = append(content, f.Name, f.Data)
	}
	text := "RUN " + strings.Join(args, " ")
	return b.step(s, text, content, func(out *output) (*container.Container, error) {
		for _, f := range files {
			at, err := writeScript(f.Data)
			if err != nil {
				return nil, err
			}
			defer os.Remove(at)
			mounts = append(mounts, container.MountPoint{Type: "bind", Source: at, Destination: scripts + f.Name})
		}
		o := container.CreateOptions{Mounts: mounts, Command: append([]string{"build", "RUN"}, args...),
			Config: container.Config{Entrypoint: []string{args[0]}, Cmd: args[1:], Env: env, Labels: map[string]string{"jocker.build": "RUN"}},
			Host:   container.HostConfig{NetworkMode: network, ShmSize: 64 << 20, RestartPolicy: container.RestartPolicy{Name: "no"}}}
		made, lock, err := b.container(s, o)
		if err != nil {
			return nil, err
		}
		conn, err := made.Start(container.StartOptions{})
		lock.Unlock()
		if err != nil {
			return made, fmt.Errorf("RUN could not be started: %w", err)
		}
		defer conn.Close()
		stop := context.AfterFunc(b.ctx, func() { made.Signal(unix.SIGKILL, true) })
		defer stop()
		code, err := follow(conn, out)
		if b.ctx.Err() != nil {
			err = errors.New("the build was interrupted")
		}
		if err == nil && code != 0 {
			err = fmt.Errorf("process %q did not complete successfully: exit code: %d", strings.Join(args, " "), code)
		}
		return made, err
	})
}

// follow passes the output on until the container has ended, and returns the exit code.
func follow(conn *shim.Conn, out *output) (int, error) {
	buffer := make([]byte, shim.MaxData+1)
	for {
		kind, data, err := conn.Receive(buffer)
		switch {
		case err != nil:
			return 0, fmt.Errorf("the container's shim has gone (%w): it was killed, and its container may still run; `jocker ps` shows it", err)
		case kind == shim.Output || kind == shim.Errors:
			out.Write(data)
		case kind == shim.Exit && len(data) == 2 && data[1] == 0:
			out.flush()
			return int(data[0]), nil
		}
	}
}

// scripts is where a RUN finds the text that stands below it as a file, if that begins with #!.
const scripts = "/dev/pipes/"

// writeScript writes a file that can be executed, and returns its path.
func writeScript(text string) (path string, err error) {
	f, err := os.CreateTemp("", "jocker-run-")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Chmod(0o755)
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}

// script returns the words to execute, and the files that they need, for a RUN with or without text below it (RUN <<EOF).
func (s *stage) script(c instructions.ShellDependantCmdLine) (args []string, files []instructions.ShellInlineFile) {
	if len(c.Files) == 0 {
		return s.commandLine(c), nil
	}
	first := c.Files[0]
	data := first.Data
	if first.Chomp {
		data = chomp(data)
	}
	if len(c.CmdLine) == 1 && parser.MustParseHeredoc(c.CmdLine[0]) != nil { // no other word
		if strings.HasPrefix(data, "#!") {
			first.Data = data
			return []string{scripts + first.Name}, []instructions.ShellInlineFile{first}
		}
		return append(s.shell(), data), nil
	}
	// The shell knows this form by itself.
	text := strings.Join(c.CmdLine, " ")
	for _, f := range c.Files {
		text += "\n" + f.Data + f.Name
	}
	return append(s.shell(), text), nil
}

// chomp removes the tabs that lines begin with, as <<- has it.
func chomp(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimLeft(l, "\t")
	}
	return strings.Join(lines, "")
}

// mounts returns what --mount adds to a RUN, and what of it the result depends on.
func (b *builder) mounts(c *instructions.RunCommand) (list []container.MountPoint, uses []string, err error) {
	for _, m := range instructions.GetMounts(c) {
		at := container.MountPoint{Type: "bind", Destination: m.Target, RW: !m.ReadOnly}
		switch {
		case m.Type == instructions.MountTypeTmpfs:
			at.Type = "tmpfs"
		case m.Type == instructions.MountTypeCache && m.From == "":
			id := m.CacheID
			if id == "" {
				id = m.Target
			}
			at.Source = filepath.Join(b.store.Root, "build", "mounts", fmt.Sprintf("%x", id))
			if err := os.MkdirAll(at.Source, 0o755); err != nil {
				return nil, nil, err
			}
		case m.Type == instructions.MountTypeSecret:
			id := m.CacheID
			if id == "" {
				id = path.Base(m.Target)
			}
			at.Source, at.RW = b.o.Secrets[id], false
			if at.Source == "" {
				if m.Required {
					return nil, nil, fmt.Errorf("RUN --mount=type=secret: secret %s: not found; give it with --secret id=%s,src=FILE", id, id)
				}
				continue
			}
			if at.Destination == "" {
				at.Destination = "/run/secrets/" + id
			}
		default:
			return nil, nil, fmt.Errorf("RUN --mount=type=%s%s is not supported: types cache, tmpfs and secret are", m.Type, fromText(m.From))
		}
		uses = append(uses, string(m.Type), at.Destination)
		list = append(list, at)
	}
	return list, uses, nil
}

func fromText(from string) string {
	if from == "" {
		return ""
	}
	return ",from=" + from
}
