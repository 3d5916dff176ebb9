package cli

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
	"jocker/final/engine/image"
)

func createCommand(a *app) *cobra.Command {
	f := &createFlags{}
	c := &cobra.Command{
		Use: "create [OPTIONS] IMAGE [COMMAND] [ARG...]", Short: "Create a new container", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, lock, err := a.create(f, cmd, args)
			if err != nil {
				return err
			}
			lock.Unlock()
			fmt.Println(c.ID)
			return nil
		},
	}
	c.Flags().BoolVar(&f.o.Host.AutoRemove, "rm", false, "Automatically remove the container when it exits")
	f.add(c.Flags())
	c.Flags().Bool("help", false, "Print usage") // -h is --hostname
	return c
}

func runCommand(a *app) *cobra.Command {
	f := &createFlags{}
	var detach, sigProxy, explain bool
	var keys string
	c := &cobra.Command{
		Use: "run [OPTIONS] IMAGE [COMMAND] [ARG...]", Short: "Create and run a new container from an image", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if explain {
				s, err := a.store()
				if err != nil {
					return err
				}
				if a.explanation, err = s.Explain(begun); err != nil {
					return err
				}
			}
			return a.run(f, cmd, args, detach, attachOptions{proxy: sigProxy, keys: keys})
		},
	}
	flags := c.Flags()
	flags.BoolVarP(&detach, "detach", "d", false, "Run container in background and print container ID")
	flags.BoolVar(&f.o.Host.AutoRemove, "rm", false, "Automatically remove the container when it exits")
	flags.BoolVar(&sigProxy, "sig-proxy", true, "Proxy received signals to the process")
	flags.BoolVar(&explain, "explain", false, "Print every step up to the program's first instruction, on standard error")
	flags.StringVar(&keys, "detach-keys", defaultKeys, "Override the key sequence for detaching a container")
	f.add(flags)
	flags.Bool("help", false, "Print usage")
	return c
}

// create makes a container of the command line's image, which is pulled if it is missing. The container is locked.
func (a *app) create(f *createFlags, cmd *cobra.Command, args []string) (*container.Container, *container.Lock, error) {
	o, err := f.options(cmd.Flags(), args[1:])
	if err != nil {
		return nil, nil, err
	}
	if f.cidFile != "" {
		if _, err := os.Stat(f.cidFile); err == nil {
			return nil, nil, fmt.Errorf("container ID file found, make sure the other container isn't running or delete %s", f.cidFile)
		}
	}
	s, err := a.store()
	if err != nil {
		return nil, nil, err
	}
	looking := time.Now()
	img, err := a.findImage(s, cmd.Name(), args[0], f.pull, f.platform)
	a.explanation.Note(looking, 6, "find the image in the store: index.json, its manifest, its config", "")
	if err != nil {
		return nil, nil, err
	}
	o.Config.Image = args[0]
	o.Command = os.Args
	c, lock, err := s.Create(img, o)
	if err != nil {
		return nil, nil, err
	}
	if f.cidFile != "" {
		if err := os.WriteFile(f.cidFile, []byte(c.ID), 0o644); err != nil {
			c.Remove(true)
			lock.Unlock()
			return nil, nil, fmt.Errorf("failed to create the container ID file: %w", err)
		}
	}
	return c, lock, nil
}

// findImage finds an image, and pulls it if --pull says so.
func (a *app) findImage(s *container.Store, command, name, pull, platform string) (*image.Image, error) {
	switch pull {
	case "always", "missing", "never":
	default:
		return nil, fmt.Errorf("invalid pull option: '%s': must be one of \"always\", \"missing\" or \"never\"", pull)
	}
	if pull != "always" {
		img, err := s.Images.Find(name)
		if err == nil && platform != "" {
			err = checkPlatform(img, name, platform)
		}
		if err == nil || !errors.Is(err, image.ErrNotFound) || pull == "never" {
			return img, err
		}
		ref, _ := image.ParseRef(name)
		fmt.Fprintf(os.Stderr, "Unable to find image '%s' locally\n", ref)
	}
	f := registryFlags{platform: platform}
	if err := a.registry(nil, os.Stderr, "pull", f.args(pullName(name))...); err != nil {
		if code := (&exitError{}); errors.As(err, &code) && command == "run" {
			return nil, exit(125)
		}
		return nil, err
	}
	s.TellImage("pull", name)
	return s.Images.Find(name)
}

// checkPlatform says whether an image is for the platform that was asked for; if not, it counts as missing.
func checkPlatform(img *image.Image, name, platform string) error {
	want, err := image.ParsePlatform(platform)
	if err != nil {
		return err
	}
	if have := img.Config.Platform; !image.Matches(have, want) {
		return fmt.Errorf("%w: image with reference %s was found but does not match the specified platform: wanted %s, actual: %s", image.ErrNotFound, name,
			image.PlatformName(want), image.PlatformName(have))
	}
	return nil
}

// pullName is the name with its tag, so that nothing need be said about the default one.
func pullName(name string) string {
	if ref, err := image.ParseRef(name); err == nil {
		return ref.String()
	}
	return name
}

// run creates and starts a container, and stays with it if it is not detached.
func (a *app) run(f *createFlags, cmd *cobra.Command, args []string, detach bool, o attachOptions) error {
	c := &f.o.Config
	c.StdinOnce = c.OpenStdin && !detach
	o.tty, o.input = c.Tty, c.OpenStdin
	if err := o.streams(f.attach); err != nil {
		return err
	}
	if detach && len(f.attach) > 0 {
		return errors.New("Conflicting options: -a and -d")
	}
	if !detach {
		if err := o.check(c.Tty, o.input); err != nil {
			return err
		}
	}
	made, lock, err := a.create(f, cmd, args)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	start := container.StartOptions{Warn: warn}
	if c.Tty && !detach {
		start.Rows, start.Columns = terminalSize()
	}
	conn, err := made.Start(start)
	if a.explanation != nil {
		a.explanation.Print(os.Stderr, err != nil)
	}
	if err != nil {
		if f.o.Host.AutoRemove {
			made.Remove(true) // the shim has done so, if it got that far
		}
		return err
	}
	lock.Unlock()
	if detach {
		conn.Close()
		fmt.Println(made.ID)
		return nil
	}
	made.Tell("attach")
	code, err := attach(conn, o)
	if err != nil {
		return err
	}
	return exit(code)
}
