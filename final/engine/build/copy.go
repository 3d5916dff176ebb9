package build

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"jocker/final/engine/container"
	"jocker/final/engine/inroot"
)

// A copying is a COPY or an ADD.
type copying struct {
	instructions.SourcesAndDest
	command  string // copy or add
	text     string // as it stands in the Dockerfile
	from     string
	chown    string // USER[:GROUP]
	chmod    string
	checksum string // ADD's, of an address
	add      bool
}

// copy carries out COPY and ADD.
func (b *builder) copy(s *stage, c copying) error {
	mode := int64(-1)
	if c.chmod != "" {
		n, err := strconv.ParseUint(c.chmod, 8, 32)
		if err != nil || n > 0o7777 {
			return fmt.Errorf("--chmod=%s: expected an octal number such as 0755", c.chmod)
		}
		mode = int64(n)
	}
	return b.from(c.from, func(t *tree) error {
		var items []item
		var content []string
		for _, source := range c.SourcePaths {
			if c.add && isAddress(source) {
				i, digest, err := b.download(source, c.checksum)
				if err != nil {
					return err
				}
				defer os.Remove(i.file)
				items, content = append(items, i), append(content, source, digest)
				continue
			}
			some, err := t.choose(source)
			if err != nil {
				return err
			}
			for i := range some {
				digest, err := t.digest(&some[i])
				if err != nil {
					return err
				}
				content = append(append(content, some[i].name), digest...)
			}
			items = append(items, some...)
		}
		for _, f := range c.SourceContents {
			content = append(content, f.Path, f.Data)
		}
		if len(items)+len(c.SourceContents) > 1 && !isFolder(c.DestPath) {
			return fmt.Errorf("When using %s with more than one source file, the destination must be a directory and end with a /", strings.ToUpper(c.command))
		}
		content = append(content, c.DestPath, c.chown, c.chmod)
		return b.step(s, c.text, content, func(*output) (*container.Container, error) {
			return b.change(s, func(root *inroot.Dir) error {
				w := &writer{root: root, tree: t, mode: mode, uid: -1, gid: -1}
				if !t.owners {
					w.uid, w.gid = 0, 0
				}
				if c.chown != "" {
					uid, gid, err := container.Owner(root, c.chown)
					if err != nil {
						return fmt.Errorf("--chown=%s: %w", c.chown, err)
					}
					w.uid, w.gid = int(uid), int(gid)
				}
				return w.write(s.inWorkdir(c.DestPath), isFolder(c.DestPath), items, c)
			})
		})
	})
}

// from calls f with what a COPY takes files from: the context, a stage above, or an image.
func (b *builder) from(name string, f func(t *tree) error) error {
	if name == "" {
		return f(&tree{root: b.context, ignore: b.ignore})
	}
	source := &stage{}
	if n := b.file.find(name, len(b.file.stages)); n >= 0 {
		if source = b.stages[n]; source == nil {
			return fmt.Errorf("--from=%s: the stage is this one, or below it; files can be copied from one above", name)
		}
	} else {
		img, err := b.find(name, "")
		if err != nil {
			return fmt.Errorf("--from=%s: there is no such stage above, and as an image: %w", name, err)
		}
		source.config, source.layers = img.Config, img.Layers
	}
	var err error
	made, err2 := b.change(source, func(root *inroot.Dir) error {
		err = f(&tree{root: root, owners: true})
		return nil
	})
	if made != nil {
		made.Remove(true)
	}
	if err2 != nil {
		return err2
	}
	return err
}

// isFolder says whether a destination is meant to be a directory.
func isFolder(dest string) bool {
	return strings.HasSuffix(dest, "/") || dest == "." || dest == ".." || strings.HasSuffix(dest, "/.") || strings.HasSuffix(dest, "/..")
}
