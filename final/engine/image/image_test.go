package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

func newStore(t testing.TB) *Store {
	require.Zero(t, os.Geteuid(), "layers are unpacked with their owners: run this as root")
	s, err := Open(t.TempDir())
	require.NoError(t, err)
	return s
}

// A file is an entry of an archive.
type file struct {
	tar.Header
	data string
}

func text(name, data string) file { return file{tar.Header{Name: name, Typeflag: tar.TypeReg}, data} }

func pack(files ...file) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		f.Size, f.Mode = int64(len(f.data)), 0o644
		w.WriteHeader(&f.Header)
		w.Write([]byte(f.data))
	}
	w.Close()
	return b.Bytes()
}

func toJSON(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

func configOf(layers ...[]byte) string {
	c := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, RootFS: v1.RootFS{Type: "layers"}}
	for _, l := range layers {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, digest.FromBytes(l))
	}
	return toJSON(c)
}

func requireNothing(t *testing.T, s *Store) {
	t.Helper()
	list, err := s.List()
	require.NoError(t, err)
	require.Empty(t, list)
	for dir, n := range map[string]int{"blobs/sha256": 0, "layers": 1, "tmp": 0} {
		entries, err := os.ReadDir(s.path(dir))
		require.NoError(t, err)
		require.Len(t, entries, n, dir)
	}
}

// Archives from strangers: each is refused, at once, and leaves nothing.
func TestHostileArchives(t *testing.T) {
	layer := pack(text("f", "x"))
	manifest := func(config string, names []string, layers ...string) file {
		return text("manifest.json", toJSON([]dockerImage{{config, names, layers}}))
	}
	blob := func(data string) file { return text(blobFile(digest.FromString(data)), data) }
	layout := func(name string, manifest string) file {
		return text("index.json", toJSON(v1.Index{Manifests: []v1.Descriptor{{Digest: digest.FromString(manifest), Annotations: map[string]string{refName: name}}}}))
	}
	otherPlatform := toJSON(v1.Index{Manifests: []v1.Descriptor{{Digest: digest.FromString("x"), Platform: &v1.Platform{OS: "linux", Architecture: "vax"}}}})
	config := text("c", configOf(layer))
	for name, e := range map[string]struct {
		files []file
		says  string
	}{
		"empty":                {nil, "it holds no images"},
		"no JSON":              {[]file{text("manifest.json", "<")}, "manifest.json: invalid"},
		"a device as layer":    {[]file{manifest("c", nil, "l"), config, {tar.Header{Name: "l", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 5}, ""}}, "is not a regular file"},
		"a FIFO as layer":      {[]file{manifest("c", nil, "l"), config, {tar.Header{Name: "l", Typeflag: tar.TypeFifo}, ""}}, "is not a regular file"},
		"a FIFO as manifest":   {[]file{{tar.Header{Name: "manifest.json", Typeflag: tar.TypeFifo}, ""}}, "is not a regular file"},
		"a link to the host":   {[]file{manifest("c", nil, "l"), config, {tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""}}, "no such file"},
		"a path to the host":   {[]file{manifest("../../../../../../../etc/passwd", nil)}, "no such file"},
		"another layer":        {[]file{manifest("c", nil, "l"), config, text("l", string(pack(text("g", "y"))))}, "the layer's digest is"},
		"a layer too few":      {[]file{manifest("c", nil), config}, "has 0 layers, and its config speaks of 1"},
		"a name as path":       {[]file{manifest("c", []string{"../../x:y"}, "l"), config, text("l", string(layer))}, "invalid reference format"},
		"a name with a digest": {[]file{manifest("c", []string{"x@" + string(digest.FromString(""))}, "l"), config, text("l", string(layer))}, "it has a digest"},
		"a huge config":        {[]file{manifest("c", nil), text("c", strings.Repeat(" ", 5<<20))}, "too large"},
		"a layer with ..":      {[]file{manifest("c", nil, "l"), text("c", configOf(pack(text("../x", "")))), text("l", string(pack(text("../x", ""))))}, `has a ".."`},
		"another manifest":     {[]file{layout("x", "{}"), text(blobFile(digest.FromString("{}")), "{ }")}, "tampered with"},
		"a digest as path":     {[]file{text("index.json", `{"manifests":[{"digest":"sha256:../../../etc/passwd"}]}`)}, "is not a digest"},
		"no manifest":          {[]file{layout("x", "{}")}, "no such file"},
		"another machine's":    {[]file{layout("x", otherPlatform), blob(otherPlatform)}, "no matching manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			done := make(chan error, 1)
			go func() {
				_, err := s.Load(bytes.NewReader(pack(e.files...)))
				done <- err
			}()
			select {
			case err := <-done:
				require.ErrorContains(t, err, e.says)
			case <-time.After(10 * time.Second):
				t.Fatal("it hangs")
			}
			requireNothing(t, s)
		})
	}
}

