package container

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"jocker/final/engine/shim"
)

// A Status is how a container is: what its shim wrote down, compared with the kernel.
type Status struct {
	shim.State
	Paused   bool
	ShimLost bool // it runs, and its shim does not: its output and exit code are lost
}

// Status finds out how the container is.
func (c *Container) Status() (*Status, error) {
	s := &Status{State: shim.State{Status: shim.Created}}
	data, err := os.ReadFile(c.Dir() + "/state.json")
	if os.IsNotExist(err) {
		return s, nil
	} else if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &s.State); err != nil {
		return nil, fmt.Errorf("%s/state.json: %w", c.Dir(), err)
	}
	shimLives := s.Status != shim.Created && s.Status != shim.Exited && shim.Alive(s.Shim, s.ShimStart)
	if (s.Status == shim.Created || s.Status == shim.Waiting) && s.Pid != 0 && !shim.Alive(s.Shim, s.ShimStart) {
		// The shim was killed between making the process and writing down that it runs.
		if shim.Alive(s.Pid, s.PidStart) {
			s.Status = shim.Running
		} else {
			s.Pid, s.PidStart = 0, 0
		}
	}
	switch s.Status {
	case shim.Running:
		if !shimLives {
			s.ShimLost = shim.Alive(s.Pid, s.PidStart)
			if !s.ShimLost { // the machine lost power, or somebody killed all of them
				s.Status, s.Pid, s.ExitCode = shim.Exited, 0, 255
				if s.Error == "" {
					s.Error = "its shim was killed or the machine stopped, so the exit code is not known"
				}
			}
		}
		if s.Status == shim.Running {
			s.Paused = c.isPaused()
		}
	case shim.Waiting:
		if !shimLives {
			s.Status = shim.Exited
		}
	}
	return s, nil
}

// Running says whether the container has a process.
func (s *Status) Running() bool { return s.Status == shim.Running }

// Active says whether it has one or will have one without anybody's doing.
func (s *Status) Active() bool { return s.Status == shim.Running || s.Status == shim.Waiting }

// Word is Docker's word for it.
func (s *Status) Word() string {
	if s.Paused {
		return "paused"
	}
	return s.Status
}

// String is what `ps` prints.
func (s *Status) String() string {
	now := time.Now()
	switch {
	case s.Paused:
		return "Up " + HumanDuration(now.Sub(s.StartedAt)) + " (Paused)"
	case s.ShimLost:
		return "Up " + HumanDuration(now.Sub(s.StartedAt)) + " (shim lost)"
	case s.Status == shim.Running:
		text := "Up " + HumanDuration(now.Sub(s.StartedAt))
		switch s.Health {
		case "":
		case shim.Starting:
			text += " (health: starting)"
		default:
			text += " (" + s.Health + ")"
		}
		return text
	case s.Status == shim.Waiting:
		return fmt.Sprintf("Restarting (%d) %s ago", s.ExitCode, HumanDuration(now.Sub(s.FinishedAt)))
	case s.Status == shim.Exited:
		text := fmt.Sprintf("Exited (%d)", s.ExitCode)
		if !s.FinishedAt.IsZero() {
			text += " " + HumanDuration(now.Sub(s.FinishedAt)) + " ago"
		}
		if s.KilledBy != "" {
			text += ": " + s.KilledBy
		}
		return text
	}
	return "Created"
}

// HumanDuration says how long something lasts as Docker does: "About a minute", "3 hours".
func HumanDuration(d time.Duration) string {
	count := func(n int, unit string) string { return fmt.Sprintf("%d %s", n, unit) }
	seconds, minutes, hours := int(d.Seconds()), int(d.Minutes()), int(d.Round(time.Hour).Hours())
	switch {
	case seconds < 1:
		return "Less than a second"
	case seconds == 1:
		return "1 second"
	case seconds < 60:
		return count(seconds, "seconds")
	case minutes == 1:
		return "About a minute"
	case minutes < 60:
		return count(minutes, "minutes")
	case hours == 1:
		return "About an hour"
	case hours < 48:
		return count(hours, "hours")
	case hours < 24*7*2:
		return count(hours/24, "days")
	case hours < 24*30*2:
		return count(hours/24/7, "weeks")
	case hours < 24*365*2:
		return count(hours/24/30, "months")
	}
	return count(int(d.Hours())/24/365, "years")
}

// `pause` leaves a file with the path of the kernel's file that says whether the container is frozen, so that the many who
// only look need not search for it.
const pausedFile = "/paused"

func (c *Container) isPaused() bool {
	data, err := os.ReadFile(c.Dir() + pausedFile)
	if err != nil {
		return false
	}
	state, err := os.ReadFile(string(data))
	text := strings.TrimSpace(string(state))
	return err == nil && (text == "FROZEN" || text == "1")
}
