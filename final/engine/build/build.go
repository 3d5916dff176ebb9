package build

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"jocker/final/engine/container"
	"jocker/final/engine/image"
	"jocker/final/engine/inroot"
)

// Options say what to build.
type Options struct {
	Context    string            // a directory, with all links resolved
	Dockerfile []byte            // its text
	FileName   string            // its name, for errors
	Ignore     []byte            // the text of .dockerignore
	Tags       []string          // names for the image: REPO:TAG
	Args       map[string]string // --build-arg
	Labels     map[string]string // added at the end
	Secrets    map[string]string // --secret: id to file
	Target     string            // the stage to build; "" for the last
	Network    string            // RUN's: bridge, none or host
	NoCache    bool
	Pull       bool                              // ask the registry for each base image
	Fetch      func(name, platform string) error // pulls an image
	Progress   Progress
	Epoch      time.Time // SOURCE_DATE_EPOCH: no time in the image is later; zero for none
}

const epochName = "SOURCE_DATE_EPOCH"

type builder struct {
	ctx      context.Context
	o        *Options
	store    *container.Store
	file     *file
	context  *inroot.Dir
	ignore   *ignore
	above    map[string]string // ARGs above the first FROM
	platform map[string]string
	used     map[string]bool // of Options.Args
	stages   []*stage
	bases    []string // FROM's words, variables filled in
	number   int      // of the step, for Progress
}

// Build builds an image; when ctx ends it stops, and leaves nothing. The image's ID, and so everything in it, is the same whenever the cache knows all steps.
func Build(ctx context.Context, store *container.Store, o *Options) (*image.Image, error) {
	f, err := parse(o.FileName, o.Dockerfile)
	if err != nil {
		return nil, err
	}
	b := &builder{ctx: ctx, o: o, store: store, file: f, above: map[string]string{}, platform: platform(), used: map[string]bool{}, stages: make([]*stage, len(f.stages))}
	if b.context, err = inroot.Open(o.Context); err != nil {
		return nil, err
	}
	defer b.context.Close()
	if b.ignore, err = readIgnore(o.Ignore); err != nil {
		return nil, err
	}
	if err := b.readBases(); err != nil {
		return nil, err
	}
	target, err := f.target(o.Target)
	if err != nil {
		return nil, err
	}
	need, err := f.needed(target, func(i int) (string, error) { return b.bases[i], nil })
	if err != nil {
		return nil, err
	}
	for i := 0; i <= target; i++ {
		if need[i] {
			if err := b.stage(i); err != nil {
				return nil, err
			}
		}
	}
	if text := b.unused(); text != "" {
		o.Progress.Warn(text)
	}
	return b.finish(b.stages[target])
}

// do carries out an instruction.
func (b *builder) do(s *stage, c instructions.Command) error {
	if run, ok := c.(*instructions.RunCommand); ok {
		return b.run(s, run) // its words are the shell's, variables and all
	}
	if err := b.expand(c, s.scope()); err != nil {
		return err
	}
	switch c := c.(type) {
	case *instructions.CopyCommand:
		return b.copy(s, copying{command: c.Name(), SourcesAndDest: c.SourcesAndDest, from: c.From, chown: c.Chown, chmod: c.Chmod, text: fmt.Sprint(c)})
	case *instructions.AddCommand:
		return b.copy(s, copying{command: c.Name(), SourcesAndDest: c.SourcesAndDest, chown: c.Chown, chmod: c.Chmod, checksum: c.Checksum, add: true, text: fmt.Sprint(c)})
	case *instructions.WorkdirCommand:
		return b.workdir(s, c)
	}
	known, err := b.configure(s, c)
	if err == nil && !known {
		err = fmt.Errorf("%s is an instruction that this builder does not know", strings.ToUpper(c.Name()))
	}
	if err == nil {
		s.note(fmt.Sprint(c), true)
	}
	return err
}

// workdir carries out WORKDIR: the directory is made if it is missing, for the image's user.
func (b *builder) workdir(s *stage, c *instructions.WorkdirCommand) error {
	s.config.Config.WorkingDir = s.inWorkdir(c.Path)
	dir := s.config.Config.WorkingDir
	if dir == "/" {
		s.note("WORKDIR /", true)
		return nil
	}
	return b.step(s, "WORKDIR "+dir, nil, func(_ *output) (*container.Container, error) {
		return b.change(s, func(root *inroot.Dir) error {
			uid, gid, err := container.Owner(root, s.config.Config.User)
			if err != nil {
				return fmt.Errorf("USER %s: %w", s.config.Config.User, err)
			}
			return makeDirs(root, dir, int(uid), int(gid))
		})
	})
}

// finish makes the image, and gives it its names.
func (b *builder) finish(s *stage) (*image.Image, error) {
	if len(b.o.Labels) > 0 {
		labels := map[string]string{}
		for _, from := range []map[string]string{s.config.Config.Labels, b.o.Labels} {
			for k, v := range from {
				labels[k] = v
			}
		}
		s.config.Config.Labels = labels
	}
	if s.config.Created == nil || !b.o.Epoch.IsZero() && s.config.Created.After(b.o.Epoch) {
		now := b.time()
		s.config.Created = &now
	}
	shared, err := b.store.Images.Share()
	if err != nil {
		return nil, err
	}
	defer shared.Unlock()
	tags := b.o.Tags
	if len(tags) == 0 {
		tags = []string{""}
	}
	var img *image.Image
	for _, tag := range tags {
		if img, err = b.store.Images.Add(s.config, s.layers, tag); err != nil {
			return nil, err
		}
	}
	return img, nil
}

// time is now, or what SOURCE_DATE_EPOCH says that now is.
func (b *builder) time() time.Time {
	if !b.o.Epoch.IsZero() {
		return b.o.Epoch
	}
	return time.Now().UTC()
}

func (b *builder) next() int {
	b.number++
	return b.number
}
