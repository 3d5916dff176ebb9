package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"jocker/final/engine/container"
)

// healthFlags are the flags about a container's health.
type healthFlags struct {
	command, onFailure                            string
	interval, timeout, startPeriod, startInterval time.Duration
	retries                                       int
	none                                          bool
}

func (h *healthFlags) add(s *pflag.FlagSet) {
	s.StringVar(&h.command, "health-cmd", "", "Command to run to check health")
	s.DurationVar(&h.interval, "health-interval", 0, "Time between running the check (ms|s|m|h) (default 30s)")
	s.DurationVar(&h.timeout, "health-timeout", 0, "Maximum time to allow one check to run (ms|s|m|h) (default 30s)")
	s.DurationVar(&h.startPeriod, "health-start-period", 0, "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)")
	s.DurationVar(&h.startInterval, "health-start-interval", 0, "Time between running the check during the start period (ms|s|m|h) (default 5s)")
	s.IntVar(&h.retries, "health-retries", 0, "Consecutive failures needed to report unhealthy (default 3)")
	s.StringVar(&h.onFailure, "health-on-failure", "", "What happens to an unhealthy container: none, kill, restart or stop")
	s.BoolVar(&h.none, "no-healthcheck", false, "Disable any container-specified HEALTHCHECK")
}

// readHealth reads them.
func (f *createFlags) readHealth(flags *pflag.FlagSet) error {
	h := &f.health
	var given []string
	flags.Visit(func(flag *pflag.Flag) {
		if strings.HasPrefix(flag.Name, "health-") && flag.Name != "health-on-failure" {
			given = append(given, flag.Name)
		}
	})
	c := &f.o.Config
	switch {
	case h.none && len(given) > 0:
		return fmt.Errorf("--no-healthcheck conflicts with --health-* options")
	case h.none:
		c.Healthcheck = &container.Healthcheck{Test: []string{"NONE"}}
	case len(given) > 0:
		c.Healthcheck = &container.Healthcheck{Interval: h.interval, Timeout: h.timeout, StartPeriod: h.startPeriod, StartInterval: h.startInterval, Retries: h.retries}
		if h.command != "" {
			c.Healthcheck.Test = []string{"CMD-SHELL", h.command}
		}
	}
	for name, value := range map[string]time.Duration{"interval": h.interval, "timeout": h.timeout, "start-period": h.startPeriod, "start-interval": h.startInterval} {
		if value < 0 {
			return fmt.Errorf("--health-%s cannot be negative", name)
		}
	}
	f.o.Host.HealthOnFailure = h.onFailure
	policy, _, _ := strings.Cut(f.restart, ":")
	return container.CheckHealth(c.Healthcheck, h.onFailure, policy)
}
