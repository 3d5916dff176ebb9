package container

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"jocker/final/engine/image"
	"jocker/final/engine/shim"
)

// A Healthcheck is Docker's: what to execute in the container, and how often. The shim does it (cmd/jocker-shim/health.go).
type Healthcheck = dockerspec.HealthcheckConfig

// Docker's defaults.
const (
	healthInterval      = 30 * time.Second
	healthTimeout       = 30 * time.Second
	healthStartInterval = 5 * time.Second
	healthRetries       = 3
)

// inheritHealth takes from the image what was not asked for: all of it, if there is no test, or the single times.
func (c *Config) inheritHealth(img *image.Image) {
	from := img.Config.Config.Healthcheck
	c.Shell = img.Config.Config.Shell
	if from == nil {
		return
	}
	if c.Healthcheck == nil {
		c.Healthcheck = from
		return
	}
	h := c.Healthcheck
	if len(h.Test) == 0 {
		h.Test = from.Test
	}
	for _, pair := range [][2]*time.Duration{{&h.Interval, &from.Interval}, {&h.Timeout, &from.Timeout}, {&h.StartPeriod, &from.StartPeriod},
		{&h.StartInterval, &from.StartInterval}} {
		if *pair[0] == 0 {
			*pair[0] = *pair[1]
		}
	}
	if h.Retries == 0 {
		h.Retries = from.Retries
	}
}

// CheckHealth says what is wrong with a health check, in Docker's words where it has some.
func CheckHealth(h *Healthcheck, onFailure, restart string) error {
	switch onFailure {
	case "", "none", "kill", "stop":
	case "restart":
		if restart == "always" || restart == "unless-stopped" {
			return fmt.Errorf("Conflicting options: --health-on-failure=restart and --restart=%s: with kill the restart policy does the same", restart)
		}
	default:
		return fmt.Errorf("invalid --health-on-failure: %q: it is none, kill, restart or stop", onFailure)
	}
	if h == nil {
		return nil
	}
	for _, t := range []struct {
		name  string
		value time.Duration
	}{{"Interval", h.Interval}, {"Timeout", h.Timeout}, {"StartPeriod", h.StartPeriod}, {"StartInterval", h.StartInterval}} {
		if t.value != 0 && t.value < time.Millisecond {
			return fmt.Errorf("%s in Healthcheck cannot be less than 1ms", t.name)
		}
	}
	if h.Retries < 0 {
		return fmt.Errorf("Retries in Healthcheck cannot be negative")
	}
	return nil
}

// probe returns the words of the program that is the test; nil if there is none.
func (c *Config) probe() []string {
	h := c.Healthcheck
	if h == nil || len(h.Test) < 2 {
		return nil
	}
	switch h.Test[0] {
	case "CMD":
		return h.Test[1:]
	case "CMD-SHELL":
		shell := c.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		return append(append([]string{}, shell...), h.Test[1])
	}
	return nil // NONE
}

// shimHealth is what the shim is told.
func (c *Container) shimHealth() shim.Health {
	if c.Config.probe() == nil {
		return shim.Health{}
	}
	or := func(value, instead time.Duration) time.Duration {
		if value <= 0 {
			return instead
		}
		return value
	}
	h := c.Config.Healthcheck
	s := shim.Health{Interval: or(h.Interval, healthInterval), Timeout: or(h.Timeout, healthTimeout), StartPeriod: h.StartPeriod,
		StartInterval: or(h.StartInterval, healthStartInterval), Retries: h.Retries, OnFailure: c.HostConfig.HealthOnFailure}
	if s.Retries <= 0 {
		s.Retries = healthRetries
	}
	if s.OnFailure == "none" {
		s.OnFailure = ""
	}
	return s
}

// writeProbe writes the process that the shim lets the runtime execute.
func (c *Container) writeProbe(l launch) error {
	words := c.Config.probe()
	if words == nil {
		return nil
	}
	p, err := c.execProcess(l, ExecOptions{Args: words})
	if err != nil {
		return err
	}
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return c.write(shim.ProbeFile, data, 0o600)
}

// A Probe is one test that was made.
type Probe struct {
	Start, End time.Time
	ExitCode   int
	Output     string
}

// Health is what `inspect` prints.
type Health struct {
	Status        string
	FailingStreak int
	Log           []Probe
}

// Health returns how the container feels; nil if nobody asks it.
func (c *Container) Health(s *Status) *Health {
	if s.Health == "" {
		return nil
	}
	h := &Health{Status: s.Health, FailingStreak: s.FailingStreak, Log: []Probe{}}
	if data, err := os.ReadFile(c.Dir() + "/health.json"); err == nil {
		json.Unmarshal(data, &h.Log) // it is written at once, so nobody reads half of it
	}
	return h
}
