// Command jocker-build builds an image from a Dockerfile. `jocker build` executes it: the parser of Dockerfiles, BuildKit's, and an
// HTTP client for ADD are a lot of code, which no other command needs to load.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"jocker/final/engine/build"
	"jocker/final/engine/container"
	"jocker/final/engine/image"
)

// flags are what the command line says.
type flags struct {
	root, state           string
	file, target, network string
	progress, iidFile     string
	tags, args, labels    []string
	secrets               []string
	noCache, pull, quiet  bool
}

func main() {
	f := &flags{}
	c := &cobra.Command{
		Use: "jocker build [OPTIONS] PATH | -", Short: "Build an image from a Dockerfile",
		Args: cobra.ExactArgs(1), SilenceErrors: true, SilenceUsage: true,
		RunE: func(_ *cobra.Command, args []string) error { return f.build(args[0]) },
	}
	c.CompletionOptions.DisableDefaultCmd = true
	s := c.Flags()
	s.StringVar(&f.root, "root", "/var/lib/jocker", "")
	s.StringVar(&f.state, "state", "/run/jocker", "")
	s.MarkHidden("root")
	s.MarkHidden("state")
	s.StringVarP(&f.file, "file", "f", "", "Name of the Dockerfile (Default is 'PATH/Dockerfile')")
	s.StringArrayVarP(&f.tags, "tag", "t", nil, "Name and optionally a tag in the 'name:tag' format")
	s.StringArrayVar(&f.args, "build-arg", nil, "Set build-time variables")
	s.StringArrayVar(&f.labels, "label", nil, "Set metadata for an image")
	s.StringArrayVar(&f.secrets, "secret", nil, "Secret file to expose to the build: id=mysecret,src=/local/secret")
	s.StringVar(&f.target, "target", "", "Set the target build stage to build")
	s.StringVar(&f.network, "network", "bridge", "Set the networking mode for the RUN instructions: bridge, none or host")
	s.StringVar(&f.progress, "progress", "auto", "Set type of progress output (auto, plain, tty)")
	s.StringVar(&f.iidFile, "iidfile", "", "Write the image ID to the file")
	s.BoolVar(&f.noCache, "no-cache", false, "Do not use cache when building the image")
	s.BoolVar(&f.pull, "pull", false, "Always attempt to pull a newer version of the image")
	s.BoolVarP(&f.quiet, "quiet", "q", false, "Suppress the build output and print image ID on success")
	for _, always := range []string{"rm", "force-rm"} { // steps leave nothing behind, whatever these say
		s.Bool(always, true, "")
		s.MarkHidden(always)
	}
	if err := c.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func (f *flags) build(place string) error {
	o := &build.Options{Target: f.target, NoCache: f.noCache, Pull: f.pull, Network: f.network, Args: map[string]string{}, Labels: map[string]string{}, Secrets: map[string]string{}}
	switch f.network {
	case "default":
		o.Network = "bridge"
	case "bridge", "none", "host":
	default:
		return fmt.Errorf("--network %s: bridge, none and host can be chosen", f.network)
	}
	if err := f.lists(o); err != nil {
		return err
	}
	var err error
	if o.Progress, err = f.show(); err != nil {
		return err
	}
	c, err := build.OpenContext(place, f.file, os.Stdin)
	if err != nil {
		return err
	}
	defer c.Close()
	o.Context, o.Dockerfile, o.FileName, o.Ignore = c.Dir, c.Dockerfile, c.FileName, c.Ignore
	o.Fetch = f.fetch
	store, err := container.Open(f.root, f.state)
	if err != nil {
		return err
	}
	// After Ctrl-C or a SIGTERM the step's container is stopped, and all that was made for the build goes.
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	img, err := build.Build(ctx, store, o)
	if err != nil {
		return err
	}
	if f.iidFile != "" {
		if err := os.WriteFile(f.iidFile, []byte(img.ID), 0o644); err != nil {
			return err
		}
	}
	if f.quiet {
		fmt.Println(img.ID)
		return nil
	}
	fmt.Fprintln(os.Stderr, "writing image", img.ID)
	for _, tag := range o.Tags {
		fmt.Fprintln(os.Stderr, "naming to", tag)
	}
	return nil
}

// lists reads the flags that may be given several times.
func (f *flags) lists(o *build.Options) error {
	for _, t := range f.tags {
		ref, err := image.ParseRef(t)
		if err != nil {
			return err
		}
		if ref.Digest != "" {
			return fmt.Errorf("--tag %s: an image's digest follows from its content and can't be chosen", t)
		}
		o.Tags = append(o.Tags, ref.String())
	}
	for _, a := range f.args {
		name, value, ok := strings.Cut(a, "=")
		if !ok {
			if value, ok = os.LookupEnv(name); !ok {
				continue
			}
		}
		o.Args[name] = value
	}
	for _, l := range f.labels {
		name, value, _ := strings.Cut(l, "=")
		o.Labels[name] = value
	}
	for _, s := range f.secrets {
		fields := map[string]string{}
		for _, part := range strings.Split(s, ",") {
			name, value, _ := strings.Cut(part, "=")
			fields[name] = value
		}
		file := fields["src"] + fields["source"]
		if fields["id"] == "" || file == "" {
			return fmt.Errorf("--secret %s: expected id=NAME,src=FILE", s)
		}
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("--secret %s: %w", s, err)
		}
		o.Secrets[fields["id"]] = file
	}
	epoch, ok := o.Args["SOURCE_DATE_EPOCH"]
	if !ok {
		epoch, ok = os.LookupEnv("SOURCE_DATE_EPOCH")
	}
	if ok {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return fmt.Errorf("SOURCE_DATE_EPOCH=%s: expected seconds since 1970", epoch)
		}
		o.Epoch = time.Unix(seconds, 0).UTC()
	}
	return nil
}

// show chooses how progress is shown.
func (f *flags) show() (build.Progress, error) {
	size, err := unix.IoctlGetWinsize(2, unix.TIOCGWINSZ)
	switch {
	case f.quiet:
		return &build.Quiet{W: os.Stderr}, nil
	case f.progress == "plain", f.progress == "auto" && err != nil:
		return build.Plain{W: os.Stderr}, nil
	case f.progress == "tty" && err != nil:
		return nil, errors.New("--progress=tty: standard error is no terminal")
	case f.progress == "auto", f.progress == "tty":
		return &build.Terminal{W: os.Stderr, Width: max(int(size.Col), 20)}, nil
	}
	return nil, fmt.Errorf("--progress=%s: auto, plain and tty can be chosen", f.progress)
}

// fetch pulls an image.
func (f *flags) fetch(name, platform string) error {
	jocker, err := container.FindProgram("jocker")
	if err != nil {
		return err
	}
	args := []string{"--root", f.root, "--state", f.state, "pull", "--quiet"}
	if platform != "" {
		args = append(args, "--platform", platform)
	}
	var words strings.Builder
	cmd := exec.Command(jocker, append(args, name)...)
	cmd.Stderr = &words
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s", strings.TrimPrefix(strings.TrimSpace(words.String()), "Error: "))
	}
	return nil
}
