package cli

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
	"jocker/final/engine/volume"
)

func volumeCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "volume COMMAND", Short: "Manage volumes"}
	c.AddCommand(volumeCreate(a), volumeList(a), volumeInspect(a), volumeRemove(a), volumePrune(a))
	return c
}

func volumeCreate(a *app) *cobra.Command {
	var labels []string
	var name string
	c := &cobra.Command{Use: "create [OPTIONS] [VOLUME]", Short: "Create a volume", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				name = args[0]
			}
			if name == "" {
				b := make([]byte, 32)
				rand.Read(b)
				name = hex.EncodeToString(b)
			}
			if err := container.CheckName(name); err != nil {
				return err
			}
			s, err := a.store()
			if err != nil {
				return err
			}
			v, err := volume.Create(s.Root, name, pairs(labels), false)
			if err == nil {
				s.Tell("volume", "create", v.Name, "driver", "local")
				fmt.Println(v.Name)
			}
			return err
		}}
	c.Flags().StringArrayVar(&labels, "label", nil, "Set metadata for a volume")
	c.Flags().StringVar(&name, "name", "", "Specify volume name")
	return c
}

func volumeList(a *app) *cobra.Command {
	var quiet bool
	var format string
	var filters []string
	c := &cobra.Command{Use: "ls [OPTIONS]", Aliases: []string{"list"}, Short: "List volumes", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			list, err := volume.List(s.Root)
			if err != nil {
				return err
			}
			t := &table{format: "table {{.Driver}}\t{{.Name}}", headers: []string{"Driver=DRIVER", "Name=VOLUME NAME", "Mountpoint=MOUNTPOINT", "Scope=SCOPE", "Labels=LABELS"}}
			if quiet {
				t.format = "{{.Name}}"
			}
			byKey, err := parseFilters(filters, "name", "label", "driver", "dangling")
			if err != nil {
				return err
			}
			var used map[string]string
			if len(byKey["dangling"]) > 0 {
				if used, err = usedVolumes(s); err != nil {
					return err
				}
			}
			for _, v := range list {
				if !allFit(byKey, func(key, value string) bool { return volumeFits(v, used, key, value) }) {
					continue
				}
				t.rows = append(t.rows, map[string]string{"Driver": v.Driver, "Name": v.Name, "Mountpoint": v.Mountpoint, "Scope": v.Scope, "Labels": labelList(v.Labels)})
			}
			return t.print(os.Stdout, format)
		}}
	c.Flags().StringArrayVarP(&filters, "filter", "f", nil, "Provide filter values (e.g. \"dangling=true\")")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "Only display volume names")
	c.Flags().StringVar(&format, "format", "", "Format output using a custom template")
	return c
}

// volumeFits says whether a volume is what a filter wants.
func volumeFits(v *volume.Volume, used map[string]string, key, value string) bool {
	switch key {
	case "name":
		return strings.Contains(v.Name, value)
	case "driver":
		return v.Driver == value
	case "dangling":
		return (used[v.Name] == "") == (value == "true" || value == "1")
	}
	return hasLabel(v.Labels, value)
}

func volumeInspect(a *app) *cobra.Command {
	var format string
	c := &cobra.Command{Use: "inspect [OPTIONS] VOLUME [VOLUME...]", Short: "Display detailed information on one or more volumes", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			var list []any
			for _, name := range args {
				v, err := volume.Get(s.Root, name)
				if err != nil {
					return err
				}
				list = append(list, v)
			}
			return printJSON(list, format)
		}}
	c.Flags().StringVarP(&format, "format", "f", "", "Format output using a custom template")
	return c
}

// usedVolumes tells which container uses a volume.
func usedVolumes(s *container.Store) (map[string]string, error) {
	list, err := s.List()
	used := map[string]string{}
	for _, c := range list {
		for _, m := range c.Mounts {
			if m.Name != "" {
				used[m.Name] = c.ID
			}
		}
	}
	return used, err
}

func volumeRemove(a *app) *cobra.Command {
	var force bool
	c := &cobra.Command{Use: "rm [OPTIONS] VOLUME [VOLUME...]", Short: "Remove one or more volumes", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			lock, err := s.Images.Alone() // no container is being created meanwhile
			if err != nil {
				return err
			}
			defer lock.Unlock()
			used, err := usedVolumes(s)
			if err != nil {
				return err
			}
			return each(args, func(name string) error {
				if id := used[name]; id != "" {
					return fmt.Errorf("remove %s: volume is in use - [%s]", name, id)
				}
				err := volume.Remove(s.Root, name)
				if force && errors.Is(err, volume.ErrNotFound) {
					return nil
				}
				if err == nil {
					s.Tell("volume", "destroy", name, "driver", "local")
				}
				return err
			})
		}}
	c.Flags().BoolVarP(&force, "force", "f", false, "Force the removal of one or more volumes")
	return c
}
