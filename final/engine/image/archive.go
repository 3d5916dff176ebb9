package image

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	"github.com/opencontainers/image-spec/specs-go/v1"

	"jocker/final/engine/inroot"
	"jocker/final/engine/layer"
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
		if ref, err := ParseRef(name); err == nil && ref.Digest == "" && contains(img.Names, ref.String()) {
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

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
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

// Load adds the images of an archive, compressed or not. If one of them is bad none is added.
func (s *Store) Load(r io.Reader) ([]*Image, error) {
	lock, err := s.Share()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	temp, err := s.Temp()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	archive, err := Decompress(r)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	// The archive comes from a stranger, as layers do, and is unpacked with the same distrust.
	if _, err := layer.Apply(archive, temp, s.Room()); err != nil {
		return nil, fmt.Errorf("the archive of images: %w", err)
	}
	dir, err := inroot.Open(temp)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	l := &loader{s, dir}
	loaded, err := l.docker()
	if errors.Is(err, os.ErrNotExist) {
		loaded, err = l.layout()
	}
	if err != nil {
		return nil, err
	}
	var images []*Image
	for _, p := range loaded {
		names := p.names
		if len(names) == 0 {
			names = []string{""}
		}
		var img *Image
		for _, name := range names {
			if img, err = s.AddConfig(p.config, p.layers, name); err != nil {
				return nil, err
			}
		}
		img.Names = p.names
		images = append(images, img)
	}
	return images, nil
}

// A loader reads an unpacked archive.
type loader struct {
	*Store
	dir *inroot.Dir
}

// pending is an image whose layers are in the store, and whose name is not.
type pending struct {
	config []byte
	layers []v1.Descriptor
	names  []string
}

// docker reads manifest.json.
func (l *loader) docker() ([]pending, error) {
	data, err := l.dir.ReadFile("manifest.json", MaxJSON)
	if err != nil {
		return nil, err
	}
	var list []dockerImage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("the archive's manifest.json: %w", err)
	}
	var all []pending
	for _, d := range list {
		p, err := l.image(d.Config, d.Layers, d.RepoTags)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// layout reads index.json.
func (l *loader) layout() ([]pending, error) {
	data, err := l.dir.ReadFile("index.json", MaxJSON)
	if err != nil {
		return nil, fmt.Errorf("the archive has neither a manifest.json nor an index.json: it holds no images (`import` makes one of a file system's archive)")
	}
	var index v1.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("the archive's index.json: %w", err)
	}
	var all []pending
	for _, d := range index.Manifests {
		data, err := l.dir.ReadFile(blobFile(d.Digest), MaxJSON)
		if err != nil {
			return nil, err
		}
		var m v1.Manifest
		if err := json.Unmarshal(data, &m); err != nil {
			return nil, fmt.Errorf("the archive's manifest %s: %w", d.Digest, err)
		}
		var layers, names []string
		for _, d := range m.Layers {
			layers = append(layers, blobFile(d.Digest))
		}
		if name := d.Annotations[refName]; name != "" {
			names = append(names, name)
		}
		p, err := l.image(blobFile(m.Config.Digest), layers, names)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func blobFile(d digest.Digest) string { return "blobs/" + strings.Replace(string(d), ":", "/", 1) }

// image takes over the layers of one image, and unpacks them, which proves that they are what the config says.
func (l *loader) image(config string, layers, names []string) (p pending, err error) {
	for i, name := range names {
		ref, err := ParseRef(name)
		if err != nil {
			return p, fmt.Errorf("the archive's name for an image: %w", err)
		}
		names[i] = ref.String()
	}
	p.names = names
	if p.config, err = l.dir.ReadFile(config, MaxJSON); err != nil {
		return p, err
	}
	var c Config
	if err := json.Unmarshal(p.config, &c); err != nil {
		return p, fmt.Errorf("the archive's config %s: %w", config, err)
	}
	for _, name := range layers {
		f, err := l.dir.OpenFile(name, os.O_RDONLY, 0)
		if err != nil {
			return p, err
		}
		blob, err := l.CopyBlob(v1.MediaTypeImageLayer, f)
		f.Close()
		if err != nil {
			return p, err
		}
		if blob.MediaType, err = l.mediaType(blob.Digest); err != nil {
			return p, err
		}
		p.layers = append(p.layers, blob)
	}
	img := &Image{Config: c, Layers: p.layers}
	if err := img.Check(); err != nil {
		return p, err
	}
	_, err = l.Unpack(img)
	return p, err
}

// mediaType finds out how a layer is compressed.
func (s *Store) mediaType(d digest.Digest) (string, error) {
	path, err := s.BlobPath(d)
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	magic := make([]byte, 4)
	n, _ := io.ReadFull(f, magic)
	return typeOf(magic[:n]), nil
}
