package registry

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	"github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"jocker/final/engine/image"
)

// Each registry lies in another way. None may get anything into the store.
func TestLies(t *testing.T) {
	layer := archive("f", noise(1000))
	wrong := append([]byte{}, layer...)
	wrong[600] ^= 1
	for name, e := range map[string]struct {
		lie  func(f *fake, m *v1.Manifest)
		says string
	}{
		"another blob":         {func(f *fake, m *v1.Manifest) { f.blobs[m.Layers[0].Digest] = wrong }, "sent one with the digest"},
		"a longer blob":        {func(f *fake, m *v1.Manifest) { f.blobs[m.Layers[0].Digest] = append(layer, 0) }, "more than the"},
		"a shorter blob":       {func(f *fake, m *v1.Manifest) { f.blobs[m.Layers[0].Digest] = layer[:700] }, "no more than 700 of the"},
		"no blob":              {func(f *fake, m *v1.Manifest) { delete(f.blobs, m.Layers[0].Digest) }, "the image there is broken"},
		"another config":       {func(f *fake, m *v1.Manifest) { f.blobs[m.Config.Digest] = f.blobs[m.Config.Digest][1:] }, "no more than"},
		"config of a new kind": {func(f *fake, m *v1.Manifest) { m.Config = f.add([]byte("[]"), v1.MediaTypeImageConfig) }, "cannot unmarshal"},
		"other diff ids": {func(f *fake, m *v1.Manifest) { m.Layers[0] = f.add(archive("evil", "x"), v1.MediaTypeImageLayer) },
			"the layer's digest is"},
		"one layer too many": {func(f *fake, m *v1.Manifest) { m.Layers = append(m.Layers, m.Layers[0]) }, "has 2 layers, and its config speaks of 1"},
		"digest as a path": {func(f *fake, m *v1.Manifest) { m.Layers[0].Digest = "sha256:../../../../../../etc/passwd" },
			"where a digest is expected"},
		"negative size": {func(f *fake, m *v1.Manifest) { m.Layers[0].Size = -1 }, "a size of -1 bytes"},
		"a huge layer":  {func(f *fake, m *v1.Manifest) { m.Layers[0].Size = 1 << 60 }, "the most that there is room for"},
		"a huge config": {func(f *fake, m *v1.Manifest) { m.Config = f.add(make([]byte, 5<<20), v1.MediaTypeImageConfig) }, "4194304 are the most"},
		"not a layer":   {func(f *fake, m *v1.Manifest) { f.setLayer(m, []byte("<html>")) }, "not a whole tar archive"},
		"half a gzip":   {func(f *fake, m *v1.Manifest) { f.setLayer(m, gz(layer)[:500]) }, "unexpected EOF"},
		"a path out":    {func(f *fake, m *v1.Manifest) { f.setLayer(m, archive("../../out", "x")) }, `the name has a ".."`},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := newFake(t), newStore(t)
			_, m := f.addImage(arch, plain, [][]byte{layer})
			e.lie(f, m)
			f.addManifest(m, v1.MediaTypeImageManifest, "latest")
			_, err := pull(t, s, f.host()+"/app")
			require.ErrorContains(t, err, e.says)
			require.NotContains(t, err.Error(), "\n")
			requireEmpty(t, s, 0)
		})
	}
}

// setLayer replaces the layer, and the config agrees.
func (f *fake) setLayer(m *v1.Manifest, data []byte) {
	m.Layers[0] = f.add(data, v1.MediaTypeImageLayer)
	config, _ := json.Marshal(v1.Image{Platform: v1.Platform{OS: "linux", Architecture: arch}, RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{m.Layers[0].Digest}}})
	m.Config = f.add(config, v1.MediaTypeImageConfig)
}

func TestManifestLies(t *testing.T) {
	f, s := newFake(t), newStore(t)
	d, m := f.addImage(arch, gz, [][]byte{archive("x", "")}, "latest")
	m.Annotations = map[string]string{"a": "b"}
	other, _ := json.Marshal(m)
	f.manifests[string(d.Digest)] = other
	_, err := pull(t, s, f.host()+"/app@"+string(d.Digest))
	require.ErrorContains(t, err, "sent one with the digest")
	index := f.addManifest(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []v1.Descriptor{}}, v1.MediaTypeImageIndex)
	f.addManifest(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []v1.Descriptor{{Digest: index.Digest, Size: index.Size,
		Platform: &v1.Platform{OS: "linux", Architecture: arch}}}}, v1.MediaTypeImageIndex, "nested")
	for tag, e := range map[string]struct{ text, kind, says string }{
		"both":    {`{"schemaVersion":2,"mediaType":"` + v1.MediaTypeImageIndex + `","manifests":[],"config":{},"layers":[]}`, v1.MediaTypeImageIndex, "claims to be an index as well"},
		"old":     {`{"schemaVersion":1}`, "application/vnd.docker.distribution.manifest.v1+json", "schema 1"},
		"html":    {`<html>`, "text/html", "is not JSON"},
		"chart":   {`{"schemaVersion":2,"mediaType":"application/x"}`, "", `something of the kind "application/x"`},
		"huge":    {strings.Repeat(" ", 5<<20), v1.MediaTypeImageManifest, "larger than the 4 MiB"},
		"nested":  {string(f.manifests["nested"]), v1.MediaTypeImageIndex, "leads to another index"},
		"nothing": {`{"schemaVersion":2,"manifests":[]}`, v1.MediaTypeImageIndex, "no matching manifest"},
	} {
		f.manifests[tag], f.kinds[tag] = []byte(e.text), e.kind
		_, err := pull(t, s, f.host()+"/app:"+tag)
		require.ErrorContains(t, err, e.says, tag)
	}
	requireEmpty(t, s, 0)
}

