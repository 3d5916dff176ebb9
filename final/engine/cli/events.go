package cli

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"text/template"
	"time"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
	"jocker/final/engine/event"
)

func eventsCommand(a *app) *cobra.Command {
	var since, until, format string
	var filters []string
	c := &cobra.Command{Use: "events [OPTIONS]", Short: "Get real time events", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			from, err := parseMoment(since)
			if err != nil {
				return err
			}
			to, err := parseMoment(until)
			if err != nil {
				return err
			}
			s, err := a.store()
			if err != nil {
				return err
			}
			keep, err := eventFilter(s, filters)
			if err != nil {
				return err
			}
			print, err := eventPrinter(format)
			if err != nil {
				return err
			}
			var failed error
			err = s.Events().Read(from, to, func(e event.Event) bool {
				if keep(&e) {
					failed = print(&e)
				}
				return failed == nil
			})
			if failed != nil {
				return failed
			}
			return err
		}}
	c.Flags().StringVar(&since, "since", "", "Show all events created since timestamp")
	c.Flags().StringVar(&until, "until", "", "Stream events until this timestamp")
	c.Flags().StringVar(&format, "format", "", "Format output using a custom template: 'json', or a Go template")
	c.Flags().StringArrayVarP(&filters, "filter", "f", nil, "Filter output based on conditions provided")
	return c
}

// A message is an event in Docker's words.
type message struct {
	Status   string `json:"status,omitempty"` // for old clients, as are ID and From
	ID       string `json:"id,omitempty"`
	From     string `json:"from,omitempty"`
	Type     string
	Action   string
	Actor    actor
	Scope    string `json:"scope"`
	Time     int64  `json:"time"`
	TimeNano int64  `json:"timeNano"`
}

type actor struct {
	ID         string
	Attributes map[string]string
}

func newMessage(e *event.Event) *message {
	m := &message{Type: e.Type, Action: e.Action, Actor: actor{e.ID, map[string]string{}}, Scope: "local", Time: e.Time.Unix(), TimeNano: e.Time.UnixNano()}
	for _, a := range e.Attributes {
		m.Actor.Attributes[a.Key] = a.Value
	}
	if e.Type == "container" || e.Type == "image" {
		m.Status, m.ID, m.From = e.Action, e.ID, e.Get("image")
	}
	return m
}

// eventPrinter returns what prints an event.
func eventPrinter(format string) (func(*event.Event) error, error) {
	if format == "" {
		return func(e *event.Event) error {
			var list []string
			for _, a := range e.Attributes {
				list = append(list, a.Key+"="+a.Value)
			}
			sort.Strings(list)
			line := e.Time.Local().Format("2006-01-02T15:04:05.000000000Z07:00") + " " + e.Type + " " + e.Action + " " + e.ID
			if len(list) > 0 {
				line += " (" + strings.Join(list, ", ") + ")"
			}
			_, err := fmt.Println(line)
			return err
		}, nil
	}
	if format == "json" {
		format = "{{json .}}"
	}
	var t *template.Template
	t, err := parseTemplate(format)
	if err != nil {
		return nil, err
	}
	return func(e *event.Event) error {
		var b strings.Builder
		if err := t.Execute(&b, newMessage(e)); err != nil {
			return fmt.Errorf("template parsing error: %w", err)
		}
		_, err := fmt.Fprintln(os.Stdout, b.String())
		return err
	}, nil
}

// eventFilter reads --filter. Values for one key are alternatives; all keys must fit.
func eventFilter(s *container.Store, filters []string) (func(*event.Event) bool, error) {
	byKey, err := parseFilters(filters, "container", "image", "volume", "event", "type", "label", "scope")
	if err != nil {
		return nil, err
	}
	labels := map[string]map[string]string{} // of containers: only create and destroy tell them
	fits := func(e *event.Event, key, value string) bool {
		switch key {
		case "type":
			return e.Type == value
		case "event": // health_status means all of them: "health_status: healthy"
			return e.Action == value || strings.HasPrefix(e.Action, value+": ")
		case "container", "volume":
			return e.Type == key && (value == e.Get("name") || strings.HasPrefix(e.ID, value))
		case "image":
			name := e.Get("image")
			if e.Type == "image" {
				name = e.Get("name")
			}
			return value == name || value+":latest" == name || value == name+":latest" || e.Type == "image" && strings.HasPrefix(strings.TrimPrefix(e.ID, "sha256:"), value)
		case "scope":
			return value == "local"
		}
		name, want, hasValue := strings.Cut(value, "=") // label
		got, ok := labels[e.ID][name]
		return ok && (!hasValue || got == want)
	}
	return func(e *event.Event) bool {
		if len(byKey["label"]) > 0 && e.Type == "container" && labels[e.ID] == nil {
			labels[e.ID] = labelsOf(s, e)
		}
		return allFit(byKey, func(key, value string) bool { return fits(e, key, value) })
	}, nil
}

// labelsOf returns a container's labels: those that it was created with, if that is this event, or what its file says.
func labelsOf(s *container.Store, e *event.Event) map[string]string {
	if e.Action == "create" || e.Action == "destroy" {
		return newMessage(e).Actor.Attributes
	}
	if c, err := s.Find(e.ID); err == nil {
		return c.Config.Labels
	}
	return nil
}

// parseFilters reads KEY=VALUE of --filter, where a key is one of those that are known.
func parseFilters(filters []string, known ...string) (map[string][]string, error) {
	byKey := map[string][]string{}
	for _, f := range filters {
		key, value, ok := strings.Cut(f, "=")
		if !ok {
			return nil, fmt.Errorf("invalid filter '%s': it is KEY=VALUE", f)
		}
		fine := false
		for _, k := range known {
			fine = fine || k == key
		}
		if !fine {
			return nil, fmt.Errorf("invalid filter '%s': known are %s", key, strings.Join(known, ", "))
		}
		byKey[key] = append(byKey[key], value)
	}
	return byKey, nil
}

// allFit says whether of each key one value fits.
func allFit(byKey map[string][]string, fits func(key, value string) bool) bool {
	for key, values := range byKey {
		any := false
		for _, v := range values {
			any = any || fits(key, v)
		}
		if !any {
			return false
		}
	}
	return true
}

// before reads the filter until, which is as --until: things made later are left alone.
func before(values []string) (time.Time, error) {
	if len(values) > 1 {
		return time.Time{}, fmt.Errorf("more than one until filter specified")
	}
	if len(values) == 0 {
		return time.Time{}, nil
	}
	return parseMoment(values[0])
}