// A layout in which one image is for several platforms, and whose annotation has only the tag, as docker buildx writes it.
func TestLayout(t *testing.T) {
	s := newStore(t)
	layer := pack(text("f", "x"))
	config := configOf(layer)
	files := []file{}
	add := func(data string) v1.Descriptor {
		d := digest.FromString(data)
		files = append(files, text(blobFile(d), data))
		return v1.Descriptor{Digest: d, Size: int64(len(data))}
	}
	m := add(toJSON(v1.Manifest{Config: add(config), Layers: []v1.Descriptor{add(string(layer))}}))
	here, _ := ParsePlatform("")
	m.Platform = &here
	top := add(toJSON(v1.Index{Manifests: []v1.Descriptor{m}}))
	top.Annotations = map[string]string{refName: "v2", "io.containerd.image.name": "docker.io/library/two:v2"}
	files = append(files, text("index.json", toJSON(v1.Index{Manifests: []v1.Descriptor{top}})))
	list, err := s.Load(bytes.NewReader(pack(files...)))
	require.NoError(t, err)
	require.Equal(t, []string{"two:v2"}, list[0].Names)
	require.Equal(t, digest.FromString(config), list[0].ID)
}

func TestHostileImports(t *testing.T) {
	s := newStore(t)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write([]byte("not a tar archive, although it is compressed"))
	z.Close()
	for _, data := range [][]byte{[]byte(strings.Repeat("junk", 1000)), bomb.Bytes(), bomb.Bytes()[:20], pack(text("../x", ""))} {
		_, err := s.Import(bytes.NewReader(data), RunConfig{}, "x", "")
		require.ErrorContains(t, err, "the archive of a file system: ")
		requireNothing(t, s)
	}
	require.ErrorContains(t, copyLimited(&bytes.Buffer{}, strings.NewReader("123456"), 5), "too large")
}

// Names move, digests stay with their images, and what nothing refers to goes.
func TestNames(t *testing.T) {
	s := newStore(t)
	one, err := s.Import(bytes.NewReader(pack(text("f", "1"))), RunConfig{}, "a:latest", "")
	require.NoError(t, err)
	two, err := s.Import(bytes.NewReader(pack(text("f", "2"))), RunConfig{}, "b:latest", "")
	require.NoError(t, err)
	require.NoError(t, s.SetName("c:latest", one.Manifest, "c@"+string(one.Manifest.Digest)))
	require.NoError(t, s.SetName("a:latest", two.Manifest, ""))
	find := func(name string) *Image {
		t.Helper()
		img, err := s.Find(name)
		require.NoError(t, err, name)
		return img
	}
	require.Equal(t, two.ID, find("a").ID)
	require.Equal(t, []string{"c:latest"}, find(string(one.ID)).Names)
	require.Equal(t, one.ID, find("c@"+string(one.Manifest.Digest)).ID)
	require.Equal(t, one.ID, find(one.ID.Encoded()[:12]).ID)
	require.NoError(t, s.SetName("", one.Manifest, "d@"+string(one.Manifest.Digest)))
	require.Len(t, find("c").Digests, 2)

	packed, err := s.Compress(find("a"))
	require.NoError(t, err)
	require.Equal(t, two.ID, packed.ID)
	require.Equal(t, packed.Manifest.Digest, find("b").Manifest.Digest)
	require.Equal(t, v1.MediaTypeImageLayerGzip, find("b").Layers[0].MediaType)
	again, err := s.Compress(packed)
	require.NoError(t, err)
	require.Equal(t, packed, again)

	require.NoError(t, os.WriteFile(s.path("tmp/left-by-the-dead"), nil, 0o600))
	require.NoError(t, s.Forget(find("c")))
	nobody := func() ([]digest.Digest, error) { return nil, nil }
	lock, err := s.Share()
	require.NoError(t, err)
	_, _, err = s.Sweep(nobody)
	require.ErrorIs(t, err, ErrBusy)
	lock.Unlock()
	_, _, err = s.Sweep(nobody)
	require.NoError(t, err)
	for dir, n := range map[string]int{"blobs/sha256": 3, "layers": 2, "tmp": 0} {
		entries, err := os.ReadDir(s.path(dir))
		require.NoError(t, err)
		require.Len(t, entries, n, dir)
	}
	_, err = s.Unpack(find("b"))
	require.NoError(t, err)
}

func TestAmbiguous(t *testing.T) {
	s := newStore(t)
	first := map[string]string{}
	for i := 0; ; i++ { // by the birthday paradox it takes some 20 to have two that begin with the same two digits
		img, err := s.Import(bytes.NewReader(pack(text("f", fmt.Sprint(i)))), RunConfig{}, "", "")
		require.NoError(t, err)
		prefix := img.ID.Encoded()[:2]
		if first[prefix] != "" {
			_, err := s.Find(prefix)
			require.ErrorContains(t, err, "the beginning of several images' IDs")
			return
		}
		first[prefix] = prefix
	}
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{"busybox", "a/b:c", "localhost:5000/x@sha256:" + strings.Repeat("0", 64), "a__b", "A", "a//b", "a:", "@", "docker.io/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRef(s)
		if err != nil {
			return
		}
		again, err := ParseRef(r.String())
		require.NoError(t, err)
		require.Equal(t, r, again, "what is printed is the same name")
		require.NotContains(t, r.Path, "..")
	})
}

func FuzzLoad(f *testing.F) {
	layer := pack(text("f", "x"))
	f.Add(pack(text("manifest.json", toJSON([]dockerImage{{"c", []string{"x:y"}, []string{"l"}}})), text("c", configOf(layer)), text("l", string(layer))))
	f.Add([]byte{0x1f, 0x8b, 8})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newStore(t)
		if _, err := s.Load(bytes.NewReader(data)); err != nil {
			requireNothing(t, s)
		}
	})
}
