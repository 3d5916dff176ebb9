package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
	"jocker/final/engine/image"
)

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
			if errors.Is(err, image.ErrBusy) { // the images are gone; only their files aren't
				fmt.Fprintln(os.Stderr, "Note:", err)
				err = nil
			}
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
	byName, repos := false, map[string]bool{}
	for _, n := range img.Names {
		byName = byName || err == nil && n == ref.String()
		if r, err := image.ParseRef(n); err == nil {
			repos[r.Repo()] = true
		}
	}
	if byName && len(img.Names) > 1 {
		if err := s.Images.Untag(ref.String()); err != nil {
			return err
		}
		fmt.Println("Untagged:", ref)
		s.Tell("image", "untag", string(img.ID), "name", string(img.ID))
		return nil
	}
	if !byName && len(repos) > 1 && !force {
		return fmt.Errorf("conflict: unable to delete %s (must be forced) - image is referenced in multiple repositories", short(string(img.ID)))
	}
	list, err := s.List()
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Image != string(img.ID) {
			continue
		}
		if status, err := c.Status(); err == nil && status.Active() {
			return fmt.Errorf("conflict: unable to delete %s (cannot be forced) - image is being used by running container %s", name, c.Short())
		}
		if !force {
			return fmt.Errorf("conflict: unable to delete %s (must be forced) - image is being used by stopped container %s", name, c.Short())
		}
	}
	for _, n := range append(append([]string{}, img.Names...), img.Digests...) {
		fmt.Println("Untagged:", n)
	}
	if err := s.Images.Forget(img); err != nil {
		return err
	}
	s.Tell("image", "delete", string(img.ID), "name", string(img.ID))
	return nil
}
