package image

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"jocker/final/engine/layer"
)

// A build is a chain of images: each step takes the one before and adds a layer, or changes the config. These have no name and
// are not in the index. What keeps them is the build cache: a file for each step that was done, whose name says what
// was done to what, and whose content is the manifest of the image that came out.

// Write writes an image that nothing refers to, of a config and of layers that are in the store. Whoever calls it holds the store's
// lock (Share) until something does, since otherwise a Sweep may remove it.
func (s *Store) Write(config Config, layers []v1.Descriptor) (*Image, error) {
	data, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	return s.write(data, layers)
}

// Stack makes a layer of diff, a directory of overlayfs on the file system of the store, and returns the config and the layers of
// base with that layer on top. The files themselves become the unpacked layer, so diff is gone afterwards. An empty diff makes
// no layer. If latest is not zero, no file in the archive is younger than that.
func (s *Store) Stack(base *Image, diff string, latest time.Time) (Config, []v1.Descriptor, error) {
	config, layers := base.Config, base.Layers
	if entries, err := os.ReadDir(diff); err != nil || len(entries) == 0 {
		return config, layers, err
	}
	blob, err := s.MakeBlob(v1.MediaTypeImageLayer, func(w io.Writer) error { return layer.PackUntil(w, diff, latest) })
	if err != nil {
		return config, layers, err
	}
	config.RootFS.DiffIDs = append(append([]digest.Digest{}, config.RootFS.DiffIDs...), blob.Digest)
	layers = append(append([]v1.Descriptor{}, layers...), blob)
	img := &Image{Config: config, Layers: layers}
	if err := img.Check(); err != nil {
		return config, layers, err
	}
	if !latest.IsZero() { // the files are not what the archive says
		_, err := s.Unpack(img)
		return config, layers, err
	}
	chain := img.Chain()
	return config, layers, s.adoptLayer(diff, LayerName(chain[len(chain)-1]))
}

// adoptLayer makes a directory the unpacked layer of this name.
func (s *Store) adoptLayer(dir, name string) error {
	size, _, err := layer.Size(dir)
	if err != nil {
		return err
	}
	temp, err := s.Temp()
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := os.WriteFile(temp+"/size", []byte(strconv.FormatInt(size, 10)), 0o600); err != nil {
		return err
	}
	if err := os.Rename(dir, temp+"/fs"); err != nil {
		return err
	}
	err = os.Rename(temp, s.path("layers", name))
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
		return nil // the same layer was there
	}
	return err
}

// Cached returns the image that came out of a build step, or nil if it is not known, or not whole, any more. key is hexadecimal.
func (s *Store) Cached(key string) *Image {
	text, err := os.ReadFile(s.path("cache", key))
	if err != nil {
		return nil
	}
	img, err := s.read(&v1.Index{}, v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.Digest(text)})
	if err == nil {
		_, err = s.Unpack(img)
	}
	if err != nil {
		return nil
	}
	if info, err := os.Stat(s.path("blobs/sha256", img.Manifest.Digest.Encoded())); err == nil {
		img.Manifest.Size = info.Size()
	}
	return img
}

// Cache notes what came out of a build step.
func (s *Store) Cache(key string, img *Image) error {
	if err := os.MkdirAll(s.path("cache"), 0o700); err != nil {
		return err
	}
	return s.WriteFile(filepath.Join("cache", key), []byte(img.Manifest.Digest))
}

// DropCache forgets all build steps. The space is free after the next Sweep.
func (s *Store) DropCache() error { return os.RemoveAll(s.path("cache")) }

// cached returns the manifests that the build cache refers to.
func (s *Store) cached() (list []digest.Digest, err error) {
	entries, err := os.ReadDir(s.path("cache"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		text, err := os.ReadFile(s.path("cache", e.Name()))
		if err != nil {
			return nil, err
		}
		if IsDigest(string(text)) {
			list = append(list, digest.Digest(text))
		}
	}
	return list, err
}
