package image

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go/v1"

	"jocker/final/engine/layer"
)

// Import makes an image of one layer from an archive of a whole file system, compressed or not. name may be empty.
func (s *Store) Import(r io.Reader, config RunConfig, name, message string) (*Image, error) {
	lock, err := s.Share()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	archive, err := Decompress(r)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	blob, err := s.makeBlob(v1.MediaTypeImageLayer, func(w io.Writer) error { return copyLimited(w, archive, s.Room()/2) },
		func(f *os.File, d digest.Digest) error { return s.unpackNew(f, d, LayerName(d)) })
	if err != nil {
		return nil, fmt.Errorf("the archive of a file system: %w", err)
	}
	now := time.Now().UTC()
	img := Config{Config: config, Image: v1.Image{Created: &now, Platform: v1.Platform{Architecture: runtime.GOARCH, OS: "linux"},
		RootFS:  v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{blob.Digest}},
		History: []v1.History{{Created: &now, Comment: message}}}}
	return s.Add(img, []v1.Descriptor{blob}, name)
}

// copyLimited copies, but no more than limit bytes: what is small when it is packed can be a bomb.
func copyLimited(w io.Writer, r io.Reader, limit int64) error {
	n, err := io.Copy(w, io.LimitReader(r, limit+1))
	if err == nil && n > limit {
		err = layer.ErrTooLarge
	}
	return err
}

// addUnpacked adds an image if its layers can be unpacked.
func (s *Store) addUnpacked(config Config, layers []v1.Descriptor, name string) (*Image, error) {
	if _, err := s.Unpack(&Image{Config: config, Layers: layers}); err != nil {
		return nil, err
	}
	return s.Add(config, layers, name)
}

// Commit makes an image of another and, as one more layer, the changes in the directory diff of overlayfs. author and message may be empty.
func (s *Store) Commit(base *Image, config RunConfig, diff, name, author, message, command string) (*Image, error) {
	lock, err := s.Share()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	blob, err := s.MakeBlob(v1.MediaTypeImageLayer, func(w io.Writer) error { return layer.Pack(w, diff) })
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	img := base.Config
	img.Created, img.Author, img.Config = &now, author, config
	img.RootFS.DiffIDs = append(append([]digest.Digest{}, base.Config.RootFS.DiffIDs...), blob.Digest)
	img.History = append(append([]v1.History{}, base.Config.History...), v1.History{Created: &now, Author: author, Comment: message, CreatedBy: command})
	return s.addUnpacked(img, append(append([]v1.Descriptor{}, base.Layers...), blob), name)
}
