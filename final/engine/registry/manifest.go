package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/opencontainers/image-spec/specs-go/v1"

	"jocker/final/engine/image"
)

// Docker's names for what the OCI then named anew. The texts are the same but for these names.
const (
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
)

// A document is a manifest or an index, as it was sent.
type document struct {
	data      []byte
	digest    string
	mediaType string
	index     *v1.Index // or
	manifest  *v1.Manifest
}

// document fetches what a tag or a digest means.
func (r *repository) document(ctx context.Context, tagOrDigest string) (*document, error) {
	accept := http.Header{"Accept": {v1.MediaTypeImageIndex, dockerIndex, v1.MediaTypeImageManifest, dockerManifest}}
	resp, err := r.get(ctx, "manifests/"+tagOrDigest, accept, http.StatusOK)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, image.MaxJSON+1))
	if err != nil {
		return nil, err
	}
	if len(data) > image.MaxJSON {
		return nil, errors.New("the registry's manifest is larger than the 4 MiB that one may have")
	}
	sum := sha256.Sum256(data)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	if want := tagOrDigest; image.IsDigest(want) && digest != want {
		return nil, fmt.Errorf("the registry was asked for the manifest %s and sent one with the digest %s: it is not to be trusted, or something on the way changed it", want, digest)
	}
	d, err := parseDocument(data, resp.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	d.digest = digest
	return d, nil
}

// parseDocument reads a manifest or an index. Which of both it is the content must say, and not two things at once (CVE-2021-41190).
func parseDocument(data []byte, contentType string) (*document, error) {
	var shape struct {
		SchemaVersion     int
		MediaType         string          `json:"mediaType"`
		Config            json.RawMessage `json:"config"`
		Layers, Manifests json.RawMessage
	}
	if err := json.Unmarshal(data, &shape); err != nil {
		return nil, fmt.Errorf("the registry's manifest is not JSON: %w; is it a registry that answers there?", err)
	}
	d := &document{data: data, mediaType: shape.MediaType}
	if d.mediaType == "" {
		d.mediaType, _, _ = strings.Cut(contentType, ";")
	}
	isIndex := d.mediaType == v1.MediaTypeImageIndex || d.mediaType == dockerIndex
	isManifest := d.mediaType == v1.MediaTypeImageManifest || d.mediaType == dockerManifest
	switch {
	case shape.SchemaVersion == 1:
		return nil, errors.New("the image is in Docker's first format (schema 1), which ended in 2017: pull it with an old Docker and push it again")
	case shape.Manifests != nil && (shape.Config != nil || shape.Layers != nil):
		return nil, errors.New("the registry's manifest claims to be an index as well: it could mean two images, and is refused")
	case isIndex && shape.Manifests != nil:
		d.index = &v1.Index{}
		return d, json.Unmarshal(data, d.index)
	case isManifest && shape.Config != nil:
		d.manifest = &v1.Manifest{}
		return d, json.Unmarshal(data, d.manifest)
	}
	return nil, fmt.Errorf("the registry has no image under this name, but something of the kind %.100q", d.mediaType)
}
