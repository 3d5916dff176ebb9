package build

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"jocker/final/engine/image"
)

// A stage is what a FROM and the lines below it have become so far.
type stage struct {
	name   string       // for Progress
	img    *image.Image // as it was written last; nil: there is none yet
	config image.Config // as it is now
	layers []v1.Descriptor
	key    string // of all that has been done
	args   map[string]string
	now    time.Time // when the last step that changed files was carried out, in this build or an earlier one
	ownCmd bool      // this Dockerfile has said CMD
	step   int
	steps  int
}

func (s *stage) scope() scope { return scope{s.args, s.config.Config.Env} }

// readBases carries out the ARGs above the first FROM, and fills in the words of all FROMs.
func (b *builder) readBases() error {
	for i := range b.file.args {
		c := &b.file.args[i]
		if err := b.expand(c, scope{args: b.globals()}); err != nil {
			return b.file.at(c.Location(), err)
		}
		b.declare(b.above, c, nil)
	}
	for i := range b.file.stages {
		s := &b.file.stages[i]
		name, _, err := b.file.lex.ProcessWord(s.BaseName, scope{args: b.globals()})
		if err == nil && name == "" {
			err = fmt.Errorf("base name (%s) should not be blank: give its ARG, above the first FROM, a value, or use --build-arg", s.BaseName)
		}
		if err == nil {
			s.Platform, _, err = b.file.lex.ProcessWord(s.Platform, scope{args: b.globals()})
		}
		if err != nil {
			return b.file.at(s.Location, err)
		}
		b.bases = append(b.bases, name)
	}
	return nil
}

func (b *builder) globals() map[string]string {
	all := map[string]string{}
	for k, v := range b.platform {
		all[k] = v
	}
	for k, v := range b.above {
		all[k] = v
	}
	return all
}

// stage builds one stage.
func (b *builder) stage(i int) error {
	from := &b.file.stages[i]
	s := &stage{name: from.Name, args: map[string]string{}}
	if s.name == "" {
		s.name = "stage-" + strconv.Itoa(i)
	}
	commands, err := b.begin(s, i)
	if err != nil {
		return b.file.at(from.Location, err)
	}
	for _, c := range commands {
		if isStep(c) {
			s.steps++
		}
	}
	for _, c := range commands {
		if err := b.ctx.Err(); err != nil {
			return errors.New("the build was interrupted")
		}
		if err := b.do(s, c); err != nil {
			return b.file.at(c.Location(), err)
		}
	}
	b.stages[i] = s
	return nil
}

// begin takes the image that FROM names, and returns the stage's instructions, with those before them that the image wants (ONBUILD).
func (b *builder) begin(s *stage, i int) (commands []instructions.Command, err error) {
	from, base := &b.file.stages[i], b.bases[i]
	if p := from.Platform; p != "" && p != b.platform["TARGETPLATFORM"] {
		return nil, fmt.Errorf("--platform=%s: this machine is %s, and RUN executes the image's programs on it", p, b.platform["TARGETPLATFORM"])
	}
	switch n := b.file.find(base, i); {
	case n >= 0:
		other := b.stages[n]
		s.img, s.config, s.layers, s.key, s.now = other.img, other.config, other.layers, other.key, other.now
	case base == "scratch":
		s.config = image.Config{Image: v1.Image{Platform: v1.Platform{Architecture: runtime.GOARCH, OS: "linux"}, RootFS: v1.RootFS{Type: "layers"}}}
		s.key, s.now = "scratch", b.time()
		s.config.Config.Env = []string{image.DefaultPath}
	default:
		done := b.o.Progress.Start(b.next(), fmt.Sprintf("[%s] FROM %s", s.name, base))
		img, err := b.find(base, from.Platform)
		done(false, err)
		if err != nil {
			return nil, err
		}
		s.img, s.config, s.layers, s.key = img, img.Config, img.Layers, string(img.ID)
		if s.now = b.time(); img.Config.Created != nil {
			s.now = *img.Config.Created
		}
	}
	for _, text := range s.config.Config.OnBuild {
		result, err := parser.Parse(strings.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("the image's ONBUILD %s: %w", text, err)
		}
		for _, node := range result.AST.Children {
			c, err := instructions.ParseCommand(node)
			if err != nil {
				return nil, fmt.Errorf("the image's ONBUILD %s: %w", text, err)
			}
			commands = append(commands, c)
		}
	}
	s.config.Config.OnBuild = nil
	return append(commands, from.Commands...), nil
}

// find finds an image, and pulls it if it is missing.
func (b *builder) find(name, platform string) (*image.Image, error) {
	if !b.o.Pull {
		img, err := b.store.Images.Find(name)
		if err == nil || !errors.Is(err, image.ErrNotFound) {
			return img, err
		}
	}
	if err := b.o.Fetch(name, platform); err != nil {
		return nil, err
	}
	return b.store.Images.Find(name)
}

// isStep says whether an instruction changes files.
func isStep(c instructions.Command) bool {
	switch c.(type) {
	case *instructions.RunCommand, *instructions.CopyCommand, *instructions.AddCommand, *instructions.WorkdirCommand:
		return true
	}
	return false
}
