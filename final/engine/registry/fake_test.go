package registry

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	"github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"jocker/final/engine/image"
)

// TestMain runs the tests where nobody has credentials or a proxy, and with a file system in memory for their stores, which goes
// with them: it is mounted in a mount namespace of their own.
func TestMain(m *testing.M) {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "layers are unpacked with their owners: run these tests as root")
		os.Exit(1)
	}
	dir := os.Getenv("REGISTRY_TEST")
	if dir == "" {
		os.Exit(runIn(os.MkdirTemp("", "registry-test-")))
	}
	if dir == "ready" { // this is one of a fuzz test's workers
		dir = os.TempDir()
	} else if err := syscall.Mount("none", dir, "tmpfs", 0, "size=1g,mode=700"); err != nil {
		fmt.Fprintln(os.Stderr, "mount(none, tmpfs):", err)
		os.Exit(1)
	}
	os.Setenv("TMPDIR", dir)
	os.Setenv("REGISTRY_TEST", "ready")
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		os.Unsetenv(name)
	}
	os.Setenv("HOME", dir)
	os.Setenv("DOCKER_CONFIG", dir+"/docker")
	pause, patience = time.Millisecond, time.Second
	os.Exit(m.Run())
}

// runIn runs the tests in a mount namespace of their own.
func runIn(dir string, err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), "REGISTRY_TEST="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		return 1
	}
	return 0
}

func digestOf(data []byte) digest.Digest {
	sum := sha256.Sum256(data)
	return digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(sum[:]))
}

// A fake is a registry that can be told to misbehave.
type fake struct {
	*httptest.Server
	mu        sync.Mutex
	blobs     map[digest.Digest][]byte
	manifests map[string][]byte // by tag and by digest
	kinds     map[string]string
	asked     []string // "GET /v2/... bytes=5-"
	// before answers a request in the registry's place, if it returns true.
	before func(w http.ResponseWriter, r *http.Request) bool
}

func newFake(t *testing.T) *fake {
	f := &fake{blobs: map[digest.Digest][]byte{}, manifests: map[string][]byte{}, kinds: map[string]string{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) host() string { return strings.TrimPrefix(f.URL, "http://") }

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")))
	before := f.before
	f.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	kind, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/app/"), "/")
	switch kind {
	case "manifests":
		if data, ok := f.manifests[name]; ok {
			w.Header().Set("Content-Type", f.kinds[name])
			w.Write(data)
			return
		}
	case "blobs":
		if data, ok := f.blobs[digest.Digest(name)]; ok {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
			return
		}
	default:
		return
	}
	http.Error(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}`, http.StatusNotFound)
}

// requests counts those that begin so.
func (f *fake) requests(prefix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.asked {
		if strings.HasPrefix(a, prefix) {
			n++
		}
	}
	return n
}

func (f *fake) add(data []byte, kind string) v1.Descriptor {
	d := digestOf(data)
	f.blobs[d] = data
	return v1.Descriptor{MediaType: kind, Digest: d, Size: int64(len(data))}
}

func (f *fake) addManifest(v any, kind string, names ...string) v1.Descriptor {
	data, _ := json.Marshal(v)
	d := digestOf(data)
	for _, n := range append(names, string(d)) {
		f.manifests[n], f.kinds[n] = data, kind
	}
	return v1.Descriptor{MediaType: kind, Digest: d, Size: int64(len(data))}
}

// addImage adds an image of the layers, which are archives and stored as pack makes them.
func (f *fake) addImage(arch string, pack func([]byte) []byte, archives [][]byte, tags ...string) (v1.Descriptor, *v1.Manifest) {
	config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: arch}, RootFS: v1.RootFS{Type: "layers"}}
	m := &v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	for _, a := range archives {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digestOf(a))
		m.Layers = append(m.Layers, f.add(pack(a), v1.MediaTypeImageLayerGzip))
	}
	data, _ := json.Marshal(config)
	m.Config = f.add(data, v1.MediaTypeImageConfig)
	return f.addManifest(m, v1.MediaTypeImageManifest, tags...), m
}

func plain(b []byte) []byte { return b }

func gz(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zst(b []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(b, nil)
}

// archive makes a layer with one file.
func archive(name, content string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))})
	w.Write([]byte(content))
	w.Close()
	return b.Bytes()
}

// noise is content that can't be made smaller.
func noise(n int) string {
	var b strings.Builder
	sum := sha256.Sum256([]byte("noise"))
	for b.Len() < n {
		sum = sha256.Sum256(sum[:])
		b.Write(sum[:])
	}
	return b.String()[:n]
}

func newStore(t *testing.T) *image.Store {
	s, err := image.Open(t.TempDir())
	require.NoError(t, err)
	return s
}

// pull pulls, and returns what was printed.
func pull(t *testing.T, s *image.Store, name string, more ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out bytes.Buffer
	o := Options{Store: s, Out: &out}
	if len(more) > 0 {
		o.Platform = more[0]
	}
	err := Pull(ctx, name, o)
	return out.String(), err
}

// requireEmpty checks that nothing is left of a pull that failed, but what the next may go on with.
func requireEmpty(t *testing.T, s *image.Store, partials int) {
	t.Helper()
	list, err := s.List()
	require.NoError(t, err)
	require.Empty(t, list)
	layers, err := os.ReadDir(s.LayersDir())
	require.NoError(t, err)
	require.Len(t, layers, 1, "that of the engine itself")
	files, err := filepath.Glob(s.Root + "/tmp/*")
	require.NoError(t, err)
	require.Len(t, files, partials, "%v", files)
}

// requireContent checks the file of a layer.
func requireContent(t *testing.T, s *image.Store, img *image.Image, layer int, name, want string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.LayersDir(), image.LayerName(img.Chain()[layer]), "fs", name))
	require.NoError(t, err)
	require.Equal(t, want, string(data))
}

const arch = runtime.GOARCH
