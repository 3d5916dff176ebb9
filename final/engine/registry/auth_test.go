package registry

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"
)

// Credentials go to the registry and to the server of tokens that it names, and not where a registry sends us for its blobs.
func TestCredentials(t *testing.T) {
	f, s := newFake(t), newStore(t)
	_, m := f.addImage(arch, gz, [][]byte{archive("x", "1")}, "latest")
	var mu sync.Mutex
	var seen []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Header.Get("Authorization")+r.Header.Get("Cookie"))
		w.Write(f.blobs[digest.Digest(strings.TrimPrefix(r.URL.Path, "/"))])
	}))
	defer elsewhere.Close()
	// the same machine under another name is another host
	away := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)
	tokens := 0
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		switch {
		case r.URL.Path == "/token" && user == "anna" && password == "pw" && r.URL.Query().Get("scope") != "repository:other:pull":
			tokens++
			fmt.Fprint(w, `{"token":"good"}`)
		case r.URL.Path == "/token":
			w.WriteHeader(http.StatusUnauthorized)
		case r.Header.Get("Authorization") != "Bearer good":
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+f.URL+`/token",service="test"`)
			w.WriteHeader(http.StatusUnauthorized)
		case strings.Contains(r.URL.Path, "/blobs/"):
			http.Redirect(w, r, away+"/"+r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], http.StatusTemporaryRedirect)
		default:
			return false
		}
		return true
	}
	ctx := context.Background()
	_, err := pull(t, s, f.host()+"/app")
	require.ErrorContains(t, err, "may require 'jocker login "+f.host()+"'")
	_, err = Login(ctx, f.host(), Credentials{"anna", "wrong"})
	require.ErrorContains(t, err, "user name or password is wrong")
	file, err := Login(ctx, f.host(), Credentials{"anna", "pw"})
	require.NoError(t, err)
	require.Equal(t, "anna", User(f.host()))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	tokens = 0
	_, err = pull(t, s, f.host()+"/app")
	require.NoError(t, err)
	require.Equal(t, 1, tokens, "one is enough")
	require.Len(t, seen, 1+len(m.Layers))
	require.Empty(t, strings.Join(seen, ""), "the other host is told nothing")
	had, err := Logout(f.host())
	require.NoError(t, err)
	require.True(t, had)
	require.Empty(t, User(f.host()))
}

// A certificate that nobody knows is good enough for this machine itself, and one of certs.d for others.
func TestCertificates(t *testing.T) {
	f := newFake(t)
	f.addImage(arch, gz, [][]byte{archive("x", "1")}, "latest")
	secure := httptest.NewUnstartedServer(f)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	host := strings.TrimPrefix(secure.URL, "https://")
	_, err := pull(t, newStore(t), host+"/app")
	require.NoError(t, err)

	dir := t.TempDir()
	pool, err := certificates(dir, host)
	require.NoError(t, err)
	require.Nil(t, pool)
	require.NoError(t, os.Mkdir(dir+"/"+host, 0o755))
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	require.NoError(t, os.WriteFile(dir+"/"+host+"/ca.crt", ca, 0o644))
	pool, err = certificates(dir, host)
	require.NoError(t, err)
	g := newGuard()
	req, _ := http.NewRequest("GET", secure.URL+"/v2/", nil)
	_, err = g.strict.RoundTrip(req)
	require.ErrorContains(t, err, "certificate")
	g.strict.TLSClientConfig.RootCAs = pool
	resp, err := g.strict.RoundTrip(req)
	require.NoError(t, err)
	resp.Body.Close()
	require.NoError(t, os.WriteFile(dir+"/"+host+"/ca.crt", []byte("x"), 0o644))
	_, err = certificates(dir, host)
	require.ErrorContains(t, err, "no certificate in PEM form")
}
