package build

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"jocker/final/engine/container"
)

// configure carries out an instruction that changes the image's config and no file. ok is false if it is another.
func (b *builder) configure(s *stage, c instructions.Command) (ok bool, err error) {
	cfg := &s.config.Config
	switch c := c.(type) {
	case *instructions.EnvCommand:
		for _, e := range c.Env {
			cfg.Env = container.MergeEnv(cfg.Env, []string{e.String()})
		}
	case *instructions.ArgCommand:
		b.declare(s.args, c, b.above)
	case *instructions.LabelCommand:
		labels := map[string]string{}
		for k, v := range cfg.Labels {
			labels[k] = v
		}
		for _, l := range c.Labels {
			labels[l.Key] = l.Value
		}
		cfg.Labels = labels
	case *instructions.MaintainerCommand:
		s.config.Author = c.Maintainer
	case *instructions.UserCommand:
		cfg.User = c.User
	case *instructions.CmdCommand:
		//lint:ignore SA1019 the image that we begin with may have it, and it isn't true of the new command
		cfg.Cmd, cfg.ArgsEscaped = s.commandLine(c.ShellDependantCmdLine), false
		s.ownCmd = true
	case *instructions.EntrypointCommand:
		cfg.Entrypoint = s.commandLine(c.ShellDependantCmdLine)
		if !s.ownCmd {
			cfg.Cmd = nil // the base image's: it was meant for the base image's entrypoint
		}
	case *instructions.ExposeCommand:
		ports, err := b.expandAll(c.Ports, s.scope())
		if err != nil {
			return true, err
		}
		set := copySet(cfg.ExposedPorts)
		for _, p := range ports {
			if err := addPorts(set, p); err != nil {
				return true, err
			}
		}
		cfg.ExposedPorts = set
	case *instructions.VolumeCommand:
		set := copySet(cfg.Volumes)
		for _, v := range c.Volumes {
			if v = strings.TrimSpace(v); v == "" {
				return true, fmt.Errorf("VOLUME specified can not be an empty string")
			}
			set[v] = struct{}{}
		}
		cfg.Volumes = set
	case *instructions.StopSignalCommand:
		if _, err := container.ParseSignal(c.Signal); err != nil {
			return true, err
		}
		cfg.StopSignal = c.Signal
	case *instructions.ShellCommand:
		cfg.Shell = c.Shell
	case *instructions.OnbuildCommand:
		cfg.OnBuild = append(append([]string{}, cfg.OnBuild...), c.Expression)
	case *instructions.HealthCheckCommand:
		cfg.Healthcheck = c.Health
	default:
		return false, nil
	}
	return true, nil
}

// commandLine returns the words of CMD, ENTRYPOINT or RUN: as they are in the form with brackets, else with the shell before them.
func (s *stage) commandLine(c instructions.ShellDependantCmdLine) []string {
	if !c.PrependShell {
		return c.CmdLine
	}
	return append(s.shell(), strings.Join(c.CmdLine, " "))
}

// shell returns the shell for such lines: SHELL's, or /bin/sh -c.
func (s *stage) shell() []string {
	if shell := s.config.Config.Shell; len(shell) > 0 {
		return append([]string{}, shell...)
	}
	return []string{"/bin/sh", "-c"}
}

func copySet(set map[string]struct{}) map[string]struct{} {
	out := map[string]struct{}{}
	for k := range set {
		out[k] = struct{}{}
	}
	return out
}

// addPorts adds the ports of an EXPOSE: 80, 80/udp or 8000-8010.
func addPorts(set map[string]struct{}, text string) error {
	ports, protocol, ok := strings.Cut(text, "/")
	if !ok {
		protocol = "tcp"
	}
	protocol = strings.ToLower(protocol)
	first, last, ok := strings.Cut(ports, "-")
	if !ok {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || from == 0 || to < from || protocol != "tcp" && protocol != "udp" && protocol != "sctp" {
		return fmt.Errorf("EXPOSE %s: expected a port from 1 to 65535, or two with a hyphen between them, and perhaps /tcp or /udp", text)
	}
	for p := from; p <= to; p++ {
		set[strconv.FormatUint(p, 10)+"/"+protocol] = struct{}{}
	}
	return nil
}

// inWorkdir returns a path as seen from the stage's working directory.
func (s *stage) inWorkdir(p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return path.Join("/", s.config.Config.WorkingDir, p)
}
