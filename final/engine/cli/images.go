package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
	"jocker/final/engine/image"
)

func imagesCommand(a *app) *cobra.Command {
	var all, quiet, noTrunc, digests bool
	var format string
	c := &cobra.Command{Use: "images [OPTIONS] [REPOSITORY[:TAG]]", Short: "List images", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			list, err := s.Images.List()
			if err != nil {
				return err
			}
			t := &table{format: "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}", headers: []string{"Repository=REPOSITORY",
				"Tag=TAG", "ID=IMAGE ID", "CreatedSince=CREATED", "CreatedAt=CREATED AT", "Size=SIZE", "Digest=DIGEST"}}
			if digests {
				t.format = "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
			}
			if quiet {
				t.format = "{{.ID}}"
			}
			for _, img := range list {
				t.rows = append(t.rows, imageRows(s.Images, img, args, noTrunc)...)
			}
			return t.print(os.Stdout, format)
		}}
	f := c.Flags()
	f.BoolVarP(&all, "all", "a", false, "Show all images")
	f.BoolVarP(&quiet, "quiet", "q", false, "Only show image IDs")
	f.BoolVar(&noTrunc, "no-trunc", false, "Don't truncate output")
	f.BoolVar(&digests, "digests", false, "Show digests")
	f.StringVar(&format, "format", "", "Format output using a custom template")
	return c
}

// imageRows are the lines for one image: one for each name.
func imageRows(s *image.Store, img *image.Image, filter []string, noTrunc bool) (rows []map[string]string) {
	row := func(repo, tag string) {
		id, digest := short(string(img.ID)), "<none>"
		if noTrunc {
			id = string(img.ID)
		}
		for _, d := range img.Digests {
			if r, of, _ := strings.Cut(d, "@"); r == repo {
				digest = of
			}
		}
		since, at := "N/A", "N/A"
		if t := img.Config.Created; t != nil {
			since, at = container.HumanDuration(time.Since(*t))+" ago", formatTime(*t)
		}
		rows = append(rows, map[string]string{"Repository": repo, "Tag": tag, "ID": id, "CreatedSince": since, "CreatedAt": at,
			"Size": humanSize(s.Size(img)), "Digest": digest})
	}
	for _, name := range img.Names {
		ref, err := image.ParseRef(name)
		if err == nil && (len(filter) == 0 || filter[0] == ref.Repo() || filter[0] == ref.String()) {
			row(ref.Repo(), ref.Tag)
		}
	}
	if len(img.Names) == 0 && len(filter) == 0 {
		row("<none>", "<none>")
	}
	return rows
}

func tagCommand(a *app) *cobra.Command {
	return &cobra.Command{Use: "tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", Short: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			ref, err := image.ParseRef(args[1])
			if err == nil && ref.Digest != "" {
				err = errors.New("refusing to create a tag with a digest reference")
			}
			if err != nil {
				return err
			}
			lock, err := s.Images.Share()
			if err != nil {
				return err
			}
			defer lock.Unlock()
			img, err := s.Images.Find(args[0])
			if err != nil {
				return err
			}
			return s.Images.SetName(ref.String(), img.Manifest, "")
		}}
}

func rmiCommand(a *app) *cobra.Command {
	var force bool
	c := &cobra.Command{Use: "rmi [OPTIONS] IMAGE [IMAGE...]", Short: "Remove one or more images", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			failed := false
			for _, name := range args {
				if err := removeImage(s, name, force); err != nil {
					fmt.Fprintln(os.Stderr, "Error:", err)
					failed = true
				}
			}
			_, gone, err := s.Images.Sweep(s.Manifests)
			for _, d := range gone {
				fmt.Println("Deleted:", d)
			}
			if err == nil && failed {
				err = exit(1)
			}
			return err
		}}
	c.Flags().BoolVarP(&force, "force", "f", false, "Force removal of the image")
	return c
}

