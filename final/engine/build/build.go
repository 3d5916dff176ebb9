package build

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/opencontainers/image-spec/specs-go/v1"

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

// step carries out an instruction that changes files, if the cache doesn't know what comes out. content is what that depends
// on besides the stage and text. make returns a container whose upper directory has the changes; it is removed here.
func (b *builder) step(s *stage, text string, content []string, make func(out *output) (*container.Container, error)) error {
	s.step++
	key, err := s.nextKey(text, content)
	if err != nil {
		return err
	}
	done := b.o.Progress.Start(b.next(), fmt.Sprintf("[%s %d/%d] %s", s.name, s.step, s.steps, firstLine(text)))
	if !b.o.NoCache {
		if img := b.store.Images.Cached(key); img != nil {
			s.img, s.config, s.layers, s.key = img, img.Config, img.Layers, key
			if img.Config.Created != nil {
				s.now = *img.Config.Created
			}
			done(true, nil)
			return nil
		}
	}
	err = b.layer(s, text, key, make)
	done(false, err)
	return err
}

// layer lets make change files, and puts the changes on top of the stage's layers.
func (b *builder) layer(s *stage, text, key string, make func(out *output) (*container.Container, error)) error {
	c, err := make(&output{progress: b.o.Progress, number: b.number})
	if c != nil {
		defer c.Remove(true)
	}
	if err != nil {
		return err
	}
	shared, err := b.store.Images.Share()
	if err != nil {
		return err
	}
	defer shared.Unlock()
	before := len(s.layers)
	s.config, s.layers, err = b.store.Images.Stack(&image.Image{Config: s.config, Layers: s.layers}, c.Diff(), b.o.Epoch)
	if err != nil {
		return err
	}
	s.now = b.time()
	s.note(text, len(s.layers) == before)
	if s.img, err = b.store.Images.Write(s.config, s.layers); err != nil {
		return err
	}
	s.key = key
	return b.store.Images.Cache(key, s.img)
}

// container makes a container of what the stage is now. It is locked.
func (b *builder) container(s *stage, o container.CreateOptions) (*container.Container, *container.Lock, error) {
	shared, err := b.store.Images.Share()
	if err != nil {
		return nil, nil, err
	}
	defer shared.Unlock()
	img, err := b.store.Images.Write(s.config, s.layers)
	if err != nil {
		return nil, nil, err
	}
	plain := *img
	plain.Config.Config.Volumes = nil // what is written there is part of the image
	plain.Config.Config.Healthcheck = nil
	plain.Config.Config.ExposedPorts = nil
	o.Config.Image = string(img.ID)
	return b.store.Create(&plain, o)
}

// change lets f change files in the root of a container that never runs.
func (b *builder) change(s *stage, f func(root *inroot.Dir) error) (*container.Container, error) {
	c, lock, err := b.container(s, container.CreateOptions{Config: container.Config{Entrypoint: []string{"build"}}})
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	return c, c.View(func(path string) error {
		root, err := inroot.Open(path)
		if err != nil {
			return err
		}
		defer root.Close()
		return f(root)
	})
}

// note adds a line to the image's history.
func (s *stage) note(text string, empty bool) {
	now := s.now
	s.config.Created = &now
	s.config.History = append(append([]v1.History{}, s.config.History...), v1.History{Created: &now, CreatedBy: text, EmptyLayer: empty})
}

// nextKey returns the cache's key for a step: what it begins with, what it says, and what it uses.
func (s *stage) nextKey(text string, content []string) (string, error) {
	config, err := json.Marshal(s.config.Config)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	add := func(text string) {
		h.Write(binary.AppendUvarint(nil, uint64(len(text))))
		h.Write([]byte(text))
	}
	add(s.key)
	add(string(config))
	add(s.config.Author)
	for _, line := range s.config.History {
		add(line.CreatedBy)
	}
	add(text)
	for _, c := range content {
		add(c)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
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

func firstLine(text string) string {
	line, _, more := strings.Cut(text, "\n")
	if more {
		line += " ..."
	}
	return line
}

// base is the last name of a path, as it stands in a Dockerfile.
func base(p string) string { return path.Base(filepath.ToSlash(p)) }
