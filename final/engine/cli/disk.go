package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"jocker/final/engine/container"
	"jocker/final/engine/image"
	"jocker/final/engine/layer"
	"jocker/final/engine/volume"
)

func diskCommand(a *app) *cobra.Command {
	var verbose bool
	var format string
	c := &cobra.Command{Use: "df [OPTIONS]", Short: "Show disk usage", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		s, err := a.store()
		if err != nil {
			return err
		}
		d, err := measure(s)
		if err != nil {
			return err
		}
		if verbose {
			return d.details(format)
		}
		return d.summary().print(os.Stdout, format)
	}}
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "Show detailed information on space usage")
	c.Flags().StringVar(&format, "format", "", "Format output using a custom template")
	return c
}

// A disk is what takes how much space. Layers are shared: an image's size says little about what its removal would give back.
type disk struct {
	images     []*image.Image
	containers []*container.Container
	status     map[string]*container.Status
	volumes    []*volume.Volume
	used       map[string]int        // volumes: containers that have it
	users      map[digest.Digest]int // images' manifests: containers of it
	layers     map[string]int        // layers: images that have it
	size       map[string]int64      // of layers, containers and volumes, by name and ID
}

func measure(s *container.Store) (d *disk, err error) {
	d = &disk{status: map[string]*container.Status{}, used: map[string]int{}, users: map[digest.Digest]int{}, layers: map[string]int{}, size: map[string]int64{}}
	if d.images, err = s.Images.List(); err != nil {
		return nil, err
	}
	for _, img := range d.images {
		for _, chain := range img.Chain() {
			name := image.LayerName(chain)
			d.layers[name]++
			d.size[name] = s.Images.LayerSize(name)
		}
	}
	if d.containers, err = s.List(); err != nil {
		return nil, err
	}
	for _, c := range d.containers {
		if d.status[c.ID], err = c.Status(); err != nil {
			return nil, err
		}
		d.size[c.ID], _, _ = layer.Size(c.Diff())
		d.users[c.Manifest]++
		for _, m := range c.Mounts {
			if m.Name != "" {
				d.used[m.Name]++
			}
		}
	}
	if d.volumes, err = volume.List(s.Root); err != nil {
		return nil, err
	}
	for _, v := range d.volumes {
		d.size[v.Name], _, _ = layer.Size(v.Mountpoint)
	}
	return d, nil
}

// ofImage returns the bytes of all layers of an image, and of those that no other has.
func (d *disk) ofImage(img *image.Image) (all, own int64) {
	for _, chain := range img.Chain() {
		name := image.LayerName(chain)
		all += d.size[name]
		if d.layers[name] == 1 {
			own += d.size[name]
		}
	}
	return all, own
}

func (d *disk) summary() *table {
	t := &table{format: "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}", headers: []string{"Type=TYPE",
		"TotalCount=TOTAL", "Active=ACTIVE", "Size=SIZE", "Reclaimable=RECLAIMABLE"}}
	row := func(kind string, total, active int, size, free int64) {
		percent := ""
		if size > 0 {
			percent = fmt.Sprintf(" (%d%%)", 100*free/size)
		}
		t.rows = append(t.rows, map[string]string{"Type": kind, "TotalCount": fmt.Sprint(total), "Active": fmt.Sprint(active), "Size": humanSize(size),
			"Reclaimable": humanSize(free) + percent})
	}
	active, size, free := 0, int64(0), int64(0)
	needed := map[string]bool{}
	for _, img := range d.images {
		if d.users[img.Manifest.Digest] > 0 {
			active++
			for _, chain := range img.Chain() {
				needed[image.LayerName(chain)] = true
			}
		}
	}
	for name := range d.layers {
		size += d.size[name]
		if !needed[name] {
			free += d.size[name]
		}
	}
	row("Images", len(d.images), active, size, free)
	active, size, free = 0, 0, 0
	for _, c := range d.containers {
		size += d.size[c.ID]
		if d.status[c.ID].Active() {
			active++
		} else {
			free += d.size[c.ID]
		}
	}
	row("Containers", len(d.containers), active, size, free)
	active, size, free = 0, 0, 0
	for _, v := range d.volumes {
		size += d.size[v.Name]
		if d.used[v.Name] > 0 {
			active++
		} else {
			free += d.size[v.Name]
		}
	}
	row("Local Volumes", len(d.volumes), active, size, free)
	return t
}

// details prints each thing, in three tables.
func (d *disk) details(format string) error {
	if format != "" {
		return fmt.Errorf("--format and -v do not go together: -v prints three tables")
	}
	images := &table{format: "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}", headers: []string{
		"Repository=REPOSITORY", "Tag=TAG", "ID=IMAGE ID", "CreatedSince=CREATED", "Size=SIZE", "SharedSize=SHARED SIZE", "UniqueSize=UNIQUE SIZE", "Containers=CONTAINERS"}}
	for _, img := range d.images {
		all, own := d.ofImage(img)
		names := img.Names
		if len(names) == 0 {
			names = []string{"<none>:<none>"}
		}
		created := "N/A"
		if t := img.Config.Created; t != nil {
			created = container.HumanDuration(time.Since(*t)) + " ago"
		}
		for _, name := range names {
			i := strings.LastIndexByte(name, ':')
			images.rows = append(images.rows, map[string]string{"Repository": name[:i], "Tag": name[i+1:], "ID": short(string(img.ID)), "CreatedSince": created,
				"Size": humanSize(all), "SharedSize": humanSize(all - own), "UniqueSize": humanSize(own), "Containers": fmt.Sprint(d.users[img.Manifest.Digest])})
		}
	}
	containers := &table{format: "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}", headers: []string{
		"ID=CONTAINER ID", "Image=IMAGE", "Command=COMMAND", "LocalVolumes=LOCAL VOLUMES", "Size=SIZE", "RunningFor=CREATED", "Status=STATUS", "Names=NAMES"}}
	for _, c := range d.containers {
		row := psRow(c, d.status[c.ID], false, false)
		n := 0
		for _, m := range c.Mounts {
			if m.Name != "" {
				n++
			}
		}
		row["LocalVolumes"], row["Size"] = fmt.Sprint(n), humanSize(d.size[c.ID])
		containers.rows = append(containers.rows, row)
	}
	volumes := &table{format: "table {{.Name}}\t{{.Links}}\t{{.Size}}", headers: []string{"Name=VOLUME NAME", "Links=LINKS", "Size=SIZE"}}
	for _, v := range d.volumes {
		volumes.rows = append(volumes.rows, map[string]string{"Name": v.Name, "Links": fmt.Sprint(d.used[v.Name]), "Size": humanSize(d.size[v.Name])})
	}
	for _, t := range []struct {
		title string
		table *table
	}{{"Images space usage:\n\n", images}, {"\nContainers space usage:\n\n", containers}, {"\nLocal Volumes space usage:\n\n", volumes}} {
		fmt.Print(t.title)
		if err := t.table.print(os.Stdout, ""); err != nil {
			return err
		}
	}
	return nil
}
