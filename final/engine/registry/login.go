package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"jocker/final/engine/image"
)

// Credentials are what Login is given.
type Credentials struct{ Username, Password string }

// Login asks a registry, HOST or HOST:PORT or "" for Docker's own, whether it knows somebody, and keeps the answer in Docker's config.json.
// stored is the file, or "" if one of Docker's credential helpers has it.
func Login(ctx context.Context, server string, c Credentials) (stored string, err error) {
	ref, key, err := parseServer(server)
	if err != nil {
		return "", err
	}
	registry, err := registryName(ref.Domain)
	if err != nil {
		return "", err
	}
	auth := authn.FromConfig(authn.AuthConfig{Username: c.Username, Password: c.Password})
	wrapped, err := transport.NewWithContext(ctx, registry, auth, newGuard(), nil)
	if err == nil {
		err = checkAccess(ctx, wrapped, registry.RegistryStr())
	}
	var answer *transport.Error
	if errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden) {
		return "", fmt.Errorf("login attempt to %s failed with status: %d %s: user name or password is wrong", ref.Domain, answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	if err != nil {
		return "", explain(ref, err)
	}
	file, err := load()
	if err != nil {
		return "", err
	}
	if err := file.GetCredentialsStore(key).Store(types.AuthConfig{Username: c.Username, Password: c.Password, ServerAddress: key}); err != nil {
		return "", fmt.Errorf("saving credentials: %w", err)
	}
	if file.CredentialsStore != "" || file.CredentialHelpers[key] != "" {
		return "", nil
	}
	return file.Filename, os.Chmod(file.Filename, 0o600) // also if it was there, and was readable by others
}

// checkAccess makes the request that takes the credentials.
func checkAccess(ctx context.Context, t http.RoundTripper, host string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/v2/", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: t}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return transport.CheckError(resp, http.StatusOK)
}

// Logout forgets the credentials for a registry. It says whether there were any.
func Logout(server string) (had bool, err error) {
	_, key, err := parseServer(server)
	if err != nil {
		return false, err
	}
	file, err := load()
	if err != nil {
		return false, err
	}
	_, had = file.GetAuthConfigs()[key]
	if err := file.GetCredentialsStore(key).Erase(key); err != nil {
		return had, fmt.Errorf("removing credentials: %w", err)
	}
	return had, nil
}

// User returns the name by which a registry knows this user already; "" if it doesn't.
func User(server string) string {
	_, key, err := parseServer(server)
	if err != nil {
		return ""
	}
	file, err := load()
	if err != nil {
		return ""
	}
	c, _ := file.GetAuthConfig(key)
	return c.Username
}

// load reads config.json in $DOCKER_CONFIG or ~/.docker.
func load() (*configfile.ConfigFile, error) {
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		dir = filepath.Join(home, ".docker")
	}
	file, err := config.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("%w; mend the file, or remove it", err)
	}
	return file, nil
}

// parseServer reads the name of a registry. key is the one that it has in config.json.
func parseServer(server string) (ref image.Ref, key string, err error) {
	host := server
	for _, prefix := range []string{"https://", "http://"} {
		if len(host) > len(prefix) && host[:len(prefix)] == prefix {
			host = host[len(prefix):]
		}
	}
	for i := range host {
		if host[i] == '/' {
			host = host[:i]
			break
		}
	}
	switch host {
	case "", "docker.io", "index.docker.io", "registry-1.docker.io":
		return image.Ref{Domain: "docker.io"}, authn.DefaultAuthKey, nil
	}
	ref, err = image.ParseRef(host + "/x")
	if err != nil || ref.Domain != host {
		return ref, "", fmt.Errorf("%.200q is not the name of a registry: HOST or HOST:PORT, with a dot or a port, or localhost", server)
	}
	return ref, host, nil
}
