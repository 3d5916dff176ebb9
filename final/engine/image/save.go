package image

import (
	"archive/tar"
	"encoding/json"
	"io"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	"github.com/opencontainers/image-spec/specs-go/v1"
)

// An archive of images is a tar of an image layout, with one more file, manifest.json, for those who read only
// Docker's older format. Docker writes such archives since version 25. Load takes both kinds.

// dockerImage is an entry of manifest.json.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// Save writes images, with the given names, as one archive to w.
func (s *Store) Save(w io.Writer, names []string) error {
	lock, err := s.Share()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	var docker []dockerImage
	var blobs []digest.Digest
	seen := map[digest.Digest]bool{}
	need := func(d digest.Digest) string {
		if !seen[d] {
			seen[d] = true
			blobs = append(blobs, d)
		}
		return "blobs/sha256/" + d.Encoded()
	}
	for _, name := range names {
		img, err := s.Find(name)
		if err != nil {
			return err
		}
		manifest := v1.Descriptor{MediaType: img.Manifest.MediaType, Digest: img.Manifest.Digest, Size: img.Manifest.Size}
		entry := dockerImage{Config: need(img.ID)}
		if ref, err := ParseRef(name); err == nil && ref.Digest == "" && slices.Contains(img.Names, ref.String()) {
			manifest.Annotations = map[string]string{refName: ref.String()}
			entry.RepoTags = []string{ref.String()}
		}
		need(manifest.Digest)
		for _, l := range img.Layers {
			entry.Layers = append(entry.Layers, need(l.Digest))
		}
		index.Manifests = append(index.Manifests, manifest)
		docker = append(docker, entry)
	}
	t := tar.NewWriter(w)
	for _, d := range blobs {
		if err := s.saveBlob(t, d); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name string
		v    any
	}{{"index.json", index}, {"manifest.json", docker}, {"oci-layout", v1.ImageLayout{Version: v1.ImageLayoutVersion}}} {
		data, err := json.Marshal(f.v)
		if err == nil {
			err = t.WriteHeader(&tar.Header{Name: f.name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(data))})
		}
		if err == nil {
			_, err = t.Write(data)
		}
		if err != nil {
			return err
		}
	}
	return t.Close()
}

func (s *Store) saveBlob(t *tar.Writer, d digest.Digest) error {
	path, err := s.BlobPath(d)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil {
		err = t.WriteHeader(&tar.Header{Name: "blobs/sha256/" + d.Encoded(), Typeflag: tar.TypeReg, Mode: 0o644, Size: info.Size()})
	}
	if err == nil {
		_, err = io.Copy(t, f)
	}
	return err
}
