package image

import (
	"errors"
	"fmt"
	"os"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go/v1"
)

// Untag takes a name away from its image.
func (s *Store) Untag(name string) error {
	return s.changeIndex(func(index *v1.Index) error {
		for i, d := range index.Manifests {
			if d.Annotations[refName] == name {
				index.Manifests = append(index.Manifests[:i], index.Manifests[i+1:]...)
				return nil
			}
		}
		return fmt.Errorf("%w: %s", ErrNotFound, name)
	})
}

// Forget takes an image out of the index, with all its names.
func (s *Store) Forget(img *Image) error {
	return s.changeIndex(func(index *v1.Index) error {
		var kept []v1.Descriptor
		for _, d := range index.Manifests {
			if d.Digest != img.Manifest.Digest {
				kept = append(kept, d)
			}
		}
		index.Manifests = kept
		return nil
	})
}

// Sweep removes all blobs and layers that neither the index nor one of the manifests in used, the containers', nor the build cache refers
// to, and what was being made when its maker was killed. It returns the bytes that are free now, and the digests of the
// blobs. It takes the store alone, so nobody is making anything; the error wraps ErrBusy if somebody doesn't come to an end.
func (s *Store) Sweep(used func() ([]digest.Digest, error)) (freed int64, gone []digest.Digest, err error) {
	lock, err := s.aloneSoon()
	if err != nil {
		return 0, nil, err
	}
	defer lock.Unlock()
	index, err := s.readIndex()
	if err != nil {
		return 0, nil, err
	}
	manifests, err := used()
	if err != nil {
		return 0, nil, err
	}
	cached, err := s.cached()
	if err != nil {
		return 0, nil, err
	}
	manifests = append(manifests, cached...)
	for _, d := range index.Manifests {
		manifests = append(manifests, d.Digest)
	}
	blobs, layers := map[string]bool{}, map[string]bool{InitLayer: true}
	for _, d := range manifests {
		blobs[d.Encoded()] = true
		img, err := s.read(index, v1.Descriptor{Digest: d})
		if errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return 0, nil, fmt.Errorf("what is in use can't be told, so nothing is removed: %w", err)
		}
		blobs[img.ID.Encoded()] = true
		for _, l := range img.Layers {
			blobs[l.Digest.Encoded()] = true
		}
		for _, c := range img.Chain() {
			layers[LayerName(c)] = true
		}
	}
	entries, err := os.ReadDir(s.path("blobs/sha256"))
	if err != nil {
		return 0, nil, err
	}
	for _, e := range entries {
		if blobs[e.Name()] {
			continue
		}
		if info, err := e.Info(); err == nil {
			freed += info.Size()
		}
		if err := os.Remove(s.path("blobs/sha256", e.Name())); err != nil {
			return freed, gone, err
		}
		gone = append(gone, digest.NewDigestFromEncoded(digest.SHA256, e.Name()))
	}
	n, err := s.sweepLayers(layers)
	return freed + n, gone, err
}

func (s *Store) sweepLayers(used map[string]bool) (freed int64, err error) {
	entries, err := os.ReadDir(s.LayersDir())
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if used[e.Name()] {
			continue
		}
		freed += s.LayerSize(e.Name())
		// First out of the way, so that no half layer is left under its name if we are killed.
		dir, err := s.Temp()
		if err == nil {
			err = os.Rename(s.path("layers", e.Name()), dir+"/layer")
		}
		if err == nil {
			err = os.RemoveAll(dir)
		}
		if err != nil {
			return freed, err
		}
	}
	// Nobody else has the lock, so what is in tmp/ belongs to the dead.
	entries, err = os.ReadDir(s.path("tmp"))
	for _, e := range entries {
		if err == nil {
			err = os.RemoveAll(s.path("tmp", e.Name()))
		}
	}
	return freed, err
}
