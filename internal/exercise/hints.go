package exercise

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed hints
var hints embed.FS

// Hints returns the hints for a task, each going further than the one before. They say where to look and what to think
// of, never what to type.
func (e *Exercise) Hints(t Task) ([]string, error) {
	text, err := hints.ReadFile("hints/" + e.ID() + ".md")
	if err != nil {
		return nil, fmt.Errorf("there are no hints for %s", e.ID())
	}
	_, section, ok := strings.Cut("\n"+string(text), "\n## "+t.Number+"\n")
	if !ok {
		return nil, fmt.Errorf("there are no hints for task %s", t.Number)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var list []string
	for _, hint := range strings.Split("\n"+strings.TrimSpace(section), "\n- ")[1:] {
		list = append(list, strings.TrimSpace(hint))
	}
	return list, nil
}
