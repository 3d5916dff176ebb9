package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"jocker/final/engine/inroot"
	"jocker/final/engine/layer"
)

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

// docker reads manifest.json; if there is none, the archive has a layout only.
func (l *loader) docker() ([]pending, error) {
	data, err := l.dir.ReadFile("manifest.json", MaxJSON)
	if errors.Is(err, os.ErrNotExist) {
		return l.layout()
	} else if err != nil {
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
		p, err := l.manifest(d)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// manifest reads one image of a layout. If it is one for several platforms, this machine's is taken.
func (l *loader) manifest(d v1.Descriptor) (p pending, err error) {
	names := layoutNames(d)
	data, err := l.blob(d.Digest)
	if err != nil {
		return p, err
	}
	var index v1.Index
	if json.Unmarshal(data, &index) == nil && len(index.Manifests) > 0 {
		platform, _ := ParsePlatform("")
		if d, err = Choose(&index, platform); err != nil {
			return p, err
		}
		if data, err = l.blob(d.Digest); err != nil {
			return p, err
		}
	}
	var m v1.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return p, fmt.Errorf("the archive's manifest %s: %w", d.Digest, err)
	}
	if _, err := l.blob(m.Config.Digest); err != nil {
		return p, err
	}
	var layers []string
	for _, d := range m.Layers {
		layers = append(layers, blobFile(d.Digest))
	}
	return l.image(blobFile(m.Config.Digest), layers, names)
}

// layoutNames are an image's names in a layout. The annotation for it may have a whole name, or the tag alone; then containerd's has the whole.
func layoutNames(d v1.Descriptor) []string {
	for _, key := range []string{"io.containerd.image.name", refName} {
		if name := d.Annotations[key]; strings.ContainsAny(name, ":/") {
			return []string{name}
		}
	}
	return nil
}

// blob reads a small blob of the layout, and checks its digest.
func (l *loader) blob(d digest.Digest) ([]byte, error) {
	if !IsDigest(string(d)) {
		return nil, fmt.Errorf("the archive of images: %.100q is not a digest: sha256: and 64 hexadecimal digits", string(d))
	}
	data, err := l.dir.ReadFile(blobFile(d), MaxJSON)
	if err != nil {
		return nil, fmt.Errorf("the archive of images: %w", err)
	}
	if digest.FromBytes(data) != d {
		return nil, fmt.Errorf("the archive of images: its blob %s has another digest: the archive is damaged, or was tampered with", d)
	}
	return data, nil
}

func blobFile(d digest.Digest) string { return "blobs/" + strings.Replace(string(d), ":", "/", 1) }

// image takes over the layers of one image, and unpacks them, which proves that they are what the config says.
func (l *loader) image(config string, layers, names []string) (p pending, err error) {
	for i, name := range names {
		ref, err := ParseRef(name)
		if err == nil && ref.Digest != "" {
			err = errors.New("it has a digest")
		}
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
	img := &Image{Config: c, Layers: make([]v1.Descriptor, len(layers))}
	if err := img.Check(); err != nil {
		return p, err
	}
	chain := img.Chain()
	for i, name := range layers {
		if img.Layers[i], err = l.layer(name, c.RootFS.DiffIDs[i], LayerName(chain[i])); err != nil {
			return p, err
		}
	}
	p.layers = img.Layers
	return p, nil
}

// layer takes over one layer, if it is what the config says.
func (l *loader) layer(file string, diffID digest.Digest, name string) (d v1.Descriptor, err error) {
	f, err := l.open(file)
	if err != nil {
		return d, err
	}
	defer f.Close()
	magic := make([]byte, 4)
	n, _ := f.ReadAt(magic, 0)
	copy := func(w io.Writer) error { _, err := io.Copy(w, f); return err }
	// It is unpacked even if it is there: that proves that the file is what the config says.
	d, err = l.makeBlob(typeOf(magic[:n]), copy, func(f *os.File, _ digest.Digest) error { return l.UnpackLayer(f, diffID, name) })
	if err != nil {
		err = fmt.Errorf("the layer %.200q: %w", file, err)
	}
	return d, err
}

// open opens a file of the archive. An archive can have devices, too, and this one must not read the host's disk.
func (l *loader) open(name string) (*os.File, error) {
	f, err := l.dir.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("the archive of images: %w", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("the archive of images: %.200q is not a regular file", name)
	}
	return f, nil
}
