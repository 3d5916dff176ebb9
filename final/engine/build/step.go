package build

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"jocker/final/engine/container"
	"jocker/final/engine/image"
	"jocker/final/engine/inroot"
)

// step carries out an instruction that changes files, if the cache doesn't know what comes out. content is what that depends
// on besides the stage and text. make returns a container whose upper directory has the changes; it is removed here.
func (b *builder) step(s *stage, text string, content []string, make func(out *output) (*container.Container, error)) error {
	s.step++
	key, err := s.nextKey(text, content)
	if err != nil {
		return err
	}
	done := b.o.Progress.Start(b.next(), fmt.Sprintf("[%s %d/%d] %s", s.name, s.step, s.steps, firstLine(text)))
	if !b.o.NoCache {
		if img := b.store.Images.Cached(key); img != nil {
			s.img, s.config, s.layers, s.key = img, img.Config, img.Layers, key
			if img.Config.Created != nil {
				s.now = *img.Config.Created
			}
			done(true, nil)
			return nil
		}
	}
	err = b.layer(s, text, key, make)
	done(false, err)
	return err
}

// layer lets make change files, and puts the changes on top of the stage's layers.
func (b *builder) layer(s *stage, text, key string, make func(out *output) (*container.Container, error)) error {
	c, err := make(&output{progress: b.o.Progress, number: b.number})
	if c != nil {
		defer c.Remove(true)
	}
	if err != nil {
		return err
	}
	shared, err := b.store.Images.Share()
	if err != nil {
		return err
	}
	defer shared.Unlock()
	before := len(s.layers)
	s.config, s.layers, err = b.store.Images.Stack(&image.Image{Config: s.config, Layers: s.layers}, c.Diff(), b.o.Epoch)
	if err != nil {
		return err
	}
	s.now = b.time()
	s.note(text, len(s.layers) == before)
	if s.img, err = b.store.Images.Write(s.config, s.layers); err != nil {
		return err
	}
	s.key = key
	return b.store.Images.Cache(key, s.img)
}

// container makes a container of what the stage is now. It is locked.
func (b *builder) container(s *stage, o container.CreateOptions) (*container.Container, *container.Lock, error) {
	shared, err := b.store.Images.Share()
	if err != nil {
		return nil, nil, err
	}
	defer shared.Unlock()
	img, err := b.store.Images.Write(s.config, s.layers)
	if err != nil {
		return nil, nil, err
	}
	plain := *img
	plain.Config.Config.Volumes = nil // what is written there is part of the image
	plain.Config.Config.Healthcheck = nil
	plain.Config.Config.ExposedPorts = nil
	o.Config.Image = string(img.ID)
	return b.store.Create(&plain, o)
}

// change lets f change files in the root of a container that never runs.
func (b *builder) change(s *stage, f func(root *inroot.Dir) error) (*container.Container, error) {
	c, lock, err := b.container(s, container.CreateOptions{Config: container.Config{Entrypoint: []string{"build"}}})
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	return c, c.View(func(path string) error {
		root, err := inroot.Open(path)
		if err != nil {
			return err
		}
		defer root.Close()
		return f(root)
	})
}

// note adds a line to the image's history.
func (s *stage) note(text string, empty bool) {
	now := s.now
	s.config.Created = &now
	s.config.History = append(append([]v1.History{}, s.config.History...), v1.History{Created: &now, CreatedBy: text, EmptyLayer: empty})
}

// nextKey returns the cache's key for a step: what it begins with, what it says, and what it uses.
func (s *stage) nextKey(text string, content []string) (string, error) {
	config, err := json.Marshal(s.config.Config)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	add := func(text string) {
		h.Write(binary.AppendUvarint(nil, uint64(len(text))))
		h.Write([]byte(text))
	}
	add(s.key)
	add(string(config))
	add(s.config.Author)
	for _, line := range s.config.History {
		add(line.CreatedBy)
	}
	add(text)
	for _, c := range content {
		add(c)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func firstLine(text string) string {
	line, _, more := strings.Cut(text, "\n")
	if more {
		line += " ..."
	}
	return line
}
