package cli

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
	"jocker/final/engine/image"
)

func imagesCommand(a *app) *cobra.Command {
	var all, quiet, noTrunc, digests bool
	var format string
	var filters []string
	c := &cobra.Command{Use: "images [OPTIONS] [REPOSITORY[:TAG]]", Short: "List images", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			if len(args) > 0 {
				filters = append(filters, "reference="+args[0])
			}
			f, err := readImageFilter(s.Images, filters)
			if err != nil {
				return err
			}
			list, err := s.Images.List()
			if err != nil {
				return err
			}
			t := &table{format: "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}", headers: []string{"Repository=REPOSITORY",
				"Tag=TAG", "ID=IMAGE ID", "CreatedSince=CREATED", "CreatedAt=CREATED AT", "Size=SIZE", "Digest=DIGEST", "Containers=CONTAINERS",
				"SharedSize=SHARED SIZE", "UniqueSize=UNIQUE SIZE", "VirtualSize=SIZE"}}
			if digests {
				t.format = "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
			}
			if quiet {
				t.format = "{{.ID}}"
			}
			for _, img := range list {
				t.rows = append(t.rows, imageRows(s.Images, img, f, noTrunc)...)
			}
			return t.print(os.Stdout, format)
		}}
	f := c.Flags()
	f.BoolVarP(&all, "all", "a", false, "Show all images")
	f.BoolVarP(&quiet, "quiet", "q", false, "Only show image IDs")
	f.BoolVar(&noTrunc, "no-trunc", false, "Don't truncate output")
	f.BoolVar(&digests, "digests", false, "Show digests")
	f.StringVar(&format, "format", "", "Format output using a custom template")
	f.StringArrayVarP(&filters, "filter", "f", nil, "Filter output: dangling, label, before, since, until, reference")
	return c
}

// An imageFilter is what --filter says.
type imageFilter struct {
	byKey         map[string][]string
	before, since time.Time // when zero, any time
}

func readImageFilter(s *image.Store, filters []string) (*imageFilter, error) {
	f := &imageFilter{}
	var err error
	if f.byKey, err = parseFilters(filters, "dangling", "label", "before", "since", "until", "reference"); err != nil {
		return nil, err
	}
	if f.before, err = before(f.byKey["until"]); err != nil {
		return nil, err
	}
	for key, limit := range map[string]*time.Time{"before": &f.before, "since": &f.since} {
		for _, name := range f.byKey[key] {
			img, err := s.Find(name)
			if err != nil {
				return nil, err
			}
			if img.Config.Created != nil {
				*limit = *img.Config.Created
			}
		}
	}
	for _, pattern := range f.byKey["reference"] {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("invalid filter 'reference=%s': %w", pattern, err)
		}
	}
	for _, v := range f.byKey["dangling"] {
		if v != "true" && v != "false" && v != "1" && v != "0" {
			return nil, fmt.Errorf("invalid filter 'dangling=%s': it is true or false", v)
		}
	}
	return f, nil
}

// image says whether an image fits, whatever its names.
func (f *imageFilter) image(img *image.Image) bool {
	for _, want := range f.byKey["label"] {
		if !hasLabel(img.Config.Config.Labels, want) {
			return false
		}
	}
	for _, v := range f.byKey["dangling"] {
		if (v == "true" || v == "1") != (len(img.Names) == 0) {
			return false
		}
	}
	made := time.Time{}
	if img.Config.Created != nil {
		made = *img.Config.Created
	}
	return (f.before.IsZero() || made.Before(f.before)) && (f.since.IsZero() || made.After(f.since))
}

// name says whether one of an image's names fits: a pattern of path.Match, of the name with or without its tag.
func (f *imageFilter) name(repo, tag string) bool {
	patterns := f.byKey["reference"]
	for _, p := range patterns {
		short, _ := path.Match(p, repo)
		long, _ := path.Match(p, repo+":"+tag)
		if short || long {
			return true
		}
	}
	return len(patterns) == 0
}

// imageRows are the lines for one image: one for each name.
func imageRows(s *image.Store, img *image.Image, f *imageFilter, noTrunc bool) (rows []map[string]string) {
	if !f.image(img) {
		return nil
	}
	row := func(repo, tag, digest string) {
		if !f.name(repo, tag) {
			return
		}
		id := short(string(img.ID))
		if noTrunc {
			id = string(img.ID)
		}
		since, at := "N/A", "N/A"
		if t := img.Config.Created; t != nil {
			since, at = container.HumanDuration(time.Since(*t))+" ago", formatTime(*t)
		}
		size := humanSize(s.Size(img))
		rows = append(rows, map[string]string{"Repository": repo, "Tag": tag, "ID": id, "CreatedSince": since, "CreatedAt": at, "Size": size,
			"Digest": digest, "Containers": "N/A", "SharedSize": "N/A", "UniqueSize": "N/A", "VirtualSize": size})
	}
	digests, named := map[string]string{}, map[string]bool{}
	for _, d := range img.Digests {
		repo, digest, _ := strings.Cut(d, "@")
		digests[repo] = digest
	}
	for _, name := range img.Names {
		if ref, err := image.ParseRef(name); err == nil {
			digest := digests[ref.Repo()]
			if digest == "" {
				digest = "<none>"
			}
			named[ref.Repo()] = true
			row(ref.Repo(), ref.Tag, digest)
		}
	}
	for _, d := range img.Digests { // what was pulled by its digest has no tag
		if repo, digest, _ := strings.Cut(d, "@"); !named[repo] {
			row(repo, "<none>", digest)
		}
	}
	if len(img.Names)+len(img.Digests) == 0 {
		row("<none>", "<none>", "<none>")
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
			if err := s.Images.SetName(ref.String(), img.Manifest, ""); err != nil {
				return err
			}
			s.Tell("image", "tag", string(img.ID), "name", ref.String())
			return nil
		}}
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