// removeImage takes a name from an image, or with its last name or its ID the image from the index.
func removeImage(s *container.Store, name string, force bool) error {
	img, err := s.Images.Find(name)
	if err != nil {
		return err
	}
	ref, err := image.ParseRef(name)
	byName := false
	for _, n := range img.Names {
		byName = byName || err == nil && n == ref.String()
	}
	if byName && len(img.Names) > 1 {
		if err := s.Images.Untag(ref.String()); err != nil {
			return err
		}
		fmt.Println("Untagged:", ref)
		return nil
	}
	if len(img.Names) > 1 && !force {
		return fmt.Errorf("conflict: unable to delete %s (must be forced) - image is referenced in multiple repositories", short(string(img.ID)))
	}
	list, err := s.List()
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Manifest != img.Manifest.Digest {
			continue
		}
		if status, err := c.Status(); err == nil && status.Active() {
			return fmt.Errorf("conflict: unable to delete %s (cannot be forced) - image is being used by running container %s", name, c.Short())
		}
		if !force {
			return fmt.Errorf("conflict: unable to delete %s (must be forced) - image is being used by stopped container %s", name, c.Short())
		}
	}
	for _, n := range img.Names {
		fmt.Println("Untagged:", n)
	}
	return s.Images.Forget(img)
}

func historyCommand(a *app) *cobra.Command {
	var quiet, noTrunc, human bool
	var format string
	c := &cobra.Command{Use: "history [OPTIONS] IMAGE", Short: "Show the history of an image", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			img, err := s.Images.Find(args[0])
			if err != nil {
				return err
			}
			t := &table{format: "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}", headers: []string{"ID=IMAGE",
				"CreatedSince=CREATED", "CreatedAt=CREATED AT", "CreatedBy=CREATED BY", "Size=SIZE", "Comment=COMMENT"}}
			if quiet {
				t.format = "{{.ID}}"
			}
			chain, next := img.Chain(), 0
			for i, h := range img.Config.History {
				var size int64
				if !h.EmptyLayer && next < len(chain) {
					size = s.Images.LayerSize(image.LayerName(chain[next]))
					next++
				}
				id, by := "<missing>", h.CreatedBy
				if i == len(img.Config.History)-1 {
					id = short(string(img.ID))
				}
				if len(by) > 45 && !noTrunc {
					by = by[:44] + "…"
				}
				since, at := "N/A", ""
				if h.Created != nil {
					since, at = container.HumanDuration(time.Since(*h.Created))+" ago", h.Created.Format(time.RFC3339)
				}
				text := humanSize(size)
				if !human {
					text = strconv.FormatInt(size, 10)
				}
				row := map[string]string{"ID": id, "CreatedSince": since, "CreatedAt": at, "CreatedBy": by, "Size": text, "Comment": h.Comment}
				t.rows = append([]map[string]string{row}, t.rows...)
			}
			return t.print(os.Stdout, format)
		}}
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "Only show image IDs")
	c.Flags().BoolVar(&noTrunc, "no-trunc", false, "Don't truncate output")
	c.Flags().BoolVarP(&human, "human", "H", true, "Print sizes and dates in human readable format")
	c.Flags().StringVar(&format, "format", "", "Format output using a custom template")
	return c
}

func initImageCommand(a *app) *cobra.Command {
	var file string
	c := &cobra.Command{Use: "init-image [OPTIONS] [NAME[:TAG]]", Short: "Make a busybox image from this machine's own busybox", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := "busybox"
			if len(args) == 1 {
				name = args[0]
			}
			ref, err := image.ParseRef(name)
			if err != nil {
				return err
			}
			s, err := a.store()
			if err != nil {
				return err
			}
			img, err := s.Images.Busybox(file, ref.String())
			if err != nil {
				return err
			}
			fmt.Println(img.ID)
			return nil
		}}
	c.Flags().StringVar(&file, "busybox", "", "The program (default: where Debian puts busybox-static)")
	return c
}
