package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
	"jocker/final/engine/image"
	"jocker/final/engine/layer"
)

// output opens what --output names. A file appears under its name when it is whole: commit says that it is, and drop that it won't be.
func output(name string) (w io.Writer, commit func() error, drop func(), err error) {
	if name == "" || name == "-" {
		if isTerminal(1) {
			return nil, nil, nil, errors.New("cowardly refusing to save to a terminal. Use the -o flag or redirect")
		}
		return os.Stdout, func() error { return nil }, func() {}, nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return nil, nil, nil, err
	}
	drop = func() { f.Close(); os.Remove(f.Name()) }
	commit = func() error {
		err := f.Close()
		if err == nil {
			err = os.Rename(f.Name(), name)
		}
		return err
	}
	return f, commit, drop, nil
}

// input opens a file, or standard input for "" and "-".
func input(name string) (*os.File, error) {
	if name != "" && name != "-" {
		return os.Open(name)
	}
	if isTerminal(0) {
		return nil, errors.New("requested load from stdin, but stdin is empty: -i FILE or a pipe brings the archive")
	}
	return os.Stdin, nil
}

func saveCommand(a *app) *cobra.Command {
	var to string
	c := &cobra.Command{Use: "save [OPTIONS] IMAGE [IMAGE...]", Short: "Save one or more images to a tar archive (streamed to STDOUT by default)", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			for _, name := range args {
				if _, err := s.Images.Find(name); err != nil {
					return err
				}
			}
			w, commit, drop, err := output(to)
			if err != nil {
				return err
			}
			if err := s.Images.Save(w, args); err != nil {
				drop()
				return err
			}
			return commit()
		}}
	c.Flags().StringVarP(&to, "output", "o", "", "Write to a file, instead of STDOUT")
	return c
}

func loadCommand(a *app) *cobra.Command {
	var from string
	var quiet bool
	c := &cobra.Command{Use: "load [OPTIONS]", Short: "Load an image from a tar archive or STDIN", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			f, err := input(from)
			if err != nil {
				return err
			}
			defer f.Close()
			images, err := s.Images.Load(f)
			for _, img := range images {
				s.Tell("image", "load", string(img.ID), "name", strings.Join(img.Names, ","))
				for _, name := range img.Names {
					fmt.Println("Loaded image:", name)
				}
				if len(img.Names) == 0 {
					fmt.Println("Loaded image ID:", img.ID)
				}
			}
			return err
		}}
	c.Flags().StringVarP(&from, "input", "i", "", "Read from tar archive file, instead of STDIN")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "Suppress the load output")
	return c
}

func importCommand(a *app) *cobra.Command {
	var changes []string
	var message string
	c := &cobra.Command{Use: "import [OPTIONS] file|- [REPOSITORY[:TAG]]", Short: "Import the contents from a tarball to create a filesystem image", Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			name := ""
			if len(args) == 2 {
				ref, err := image.ParseRef(args[1])
				if err != nil {
					return err
				}
				name = ref.String()
			}
			if message == "" {
				message = "Imported from " + args[0]
			}
			config := image.RunConfig{}
			config.Env = []string{image.DefaultPath}
			if err := container.Change(&config, changes); err != nil {
				return err
			}
			s, err := a.store()
			if err != nil {
				return err
			}
			f, err := input(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			img, err := s.Images.Import(f, config, name, message)
			if err == nil {
				s.Tell("image", "import", string(img.ID), "name", name)
				fmt.Println(img.ID)
			}
			return err
		}}
	c.Flags().StringArrayVarP(&changes, "change", "c", nil, "Apply Dockerfile instruction to the created image")
	c.Flags().StringVarP(&message, "message", "m", "", "Set commit message for imported image")
	return c
}

func exportCommand(a *app) *cobra.Command {
	var to string
	c := &cobra.Command{Use: "export [OPTIONS] CONTAINER", Short: "Export a container's filesystem as a tar archive", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := a.container(args[0])
			if err != nil {
				return err
			}
			w, commit, drop, err := output(to)
			if err != nil {
				return err
			}
			if err := c.View(func(root string) error { return layer.Pack(w, root) }); err != nil {
				drop()
				return err
			}
			return commit()
		}}
	c.Flags().StringVarP(&to, "output", "o", "", "Write to a file, instead of STDOUT")
	return c
}

func commitCommand(a *app) *cobra.Command {
	var author, message string
	var pause bool
	var changes []string
	c := &cobra.Command{Use: "commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]", Short: "Create a new image from a container's changes", Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			name := ""
			if len(args) == 2 {
				ref, err := image.ParseRef(args[1])
				if err != nil {
					return err
				}
				name = ref.String()
			}
			c, err := a.container(args[0])
			if err != nil {
				return err
			}
			img, err := c.Commit(name, author, message, changes, pause)
			if err == nil {
				fmt.Println(img.ID)
			}
			return err
		}}
	c.Flags().StringVarP(&author, "author", "a", "", "Author")
	c.Flags().StringVarP(&message, "message", "m", "", "Commit message")
	c.Flags().BoolVarP(&pause, "pause", "p", true, "Pause container during commit")
	c.Flags().StringArrayVarP(&changes, "change", "c", nil, "Apply Dockerfile instruction to the created image")
	return c
}

func diffCommand(a *app) *cobra.Command {
	return &cobra.Command{Use: "diff CONTAINER", Short: "Inspect changes to files or directories on a container's filesystem", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := a.container(args[0])
			if err != nil {
				return err
			}
			changes, err := c.Changes()
			if err == nil && len(changes) > 0 {
				fmt.Println(strings.Join(changes, "\n"))
			}
			return err
		}}
}
