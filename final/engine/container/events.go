package container

import (
	"path/filepath"

	"jocker/final/engine/event"
	"jocker/final/engine/image"
)

// Events is the log of what happens.
func (s *Store) Events() event.Log { return event.Log(filepath.Join(s.State, "events")) }

// Tell adds an event of a container to the log, with more attributes as keys and values in turn.
func (c *Container) Tell(action string, more ...string) {
	c.store.Tell("container", action, c.ID, append([]string{"image", c.Config.Image, "name", c.Name}, more...)...)
}

// TellImage tells what happened to the image that has this name.
func (s *Store) TellImage(action, name string) {
	if ref, err := image.ParseRef(name); err == nil {
		s.Tell("image", action, ref.String(), "name", ref.String())
	}
}

// Tell adds an event to the log. What has happened has happened, so that it can't be told is no error.
func (s *Store) Tell(kind, action, id string, attributes ...string) {
	s.Events().Append(event.Event{Type: kind, Action: action, ID: id, Attributes: event.Pairs(attributes...)})
}
