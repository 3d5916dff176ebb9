package image

import (
	"encoding/json"
	"io"
	"os"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/image-spec/specs-go/v1"
)

// Layers that are made here (commit, import, init-image) are stored as they are: no time is spent on compressing what may never
// leave the machine. Before they do leave it, Compress makes up for it.

// Compress makes sure that all layers of an image are compressed, and returns the image with its new manifest, which has
// taken the old one's place in the index. The ID stays, since it is that of the config, which knows layers by what is in them.
func (s *Store) Compress(img *Image) (*Image, error) {
	layers := append([]v1.Descriptor{}, img.Layers...)
	errs := make([]error, len(layers))
	var group sync.WaitGroup
	changed := false
	for i := range layers {
		if layers[i].MediaType != v1.MediaTypeImageLayer {
			continue
		}
		changed = true
		group.Add(1)
		go func(d *v1.Descriptor, err *error) {
			defer group.Done()
			*d, *err = s.compressBlob(*d)
		}(&layers[i], &errs[i])
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	if !changed {
		return img, nil
	}
	data, err := s.ReadBlob(img.Manifest.Digest)
	if err != nil {
		return nil, err
	}
	var m v1.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	m.Layers = layers
	if data, err = json.Marshal(m); err != nil {
		return nil, err
	}
	manifest, err := s.WriteBlob(img.Manifest.MediaType, data)
	if err != nil {
		return nil, err
	}
	packed := *img
	packed.Manifest, packed.Layers = manifest, layers
	return &packed, s.changeIndex(func(index *v1.Index) error {
		for i := range index.Manifests {
			if d := &index.Manifests[i]; d.Digest == img.Manifest.Digest {
				d.Digest, d.Size = manifest.Digest, manifest.Size
				delete(d.Annotations, pulledDigest) // no registry has this manifest yet
			}
		}
		return nil
	})
}

// compressBlob makes a gzip file of a layer. The same layer always makes the same file.
func (s *Store) compressBlob(d v1.Descriptor) (v1.Descriptor, error) {
	path, err := s.BlobPath(d.Digest)
	if err != nil {
		return d, err
	}
	f, err := os.Open(path)
	if err != nil {
		return d, err
	}
	defer f.Close()
	return s.MakeBlob(v1.MediaTypeImageLayerGzip, func(w io.Writer) error {
		z := gzip.NewWriter(w)
		_, err := io.Copy(z, f)
		if err2 := z.Close(); err == nil {
			err = err2
		}
		return err
	})
}
