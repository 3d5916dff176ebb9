package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	"github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

func TestPull(t *testing.T) {
	for name, pack := range map[string]func([]byte) []byte{"gzip": gz, "zstd": zst, "plain": plain} {
		t.Run(name, func(t *testing.T) {
			f, s := newFake(t), newStore(t)
			d, m := f.addImage(arch, pack, [][]byte{archive("a", "one"), archive("b", "two"), archive("a", "one")}, "latest", "v1")
			out, err := pull(t, s, f.host()+"/app")
			require.NoError(t, err)
			for _, line := range []string{"Using default tag: latest", "latest: Pulling from app", short(m.Layers[0].Digest) + ": Pull complete",
				"Digest: " + string(d.Digest), "Status: Downloaded newer image for " + f.host() + "/app:latest", f.host() + "/app:latest"} {
				require.Contains(t, out, line+"\n")
			}
			img, err := s.Find(f.host() + "/app")
			require.NoError(t, err)
			require.Equal(t, m.Config.Digest, img.ID)
			require.Equal(t, []string{f.host() + "/app@" + string(d.Digest)}, img.Digests)
			requireContent(t, s, img, 1, "b", "two")
			requireContent(t, s, img, 2, "a", "one")
			require.Equal(t, 1, f.requests("GET /v2/app/blobs/"+string(m.Layers[0].Digest)), "a layer that is in the image twice is fetched once")

			before := f.requests("GET /v2/app/blobs/")
			out, err = pull(t, s, f.host()+"/app:latest")
			require.NoError(t, err)
			require.Contains(t, out, "Status: Image is up to date")
			require.Equal(t, before, f.requests("GET /v2/app/blobs/"))

			_, err = pull(t, s, f.host()+"/app@"+string(d.Digest))
			require.NoError(t, err)
			_, err = s.Find(f.host() + "/app@" + string(d.Digest))
			require.NoError(t, err)
		})
	}
}

func TestPlatforms(t *testing.T) {
	f := newFake(t)
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	for _, p := range []v1.Platform{{OS: "linux", Architecture: "s390x"}, {OS: "linux", Architecture: "arm", Variant: "v6"}, {OS: "linux", Architecture: "arm", Variant: "v7"}, {OS: "linux", Architecture: arch}, {OS: "unknown", Architecture: "unknown"}} {
		p := p
		d, _ := f.addImage(p.Architecture, gz, [][]byte{archive("arch", p.Architecture+p.Variant)})
		d.Platform = &p
		index.Manifests = append(index.Manifests, d)
	}
	top := f.addManifest(index, v1.MediaTypeImageIndex, "latest")
	for platform, want := range map[string]string{"": arch, "linux/arm/v7": "armv7", "s390x": "s390x", "linux": arch} {
		s := newStore(t)
		_, err := pull(t, s, f.host()+"/app", platform)
		require.NoError(t, err)
		img, err := s.Find(f.host() + "/app@" + string(top.Digest))
		require.NoError(t, err, "it is known by the index's digest")
		requireContent(t, s, img, 0, "arch", want)
	}
	s := newStore(t)
	_, err := pull(t, s, f.host()+"/app", "linux/riscv64")
	require.ErrorContains(t, err, "no matching manifest for linux/riscv64 in the manifest list entries: there is linux/s390x, linux/arm/v6, linux/arm/v7, linux/"+arch+";")
	_, err = pull(t, s, f.host()+"/app", "a/b/c/d")
	require.ErrorContains(t, err, "unknown operating system or architecture")
	f.addImage("mips", gz, [][]byte{archive("x", "")}, "alone")
	_, err = pull(t, s, f.host()+"/app:alone", "linux/amd64")
	require.ErrorContains(t, err, "does not match the specified platform: wanted linux/amd64, actual: linux/mips")
	requireEmpty(t, s, 0)
}

