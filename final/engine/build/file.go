package build

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// A file is a Dockerfile.
type file struct {
	name   string // for errors
	stages []instructions.Stage
	args   []instructions.ArgCommand // those above the first FROM
	lex    *shell.Lex
}

// parse reads a Dockerfile. Errors begin with its name and the line.
func parse(name string, text []byte) (*file, error) {
	f := &file{name: name}
	result, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, f.at(nil, err)
	}
	f.lex = shell.NewLex(result.EscapeToken)
	if f.stages, f.args, err = instructions.Parse(result.AST, nil); err != nil {
		return nil, f.at(nil, err)
	}
	if len(f.stages) == 0 {
		return nil, errors.New(name + ": there is no FROM in it, which says what image to begin with; FROM scratch begins with nothing")
	}
	return f, nil
}

// at says where in the file something is wrong: at the place that the parser has put into the error, or else at where.
func (f *file) at(where []parser.Range, err error) error {
	if err == nil {
		return nil
	}
	if located := (*parser.ErrorLocation)(nil); errors.As(err, &located) && len(located.Locations) > 0 {
		where = located.Locations[0]
	}
	var known *placed
	if errors.As(err, &known) {
		return err
	}
	text := err.Error()
	// The parser's own word for the place; ours is before the text.
	if rest, ok := strings.CutPrefix(text, "dockerfile parse error on line "); ok {
		if _, after, ok := strings.Cut(rest, ": "); ok {
			text = after
		}
	}
	place := f.name
	if len(where) > 0 {
		place += ":" + strconv.Itoa(where[0].Start.Line)
	}
	return &placed{place + ": " + text, err}
}

// placed is an error that says where in the Dockerfile.
type placed struct {
	text string
	err  error
}

func (e *placed) Error() string { return e.text }
func (e *placed) Unwrap() error { return e.err }

// find returns the index of the stage that a name or number means, among the first n; -1 if it is none.
func (f *file) find(name string, n int) int {
	for i := n - 1; i >= 0; i-- {
		if f.stages[i].Name != "" && strings.EqualFold(f.stages[i].Name, name) {
			return i
		}
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < n {
		return i
	}
	return -1
}

// target returns the index of the stage to be built: the last, or the one that --target names.
func (f *file) target(name string) (int, error) {
	if name == "" {
		return len(f.stages) - 1, nil
	}
	if i := f.find(name, len(f.stages)); i >= 0 {
		return i, nil
	}
	var names []string
	for _, s := range f.stages {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return 0, fmt.Errorf("%s: --target %s: there is no such stage; the stages with names are: %s", f.name, name, strings.Join(names, ", "))
}

// needed says which stages the target stands on, by FROM or COPY --from or RUN --mount.
func (f *file) needed(target int, base func(i int) (string, error)) (map[int]bool, error) {
	need := map[int]bool{}
	var add func(i int) error
	add = func(i int) error {
		if i < 0 || need[i] {
			return nil
		}
		need[i] = true
		name, err := base(i)
		if err != nil {
			return err
		}
		if err := add(f.find(name, i)); err != nil {
			return err
		}
		for _, c := range f.stages[i].Commands {
			if c, ok := c.(*instructions.CopyCommand); ok && c.From != "" {
				if err := add(f.find(c.From, i)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return need, add(target)
}
