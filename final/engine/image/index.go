package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/opencontainers/image-spec/specs-go"
	"github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

const (
	indexFile = "index.json"
	// refName is the annotation that names an image in a layout (annotations.md).
	refName = v1.AnnotationRefName
	// pulledDigest is what the registry calls the image, NAME@DIGEST: for an image of several platforms it is the index's digest.
	pulledDigest = "jocker.digest"
)

// readIndex reads index.json.
func (s *Store) readIndex() (*v1.Index, error) {
	index := &v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	data, err := os.ReadFile(s.path(indexFile))
	if errors.Is(err, os.ErrNotExist) {
		return index, nil
	} else if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, index); err != nil {
		return nil, fmt.Errorf("%s: %w", s.path(indexFile), err)
	}
	return index, nil
}

// changeIndex lets change change index.json, and nobody else meanwhile. If it returns an error all stays as it was.
func (s *Store) changeIndex(change func(*v1.Index) error) error {
	lock, err := s.lock("index.lock", unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	index, err := s.readIndex()
	if err != nil {
		return err
	}
	if err := change(index); err != nil {
		return err
	}
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	return s.WriteFile(indexFile, append(data, '\n'))
}

// SetName makes name the name of a manifest, and takes it from the one that had it, which stays without a name if that was
// its only one. An empty name adds the manifest without one. digest, if not empty, is the name by which a registry knows it (REPO@DIGEST).
func (s *Store) SetName(name string, manifest v1.Descriptor, digest string) error {
	manifest.Annotations = map[string]string{}
	if name != "" {
		manifest.Annotations[refName] = name
	}
	return s.changeIndex(func(index *v1.Index) error {
		var kept []v1.Descriptor
		old := map[string]bool{} // manifests that lose a name
		for _, d := range index.Manifests {
			same := d.Digest == manifest.Digest
			if same && digest == "" {
				digest = d.Annotations[pulledDigest]
			}
			switch {
			case name != "" && d.Annotations[refName] == name:
				old[string(d.Digest)] = !same
			case same && d.Annotations[refName] == "" && (digest == "" || d.Annotations[pulledDigest] == "" || d.Annotations[pulledDigest] == digest): // it has a name now
			default:
				kept = append(kept, d)
			}
		}
		for _, d := range index.Manifests {
			if old[string(d.Digest)] && !hasManifest(kept, d) {
				delete(d.Annotations, refName)
				kept = append(kept, d)
			}
		}
		if digest != "" {
			manifest.Annotations[pulledDigest] = digest
		}
		if name != "" || digest != "" || !hasManifest(kept, manifest) {
			kept = append(kept, manifest)
		}
		index.Manifests = kept
		return nil
	})
}

func hasManifest(list []v1.Descriptor, d v1.Descriptor) bool {
	for _, e := range list {
		if e.Digest == d.Digest {
			return true
		}
	}
	return false
}