// The connection breaks after each 64 KiB. With Range the pull goes on from there, and without it begins anew, too often.
func TestCutOff(t *testing.T) {
	content := noise(300 << 10)
	for _, ranges := range []bool{true, false} {
		f, s := newFake(t), newStore(t)
		_, m := f.addImage(arch, plain, [][]byte{archive("big", content)}, "latest")
		layer := "/v2/app/blobs/" + string(m.Layers[0].Digest)
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if !ranges {
				r.Header.Del("Range")
			}
			if r.URL.Path != layer {
				return false
			}
			f.serveBlob(&cutter{ResponseWriter: w, left: 64 << 10}, r)
			return true
		}
		_, err := pull(t, s, f.host()+"/app")
		if !ranges {
			require.ErrorContains(t, err, fmt.Sprintf("broke off after 65536 of the %d bytes", m.Layers[0].Size))
			require.ErrorContains(t, err, "pull again later: it goes on from there")
			requireEmpty(t, s, 1)
			f.before = nil
			_, err = pull(t, s, f.host()+"/app")
		}
		require.NoError(t, err)
		require.Positive(t, f.requests("GET "+layer+" bytes=65536-"))
		img, err := s.Find(f.host() + "/app")
		require.NoError(t, err)
		requireContent(t, s, img, 0, "big", content)
	}
}

// serveBlob answers as the registry would without before.
func (f *fake) serveBlob(w http.ResponseWriter, r *http.Request) {
	data := f.blobs[digest.Digest(path.Base(r.URL.Path))]
	start := 0
	fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &start)
	w.Header().Set("Content-Length", fmt.Sprint(len(data)-start))
	if start > 0 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, len(data)-1, len(data)))
		w.WriteHeader(http.StatusPartialContent)
	}
	w.Write(data[start:])
}

// A cutter breaks the connection.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	c.ResponseWriter.Write(p[:min(len(p), c.left)])
	c.ResponseWriter.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// What a pull that was killed has left is gone on with; what somebody else has written there is found out.
func TestPartial(t *testing.T) {
	f, s := newFake(t), newStore(t)
	_, m := f.addImage(arch, gz, [][]byte{archive("big", noise(100<<10))}, "latest")
	d := m.Layers[0].Digest
	partial := s.Root + "/tmp/partial-" + d.Encoded()
	require.NoError(t, os.WriteFile(partial, f.blobs[d][:1000], 0o600))
	_, err := pull(t, s, f.host()+"/app")
	require.NoError(t, err)
	require.Equal(t, 1, f.requests("GET /v2/app/blobs/"+string(d)+" bytes=1000-"))

	s = newStore(t)
	require.NoError(t, os.WriteFile(s.Root+"/tmp/partial-"+d.Encoded(), make([]byte, 1000), 0o600))
	_, err = pull(t, s, f.host()+"/app")
	require.Error(t, err)
	requireEmpty(t, s, 0)
	_, err = pull(t, s, f.host()+"/app")
	require.NoError(t, err)
	files, err := os.ReadDir(s.Root + "/tmp")
	require.NoError(t, err)
	require.Empty(t, files)
}

func TestSharedWork(t *testing.T) {
	f, s := newFake(t), newStore(t)
	var archives [][]byte
	for i := 0; i < 6; i++ {
		archives = append(archives, archive("f", noise(100<<10+i)))
	}
	_, m := f.addImage(arch, gz, archives, "latest")
	var group sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		group.Add(1)
		go func() {
			defer group.Done()
			_, errs[i] = pull(t, s, f.host()+"/app")
		}()
	}
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	for _, l := range m.Layers {
		require.Equal(t, 1, f.requests("GET /v2/app/blobs/"+string(l.Digest)))
	}
	list, err := s.List()
	require.NoError(t, err)
	require.Len(t, list, 1)
	files, err := os.ReadDir(s.Root + "/tmp")
	require.NoError(t, err)
	require.Empty(t, files)
}

func TestAllTags(t *testing.T) {
	f, s := newFake(t), newStore(t)
	f.addImage(arch, gz, [][]byte{archive("x", "1")}, "v1", "v2")
	tags := `{"name":"app","tags":["v1","v2"]}`
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/tags/list") {
			fmt.Fprint(w, tags)
			return true
		}
		return false
	}
	o := Options{Store: s, Out: io.Discard, All: true}
	require.NoError(t, Pull(context.Background(), f.host()+"/app", o))
	img, err := s.Find(f.host() + "/app:v2")
	require.NoError(t, err)
	require.Equal(t, []string{f.host() + "/app:v1", f.host() + "/app:v2"}, img.Names)
	require.ErrorContains(t, Pull(context.Background(), f.host()+"/app:v1", o), "tag can't be used with --all-tags")
	tags = `{"tags":["../../x"]}`
	require.ErrorContains(t, Pull(context.Background(), f.host()+"/app", o), "invalid reference format")
}