// Registries that are down, slow, full, unwilling or not registries at all: one sentence each, at once.
func TestTrouble(t *testing.T) {
	for name, e := range map[string]struct {
		before func(w http.ResponseWriter, r *http.Request) bool
		says   string
	}{
		"denied":     {answer(403, `{"errors":[{"code":"DENIED","message":"no"}]}`), "may require 'jocker login 127.0.0.1:"},
		"too many":   {answer(429, `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`), "toomanyrequests"},
		"sick":       {answer(503, "<html>\x1b[31m"), "answered 503 Service Unavailable"},
		"not found":  {answer(404, ""), "not found"},
		"mute":       {func(w http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }, "does not answer"},
		"stalled":    {stall, "sent nothing for a while"},
		"endless":    {endless, "longer than any can be"},
		"to http":    {redirect("http://192.0.2.1/x"), "plain http"},
		"no content": {answer(200, ""), "is not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s := newFake(t), newStore(t)
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				return r.URL.Path != "/v2/" && e.before(w, r)
			}
			_, err := pull(t, s, f.host()+"/app")
			require.ErrorContains(t, err, e.says)
			require.NotContains(t, err.Error(), "\x1b")
			requireEmpty(t, s, 0)
		})
	}
	s := newStore(t)
	_, err := pull(t, s, "127.0.0.1:1/app")
	require.ErrorContains(t, err, "connection refused: nothing listens there")
	_, err = pull(t, s, "nosuch.invalid/app")
	require.ErrorContains(t, err, "is its name right")
	req, _ := http.NewRequest("GET", "http://192.0.2.1/v2/", nil)
	_, err = newGuard().RoundTrip(req)
	require.ErrorIs(t, err, errPlain)
}

func answer(code int, text string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(code)
		fmt.Fprint(w, text)
		return true
	}
}

func redirect(to string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		return true
	}
}

func stall(w http.ResponseWriter, r *http.Request) bool {
	fmt.Fprint(w, "{")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
	return true
}

func endless(w http.ResponseWriter, r *http.Request) bool {
	w.WriteHeader(500)
	for {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			return true
		}
	}
}

// A layer of a few kilobytes that would fill the disk, here one of 64 MiB.
func TestBomb(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, unix.Mount("none", dir, "tmpfs", 0, "size=64m"))
	defer unix.Unmount(dir, unix.MNT_DETACH)
	f := newFake(t)
	for name, pack := range map[string]func([]byte) []byte{"gzip": gz, "zstd": zst} {
		f.addImage(arch, pack, [][]byte{archive("bomb", strings.Repeat("\x00", 80<<20))}, name)
		small, err := image.Open(dir + "/" + name)
		require.NoError(t, err)
		_, err = pull(t, small, f.host()+"/app:"+name)
		require.ErrorContains(t, err, "it may be a bomb")
		requireEmpty(t, small, 0)
	}
}

// An image of 100,000 files, duplicates, devices and setuid programs is what it says, and no more.
func TestManyFiles(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	const n = 100_000
	for i := 0; i < n; i++ {
		w.WriteHeader(&tar.Header{Name: fmt.Sprintf("d%d/%d", i%100, i), Typeflag: tar.TypeReg, Mode: 0o600})
	}
	for i := 0; i < 3; i++ {
		w.WriteHeader(&tar.Header{Name: "twice", Typeflag: tar.TypeReg, Mode: 0o4755, Uid: 7, Gid: 8, Size: 1})
		w.Write([]byte{byte('0' + i)})
	}
	w.WriteHeader(&tar.Header{Name: "null", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 3})
	w.Close()
	f, s := newFake(t), newStore(t)
	f.addImage(arch, gz, [][]byte{b.Bytes()}, "latest")
	begin := time.Now()
	_, err := pull(t, s, f.host()+"/app")
	require.NoError(t, err)
	t.Log(time.Since(begin))
	img, err := s.Find(f.host() + "/app")
	require.NoError(t, err)
	requireContent(t, s, img, 0, "twice", "2")
	dir := s.LayersDir() + "/" + image.LayerName(img.Chain()[0]) + "/fs"
	info, err := os.Lstat(dir + "/twice")
	require.NoError(t, err)
	require.Equal(t, os.ModeSetuid|0o755, info.Mode())
	info, err = os.Lstat(dir + "/null")
	require.NoError(t, err)
	require.Equal(t, os.ModeDevice|os.ModeCharDevice|0o666, info.Mode())
	list, err := os.ReadDir(dir + "/d7")
	require.NoError(t, err)
	require.Len(t, list, n/100)
}

// A pull that is interrupted says so, and leaves what the next one goes on with.
func TestInterrupted(t *testing.T) {
	f, s := newFake(t), newStore(t)
	_, m := f.addImage(arch, plain, [][]byte{archive("f", noise(1<<20))}, "latest")
	ctx, cancel := context.WithCancel(context.Background())
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, string(m.Layers[0].Digest)) {
			return false
		}
		w.Write(f.blobs[m.Layers[0].Digest][:1000])
		w.(http.Flusher).Flush()
		time.Sleep(50 * time.Millisecond)
		cancel()
		<-r.Context().Done()
		return true
	}
	err := Pull(ctx, f.host()+"/app", Options{Store: s, Out: &bytes.Buffer{}})
	require.ErrorContains(t, err, "interrupted; what was downloaded is kept")
	requireEmpty(t, s, 1)
}
