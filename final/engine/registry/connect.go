package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"jocker/final/engine/image"
)

// A repository is a name at a registry, and the way to it.
type repository struct {
	ref    image.Ref
	name   name.Repository
	client *http.Client
}

// connect finds out how to speak to an image's registry: over https or http, as whom. actions are "pull" or "push,pull".
func connect(ctx context.Context, ref image.Ref, actions string) (*repository, error) {
	registry, err := registryName(ref.Domain)
	if err != nil {
		return nil, err
	}
	repo := registry.Repo(ref.Path)
	auth, err := authn.DefaultKeychain.Resolve(repo)
	if err != nil {
		return nil, fmt.Errorf("the credentials for %s in Docker's config.json: %w", ref.Domain, err)
	}
	wrapped, err := transport.NewWithContext(ctx, registry, auth, newGuard(), []string{repo.Scope(actions)})
	if err != nil {
		return nil, err
	}
	return &repository{ref, repo, &http.Client{Transport: wrapped}}, nil
}

func registryName(domain string) (name.Registry, error) {
	if domain == "docker.io" {
		domain = name.DefaultRegistry
	}
	var options []name.Option
	if mayBeInsecure(domain) {
		options = append(options, name.Insecure)
	}
	return name.NewRegistry(domain, options...)
}

// get asks for a path of the repository. The answer's status is one of good, or there is an error.
func (r *repository) get(ctx context.Context, path string, header http.Header, good ...int) (*http.Response, error) {
	// Whether it is http or https, the transport knows.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+r.name.RegistryStr()+"/v2/"+r.name.RepositoryStr()+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	for key, values := range header {
		req.Header[key] = values
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	if err := transport.CheckError(resp, good...); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

const (
	dialTimeout = 15 * time.Second
	maxAnswer   = 8 << 20 // of everything but blobs
)

// sizeKey is the key of a context's value that says how long an answer may be, an int64, if not maxAnswer.
type sizeKey struct{}

// patience is how long a registry may say nothing at all. (Tests have less of it.)
var patience = 30 * time.Second

// A guard is the transport under all others: what it refuses isn't sent.
type guard struct{ strict, lax *http.Transport }

func newGuard() *guard {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: patience,
		DisableCompression:    true, // layers are to be hashed as they are stored
		MaxIdleConnsPerHost:   16,
		ReadBufferSize:        128 << 10,
		WriteBufferSize:       128 << 10,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
	lax := t.Clone()
	lax.TLSClientConfig.InsecureSkipVerify = true
	return &guard{t, lax}
}

var errPlain = errors.New("plain http is for registries on this machine, and those that \"insecure-registries\" of /etc/docker/daemon.json lists")

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Host
	t := g.strict
	switch {
	case mayBeInsecure(host):
		t = g.lax
	case req.URL.Scheme != "https":
		return nil, fmt.Errorf("%s: %w", host, errPlain)
	default:
		pool, err := certificates("/etc/docker/certs.d", host)
		if err != nil {
			return nil, err
		}
		if pool != nil {
			t = t.Clone()
			t.TLSClientConfig.RootCAs = pool
		}
	}
	ctx, cancel := context.WithCancel(req.Context())
	resp, err := t.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	b := &body{ReadCloser: resp.Body, cancel: cancel, left: maxAnswer}
	if size, ok := ctx.Value(sizeKey{}).(int64); ok && resp.StatusCode < 300 {
		b.left = size
	}
	resp.Body = b
	return resp, nil
}

// errStalled is the end of a registry that sends no more.
var errStalled = errors.New("the registry sent nothing for a while")

// A body is an answer that can neither be endless nor hang.
type body struct {
	io.ReadCloser
	cancel context.CancelFunc
	left   int64
}

func (b *body) Read(p []byte) (int, error) {
	timer := time.AfterFunc(patience, b.cancel)
	n, err := b.ReadCloser.Read(p)
	if !timer.Stop() && err != nil {
		return n, errStalled
	}
	if b.left -= int64(n); b.left < 0 {
		return 0, errors.New("the registry's answer is longer than any can be")
	}
	return n, err
}

func (b *body) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// daemonFile is where Docker is told which registries may be insecure. The same file is ours, as the question is the same.
var daemonFile = "/etc/docker/daemon.json"

// mayBeInsecure says whether plain http, or a certificate that nobody knows, is good enough for a registry: HOST or HOST:PORT.
// This is Docker's rule: for the machine itself, and what insecure-registries lists, names and networks (192.168.0.0/16).
func mayBeInsecure(host string) bool {
	bare := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		bare = h
	}
	if bare == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(bare, "[]"))
	if err == nil && ip.Unmap().IsLoopback() {
		return true
	}
	data, readErr := os.ReadFile(daemonFile)
	var settings struct {
		Insecure []string `json:"insecure-registries"`
	}
	if readErr != nil || json.Unmarshal(data, &settings) != nil {
		return false
	}
	for _, entry := range settings.Insecure {
		if network, err2 := netip.ParsePrefix(entry); err2 == nil && err == nil && network.Contains(ip) {
			return true
		}
		if entry == host || entry == bare {
			return true
		}
	}
	return false
}

// certificates returns the system's and those that are in DIR/HOST:PORT/*.crt, where Docker looks, too; nil if there are none.
func certificates(dir, host string) (*x509.CertPool, error) {
	files, err := filepath.Glob(filepath.Join(dir, host, "*.crt"))
	if err != nil || len(files) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%s has no certificate in PEM form", f)
		}
	}
	return pool, nil
}
