package image

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"jocker/final/engine/layer"
)

// maxLayers is how many layers an image may have. Mount options are one page of 4096 bytes, and each layer takes 36.
const maxLayers = 100

// LayerName is the name of a layer's directory in layers/: 32 digits, 128 bits, of the chain id.
// It is short because mount(2) takes only 4096 bytes for all of them.
func LayerName(chain digest.Digest) string { return chain.Encoded()[:32] }

// HasLayer says whether a layer is there, unpacked and whole.
func (s *Store) HasLayer(name string) bool {
	_, err := os.Stat(s.path("layers", name))
	return err == nil
}

// Unpack makes sure that all layers of an image are unpacked, and returns their names, the lowest first.
func (s *Store) Unpack(img *Image) ([]string, error) {
	var names []string
	for i, chain := range img.Chain() {
		name := LayerName(chain)
		names = append(names, name)
		if s.HasLayer(name) {
			continue
		}
		if err := s.UnpackBlob(img.Layers[i].Digest, img.Config.RootFS.DiffIDs[i], name); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// UnpackBlob unpacks a layer that is in the store; see UnpackLayer.
func (s *Store) UnpackBlob(blob, diffID digest.Digest, name string) error {
	path, err := s.BlobPath(blob)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("the image is not whole: layer %s: %w; pull or load it again", blob, errors.Unwrap(err))
	}
	defer f.Close()
	return s.UnpackLayer(f, diffID, name)
}

// unpackNew unpacks a layer, unless it is there.
func (s *Store) unpackNew(r io.Reader, diffID digest.Digest, name string) error {
	if s.HasLayer(name) {
		return nil
	}
	return s.UnpackLayer(r, diffID, name)
}

// UnpackLayer unpacks a layer, compressed or not, from r as the layer directory called name. If diffID is not empty
// it must be the archive's.
func (s *Store) UnpackLayer(r io.Reader, diffID digest.Digest, name string) error {
	dir, err := s.Temp()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Mkdir(dir+"/fs", 0o755); err != nil {
		return err
	}
	archive, err := Decompress(r)
	if err != nil {
		return err
	}
	defer archive.Close()
	result, err := layer.Apply(archive, dir+"/fs", s.Room())
	if err != nil {
		return err
	}
	if diffID != "" && result.DiffID != string(diffID) {
		return fmt.Errorf("the layer's digest is %s, and the image's config says %s: one of them was changed", result.DiffID, diffID)
	}
	if err := os.WriteFile(dir+"/size", []byte(strconv.FormatInt(result.Size, 10)), 0o600); err != nil {
		return err
	}
	err = os.Rename(dir, s.path("layers", name))
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
		return nil // somebody else was faster
	}
	return err
}

// Room is how many bytes a layer may have: all that is free but a twentieth, so that a bomb doesn't fill the disk.
func (s *Store) Room() int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(s.Root, &st); err != nil {
		return 1 << 40
	}
	free := int64(st.Bavail) * st.Bsize
	return free - free/20
}

// LayerSize returns how many bytes the files of an unpacked layer have; 0 if it is not unpacked.
func (s *Store) LayerSize(name string) int64 {
	data, err := os.ReadFile(s.path("layers", name, "size"))
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(data), 10, 64)
	return n
}

// Size returns the bytes of an image's files, unpacked.
func (s *Store) Size(img *Image) int64 {
	var n int64
	for _, chain := range img.Chain() {
		n += s.LayerSize(LayerName(chain))
	}
	return n
}

// LowerDirs returns overlayfs's lowerdir option for layers, the lowest first in names. The paths are relative to LayersDir.
func LowerDirs(names []string) string {
	var b strings.Builder
	for i := len(names) - 1; i >= 0; i-- {
		if b.Len() > 0 {
			b.WriteByte(':')
		}
		b.WriteString(names[i])
		b.WriteString("/fs")
	}
	return b.String()
}

// LayersDir is the directory that the layers are in.
func (s *Store) LayersDir() string { return filepath.Join(s.Root, "layers") }

// Decompress returns what r gives, unpacked if it is gzip or zstd. That is found out by looking, as media types lie.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(r, 256<<10)
	magic, err := b.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch typeOf(magic) {
	case v1.MediaTypeImageLayerGzip:
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return z, nil
	case v1.MediaTypeImageLayerZstd:
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(b), nil
}

// typeOf returns the media type of a layer that begins so.
func typeOf(magic []byte) string {
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return v1.MediaTypeImageLayerGzip
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return v1.MediaTypeImageLayerZstd
	}
	return v1.MediaTypeImageLayer
}
