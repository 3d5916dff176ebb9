package registry

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"jocker/final/engine/image"
)

func TestMayBeInsecure(t *testing.T) {
	old := daemonFile
	defer func() { daemonFile = old }()
	daemonFile = t.TempDir() + "/daemon.json"
	require.NoError(t, os.WriteFile(daemonFile, []byte(`{"insecure-registries":["10.1.0.0/16","registry.lan:5000","plain.lan"]}`), 0o644))
	for host, want := range map[string]bool{"localhost": true, "localhost:5000": true, "127.0.0.1:5000": true, "127.8.9.1": true, "[::1]:5000": true,
		"example.org": false, "example.org:80": false, "192.168.1.1:5000": false, "10.1.2.3:5000": true, "10.2.2.3:5000": false,
		"registry.lan:5000": true, "registry.lan:5001": false, "plain.lan:1": true, "127.0.0.1.example.org": false, "localhost.example.org": false} {
		require.Equal(t, want, mayBeInsecure(host), host)
	}
}

func TestParseServer(t *testing.T) {
	for server, key := range map[string]string{"": "https://index.docker.io/v1/", "docker.io": "https://index.docker.io/v1/", "localhost:5000": "localhost:5000",
		"https://registry.example.org/v2/": "registry.example.org"} {
		_, got, err := parseServer(server)
		require.NoError(t, err)
		require.Equal(t, key, got)
	}
	for _, server := range []string{"nodot", "a b.c", "-x.y"} {
		_, _, err := parseServer(server)
		require.ErrorContains(t, err, "is not the name of a registry", server)
	}
}

func TestProgressOnATerminal(t *testing.T) {
	var b strings.Builder
	p := newProgress(Options{Out: &b, Terminal: true})
	one, two := p.line("one"), p.line("two")
	one.say("Waiting")
	two.say("Waiting")
	one.count("Downloading", 5_000_000, 10_000_000)
	two.say("Pull complete")
	require.Equal(t, "one: Waiting\ntwo: Waiting\n"+
		"\x1b[2A\rone: Downloading ["+strings.Repeat("=", 20)+">"+strings.Repeat(" ", 20)+"] 5MB/10MB\x1b[K\x1b[2B\r"+
		"\x1b[1A\rtwo: Pull complete\x1b[K\x1b[1B\r", b.String())
}

func FuzzRangeStart(f *testing.F) {
	for _, s := range []string{"bytes 5-9/10", "bytes -1", "bytes 99999999999999999999-", "bytes */5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := rangeStart(s); err == nil {
			require.GreaterOrEqual(t, n, int64(0))
		}
	})
}

func FuzzParsePlatform(f *testing.F) {
	f.Add("linux/arm64/v8")
	f.Add("arm64")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := image.ParsePlatform(s); err == nil {
			require.NotContains(t, p.OS+p.Architecture+p.Variant, "/")
			require.NotEmpty(t, p.Architecture)
		}
	})
}

func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"digest":"x"}]}`), v1.MediaTypeImageIndex)
	f.Add([]byte(`{"schemaVersion":2,"config":{},"layers":[{"size":-1}]}`), v1.MediaTypeImageManifest)
	f.Fuzz(func(t *testing.T, data []byte, kind string) {
		d, err := parseDocument(data, kind)
		if err != nil {
			return
		}
		require.True(t, json.Valid(data))
		require.NotEqual(t, d.index == nil, d.manifest == nil, "it is one of both")
		if d.index != nil {
			image.Choose(d.index, v1.Platform{OS: "linux", Architecture: "amd64"})
		}
	})
}

// Whoever waits for the file of a blob must not get one that was renamed or removed meanwhile.
func TestLockFile(t *testing.T) {
	path := t.TempDir() + "/partial"
	first, err := lockFile(context.Background(), path)
	require.NoError(t, err)
	second := make(chan *os.File)
	go func() {
		f, _ := lockFile(context.Background(), path)
		second <- f
	}()
	for _, err := os.Stat(path); err == nil; _, err = os.Stat(path) {
		time.Sleep(50 * time.Millisecond) // the second has opened it, and waits
		require.NoError(t, os.Rename(path, path+"-done"))
	}
	first.Close()
	f := <-second
	info, err := f.Stat()
	require.NoError(t, err)
	now, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(info, now))

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = lockFile(ctx, path)
	require.ErrorIs(t, err, context.Canceled)
}
