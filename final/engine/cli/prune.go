package cli

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
	"jocker/final/engine/layer"
	"jocker/final/engine/volume"
)

// A pruning is a command that removes what nobody uses.
type pruning struct {
	a          *app
	all, force bool
	volumes    bool
	filters    []string
	byKey      map[string][]string
	until      time.Time // only what is older; the zero time: everything
	freed      int64
}

// command makes the command. known are the filters that it has, and warning is what it asks about.
func (p *pruning) command(short, warning string, known []string, work func(s *container.Store) error) *cobra.Command {
	c := &cobra.Command{Use: "prune [OPTIONS]", Short: short, Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) (err error) {
		if p.byKey, err = parseFilters(p.filters, known...); err != nil {
			return err
		}
		if p.until, err = before(p.byKey["until"]); err != nil {
			return err
		}
		if !p.force && isTerminal(0) && !confirm(warning) {
			return nil
		}
		s, err := p.a.store()
		if err != nil {
			return err
		}
		if err := work(s); err != nil {
			return err
		}
		fmt.Println("Total reclaimed space:", humanSize(p.freed))
		return nil
	}}
	c.Flags().BoolVarP(&p.force, "force", "f", false, "Do not prompt for confirmation (nobody is asked without a terminal)")
	c.Flags().StringArrayVar(&p.filters, "filter", nil, "Provide filter values: "+strings.Join(known, ", "))
	return c
}

// confirm asks somebody at the terminal.
func confirm(warning string) bool {
	fmt.Printf("WARNING! This will remove %s.\nAre you sure you want to continue? [y/N] ", warning)
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

func containerPrune(a *app) *cobra.Command {
	p := &pruning{a: a}
	return p.command("Remove all stopped containers", "all stopped containers", []string{"until", "label", "label!"}, p.containers)
}

func imagePrune(a *app) *cobra.Command {
	p := &pruning{a: a}
	c := p.command("Remove unused images", "all images without a name, or with -a all that no container has", []string{"until", "label", "label!", "dangling"}, p.images)
	c.Flags().BoolVarP(&p.all, "all", "a", false, "Remove all unused images, not just dangling ones")
	return c
}

func volumePrune(a *app) *cobra.Command {
	p := &pruning{a: a}
	c := p.command("Remove unused local volumes", "the anonymous volumes that no container uses, or with -a all of them", []string{"label", "label!", "all"}, p.localVolumes)
	c.Flags().BoolVarP(&p.all, "all", "a", false, "Remove all unused volumes, not just anonymous ones")
	return c
}

func systemPrune(a *app) *cobra.Command {
	p := &pruning{a: a}
	c := p.command("Remove unused data", "all stopped containers, networks that none is in, and all images without a name, with -a all that no container has, and with --volumes anonymous volumes",
		[]string{"until", "label", "label!"}, func(s *container.Store) error {
			if err := p.containers(s); err != nil {
				return err
			}
			if err := p.networks(s); err != nil {
				return err
			}
			if p.volumes {
				if err := p.localVolumes(s); err != nil {
					return err
				}
			}
			return p.images(s)
		})
	c.Flags().BoolVarP(&p.all, "all", "a", false, "Remove all unused images not just dangling ones")
	c.Flags().BoolVar(&p.volumes, "volumes", false, "Prune anonymous volumes")
	return c
}

// spared says whether the filters leave something alone that has these labels and was made then.
func (p *pruning) spared(labels map[string]string, made time.Time) bool {
	for _, want := range p.byKey["label"] { // all of them, unlike other filters
		if !hasLabel(labels, want) {
			return true
		}
	}
	for _, not := range p.byKey["label!"] {
		if hasLabel(labels, not) {
			return true
		}
	}
	return !p.until.IsZero() && !made.Before(p.until)
}

// hasLabel says whether there is a label, NAME, or NAME=VALUE.
func hasLabel(labels map[string]string, want string) bool {
	name, value, hasValue := strings.Cut(want, "=")
	got, ok := labels[name]
	return ok && (!hasValue || got == value)
}

// containers removes all containers that don't run, and mends what killed commands and shims have left.
func (p *pruning) containers(s *container.Store) error {
	list, err := s.List()
	if err != nil {
		return err
	}
	var gone []string
	for _, c := range list {
		if status, err := c.Status(); err != nil || status.Active() || p.spared(c.Config.Labels, c.Created) {
			continue
		}
		size, _, _ := layer.Size(c.Diff())
		if err := remove(c, false, p.volumes); err != nil {
			fmt.Fprintln(os.Stderr, "Error:", err)
			continue
		}
		gone = append(gone, c.ID)
		p.freed += size
	}
	printGone("Containers", gone)
	return s.Mend()
}

// images removes images without a name, or all that no container has, and then everything that nothing refers to.
func (p *pruning) images(s *container.Store) error {
	all := p.all
	for _, v := range p.byKey["dangling"] {
		all = v == "false" || v == "0"
	}
	images, err := s.Images.List()
	if err != nil {
		return err
	}
	containers, err := s.List()
	if err != nil {
		return err
	}
	inUse := map[string]bool{}
	for _, c := range containers {
		inUse[c.Image] = true
	}
	var gone []string
	for _, img := range images {
		made := time.Time{}
		if img.Config.Created != nil {
			made = *img.Config.Created
		}
		if inUse[string(img.ID)] || len(img.Names) > 0 && !all || p.spared(img.Config.Config.Labels, made) {
			continue
		}
		if err := s.Images.Forget(img); err != nil {
			return err
		}
		for _, name := range img.Names {
			gone = append(gone, "untagged: "+name)
		}
		s.Tell("image", "delete", string(img.ID), "name", string(img.ID))
	}
	freed, digests, err := s.Images.Sweep(s.Manifests)
	p.freed += freed
	for _, d := range digests {
		gone = append(gone, "deleted: "+string(d))
	}
	printGone("Images", gone)
	return err
}

// localVolumes removes volumes that no container has: those that were made for one, or all.
func (p *pruning) localVolumes(s *container.Store) error {
	lock, err := s.Images.Alone() // no container is being created meanwhile
	if err != nil {
		return err
	}
	defer lock.Unlock()
	used, err := usedVolumes(s)
	if err != nil {
		return err
	}
	all := p.all && !p.volumes
	for _, v := range p.byKey["all"] {
		all = v == "true" || v == "1"
	}
	var gone []string
	list, err := volume.List(s.Root)
	for _, v := range list {
		if used[v.Name] != "" || !all && !v.Anonymous || p.spared(v.Labels, v.CreatedAt) {
			continue
		}
		size, _, _ := layer.Size(v.Mountpoint)
		if err := volume.Remove(s.Root, v.Name); err != nil {
			return err
		}
		s.Tell("volume", "destroy", v.Name, "driver", "local")
		gone = append(gone, v.Name)
		p.freed += size
	}
	printGone("Volumes", gone)
	return err
}

func printGone(what string, gone []string) {
	if len(gone) > 0 {
		fmt.Printf("Deleted %s:\n%s\n\n", what, strings.Join(gone, "\n"))
	}
}
