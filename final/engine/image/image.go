package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	"github.com/opencontainers/image-spec/specs-go/v1"
)

// A Config is what an image says about itself, and RunConfig the part of it about how a container is run: the OCI's words
// (image-spec, config.md), and those that Docker adds, HEALTHCHECK, ONBUILD and SHELL.
type (
	Config    = dockerspec.DockerOCIImage
	RunConfig = dockerspec.DockerOCIImageConfig
)

// An Image is one image of the store.
type Image struct {
	ID       digest.Digest // the config's: what Docker calls the image's ID
	Manifest v1.Descriptor
	Config   Config
	Layers   []v1.Descriptor // the lowest first
	Names    []string        // busybox:latest
	Digests  []string        // by which registries know it: busybox@sha256:...
}

// ErrNotFound is wrapped by the error for an image that is not there. Its words are Docker's.
var ErrNotFound = errors.New("No such image")

// Find returns the image with this name, ID, or beginning of an ID.
func (s *Store) Find(name string) (*Image, error) {
	lock, err := s.Share() // or its blobs may go between the look into the index and that at them
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	index, err := s.readIndex()
	if err != nil {
		return nil, err
	}
	if ref, err := ParseRef(name); err == nil {
		if d, ok := findRef(index, ref); ok {
			return s.read(index, d)
		}
	}
	prefix := strings.TrimPrefix(name, "sha256:")
	if len(prefix) >= 2 && len(prefix) <= 64 && isHex(prefix) {
		if img, err := s.findID(index, prefix); img != nil || err != nil {
			return img, err
		}
	}
	ref, err := ParseRef(name)
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %s", ErrNotFound, ref)
}

// findRef finds a name, or a name with a digest.
func findRef(index *v1.Index, ref Ref) (v1.Descriptor, bool) {
	for _, d := range index.Manifests {
		if ref.Digest == "" && d.Annotations[refName] == ref.String() ||
			ref.Digest != "" && (string(d.Digest) == ref.Digest || d.Annotations[pulledDigest] == ref.Repo()+"@"+ref.Digest) {
			return d, true
		}
	}
	return v1.Descriptor{}, false
}

// findID finds an image by the beginning of its ID; nil if there is none.
func (s *Store) findID(index *v1.Index, prefix string) (*Image, error) {
	var found *Image
	for _, d := range index.Manifests {
		var m v1.Manifest
		if err := s.readJSON(d.Digest, &m); err != nil {
			return nil, err
		}
		if !strings.HasPrefix(m.Config.Digest.Encoded(), prefix) && !strings.HasPrefix(d.Digest.Encoded(), prefix) {
			continue
		}
		if found != nil && found.ID != m.Config.Digest {
			return nil, fmt.Errorf("%.64s is the beginning of several images' IDs; give more digits", prefix)
		}
		var err error
		if found, err = s.read(index, d); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// read reads the image of a manifest.
func (s *Store) read(index *v1.Index, d v1.Descriptor) (*Image, error) {
	var m v1.Manifest
	if err := s.readJSON(d.Digest, &m); err != nil {
		return nil, err
	}
	img := &Image{ID: m.Config.Digest, Manifest: d, Layers: m.Layers}
	if err := s.readJSON(m.Config.Digest, &img.Config); err != nil {
		return nil, err
	}
	if err := img.Check(); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, e := range index.Manifests {
		if e.Digest != d.Digest {
			continue
		}
		if name := e.Annotations[refName]; name != "" {
			img.Names = append(img.Names, name)
		}
		if name := e.Annotations[pulledDigest]; name != "" && !seen[name] {
			seen[name] = true
			img.Digests = append(img.Digests, name)
		}
	}
	sort.Strings(img.Names)
	return img, nil
}

// Check says whether the parts of an image go together.
func (img *Image) Check() error {
	ids := img.Config.RootFS.DiffIDs
	if len(ids) != len(img.Layers) {
		return fmt.Errorf("the image %s has %d layers, and its config speaks of %d", img.ID, len(img.Layers), len(ids))
	}
	if len(ids) > maxLayers {
		return fmt.Errorf("the image %s has %d layers; %d are possible", img.ID, len(ids), maxLayers)
	}
	for _, id := range ids {
		if !IsDigest(string(id)) {
			return fmt.Errorf("the image %s: %.100q is not the digest of a layer", img.ID, string(id))
		}
	}
	return nil
}

// List returns all images, the youngest first.
func (s *Store) List() ([]*Image, error) {
	lock, err := s.Share()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	index, err := s.readIndex()
	if err != nil {
		return nil, err
	}
	var images []*Image
	seen := map[digest.Digest]bool{}
	for _, d := range index.Manifests {
		if seen[d.Digest] {
			continue
		}
		seen[d.Digest] = true
		img, err := s.read(index, d)
		if err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	sort.SliceStable(images, func(i, j int) bool {
		a, b := images[i].Config.Created, images[j].Config.Created
		return a != nil && (b == nil || a.After(*b))
	})
	return images, nil
}

// Add makes an image of a config and of layers that are in the store, and gives it a name (see SetName).
// The config's list of diff ids must be complete.
func (s *Store) Add(config Config, layers []v1.Descriptor, name string) (*Image, error) {
	data, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	return s.AddConfig(data, layers, name)
}

// AddConfig is Add for a config that is JSON already, and must keep its digest.
func (s *Store) AddConfig(config []byte, layers []v1.Descriptor, name string) (*Image, error) {
	img, err := s.write(config, layers)
	if err != nil {
		return nil, err
	}
	if name != "" {
		img.Names = []string{name}
	}
	return img, s.SetName(name, img.Manifest, "")
}

// write writes the blobs of an image, its config and its manifest. Nothing refers to them yet.
func (s *Store) write(config []byte, layers []v1.Descriptor) (*Image, error) {
	cfg, err := s.WriteBlob(v1.MediaTypeImageConfig, config)
	if err != nil {
		return nil, err
	}
	img := &Image{ID: cfg.Digest, Layers: layers}
	if err := json.Unmarshal(config, &img.Config); err != nil {
		return nil, fmt.Errorf("the image's config: %w", err)
	}
	if err := img.Check(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: cfg, Layers: layers})
	if err != nil {
		return nil, err
	}
	img.Manifest, err = s.WriteBlob(v1.MediaTypeImageManifest, data)
	return img, err
}

// Chain returns the chain ids of an image's layers, the lowest first.
func (img *Image) Chain() []digest.Digest {
	var chain []digest.Digest
	for i, id := range img.Config.RootFS.DiffIDs {
		if i > 0 {
			sum := sha256.Sum256([]byte(string(chain[i-1]) + " " + string(id)))
			id = digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(sum[:]))
		}
		chain = append(chain, id)
	}
	return chain
}
