package engine

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
	"jocker/internal/peers"
)

// serve starts Debian's docker-registry on a port of 127.0.0.1, with a user anna if there is a password, and returns its address.
// in is the command that starts it, in other namespaces than the test's if need be.
func serve(t *testing.T, password string, in func(args ...string) labtest.Cmd) (address string, server *labtest.Process) {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address = l.Addr().String()
	l.Close()
	config := "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: " + dir + "/data}}\nhttp: {addr: \"" + address + "\"}\n"
	if password != "" {
		line, err := exec.Command(peers.Need(t, "htpasswd", "apache2-utils"), "-Bbn", "anna", password).Output()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(dir+"/users", line, 0o600))
		config += "auth: {htpasswd: {realm: test, path: " + dir + "/users}}\n"
	}
	require.NoError(t, os.WriteFile(dir+"/config.yml", []byte(config), 0o600))
	cmd := in(peers.Need(t, "docker-registry", "docker-registry"), "serve", dir+"/config.yml")
	cmd.Timeout = 5 * time.Minute
	server = cmd.Start(t)
	return address, server
}

func onHost(args ...string) labtest.Cmd { return labtest.Cmd{Args: args} }

func up(address string) func() bool {
	return func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	}
}

func TestPrivateRegistry(t *testing.T) {
	h := newHost(t)
	h.withoutNetwork()
	config := t.TempDir()
	h.env = append(h.env, "DOCKER_CONFIG="+config)
	const password = "secret of anna"
	address, server := serve(t, password, onHost)
	labtest.Until(t, "the registry answers", up(address))
	name := address + "/web"
	h.ok("tag", "busybox", name)
	require.Contains(t, h.fails(1, "push", name), "may require 'jocker login "+address+"'")

	_, errs, code := h.run("wrong\n", "login", "-u", "anna", "--password-stdin", address)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "401 Unauthorized")
	require.NoFileExists(t, config+"/config.json")
	require.Contains(t, h.fails(1, "login", "-u", "anna", address), "Cannot perform an interactive login from a non TTY device")
	require.Contains(t, h.fails(1, "login", "--password-stdin", address), "Must provide --username with --password-stdin")
	require.NoError(t, os.WriteFile(config+"/config.json", []byte(`{"psFormat":"table {{.ID}}"}`), 0o644))
	out, errs, code := h.run(password+"\n", "login", "-u", "anna", "--password-stdin", "http://"+address+"/v2/")
	require.Zero(t, code, errs)
	require.Equal(t, "Login Succeeded\n", out)
	require.NotContains(t, errs, password)
	info, err := os.Stat(config + "/config.json")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	data, err := os.ReadFile(config + "/config.json")
	require.NoError(t, err)
	require.Contains(t, string(data), address)
	require.Contains(t, string(data), "psFormat", "what else is in the file stays")

	out = h.ok("push", name)
	require.Regexp(t, `The push refers to repository \[`+name+`\]\n[0-9a-f]{12}: Preparing\n[0-9a-f]{12}: Pushed\nlatest: digest: sha256:[0-9a-f]{64} size: \d+$`, out)
	require.Contains(t, h.ok("push", name), "Layer already exists")
	digest := h.ok("inspect", "-f", "{{index .RepoDigests 0}}", name)
	id := h.ok("images", "-q", "--no-trunc", name)
	h.ok("rmi", "busybox", name)
	require.Empty(t, h.ok("images", "-q"))

	// run pulls what is missing, and only the container speaks on stdout
	out, errs, code = h.run("", "run", "--rm", "--network", "none", name, "echo", "hi")
	require.Equal(t, []any{"hi\n", 0}, []any{out, code})
	require.Contains(t, errs, "Unable to find image '"+name+":latest' locally\nlatest: Pulling from web\n")
	require.Equal(t, id, h.ok("images", "-q", "--no-trunc", name))
	_, errs, _ = h.run("", "run", "--rm", "--network", "none", "--pull", "always", name, "true")
	require.Contains(t, errs, "Status: Image is up to date for "+name+":latest")
	require.Equal(t, name+"@"+strings.Split(digest, "@")[1], h.ok("pull", "-q", digest))
	require.Equal(t, "hi", h.ok("run", "--rm", "--network", "none", digest, "echo", "hi"))

	h.ok("tag", name, name+":v1")
	require.Contains(t, h.ok("push", "-a", name), "v1: digest: sha256:")
	h.ok("rmi", "-f", id)
	h.ok("pull", "-aq", name)
	require.Equal(t, "latest\nv1", h.ok("images", "--format", "{{.Tag}}", name))
	require.Contains(t, h.fails(1, "pull", name+":nosuch"), "manifest for "+name+":nosuch not found: manifest unknown")
	require.Contains(t, h.fails(1, "push", address+"/nosuch"), "An image does not exist locally with the tag: "+address+"/nosuch")

	require.Equal(t, "Removing login credentials for "+address, h.ok("logout", address))
	require.Equal(t, "Not logged in to "+address, h.ok("logout", address))
	h.ok("rmi", "-f", id)
	require.Contains(t, h.fails(125, "run", "--rm", name), "may require 'jocker login")
	server.Signal(syscall.SIGKILL)
	server.Wait()
	require.Contains(t, h.fails(125, "run", "--rm", name), "connection refused: nothing listens there")
	h.ok("init-image")
}

func TestLoginOnATerminal(t *testing.T) {
	h := newHost(t)
	h.withoutNetwork()
	h.env = append(h.env, "DOCKER_CONFIG="+t.TempDir())
	address, _ := serve(t, "pw", onHost)
	labtest.Until(t, "the registry answers", up(address))
	s := labtest.Cmd{Args: append(append([]string{}, h.args...), "login", address), Env: h.env}.Pty(t)
	s.Expect("Username ():")
	s.Send("anna\n")
	s.Expect("Password:")
	s.Send("pw\n")
	s.Expect("Login Succeeded")
	require.Zero(t, s.Wait())
	require.NotContains(t, s.Output(), "pw\n", "the password is not shown")
}

// Images go to Docker and Podman and come from them, by a registry and by archives.
func TestInterchange(t *testing.T) {
	h := newHost(t)
	h.withoutNetwork()
	p := peers.Start(t)
	p.Containerd(t)
	p.Dockerd(t)
	p.Podman(t)
	address, _ := serve(t, "", func(args ...string) labtest.Cmd { return p.Cmd(args...) })
	jocker := func(args ...string) string {
		t.Helper()
		c := p.Cmd(append(append([]string{}, h.args...), args...)...)
		c.Env = append(c.Env, h.env...)
		return zero(t, c.Run(t))
	}
	docker := func(args ...string) string { t.Helper(); return zero(t, p.Docker(t, args...)) }
	podman := func(args ...string) string {
		t.Helper()
		return zero(t, p.PodmanCmd(append([]string{"--runtime", "runc"}, args...)...).Run(t))
	}
	labtest.Until(t, "the registry answers", func() bool { return p.Cmd("busybox", "wget", "-qO-", "http://"+address+"/v2/").Run(t).Code == 0 })

	jocker("run", "--name", "base", "--network", "none", "busybox", "sh", "-c", "echo new >/new; rm -r /etc/group /var; mkdir /var; chown 5:6 /new")
	const look = "cat /new; stat -c %u:%g /new; ls /var; test -e /etc/group || echo gone"
	const seen = "new\n5:6\ngone"
	ours := address + "/ours"
	jocker("commit", "-c", `CMD ["sh","-c","`+look+`"]`, "base", ours)
	jocker("rm", "base")
	jocker("push", ours)
	id := jocker("images", "-q", "--no-trunc", ours)
	docker("pull", "-q", ours)
	require.Equal(t, seen, docker("run", "--rm", "--network", "none", ours))
	require.Equal(t, id, docker("images", "-q", "--no-trunc", ours), "the ID is the same everywhere")
	podman("pull", "-q", "--tls-verify=false", ours)
	require.Equal(t, seen, podman("run", "--rm", "--network", "none", ours))

	theirs := address + "/docker"
	docker("create", "--name", "made", ours, "sh")
	docker("commit", "-c", `CMD ["cat","/new"]`, "made", theirs)
	docker("push", theirs)
	require.Equal(t, "new", jocker("run", "--rm", "--network", "none", theirs))
	require.Equal(t, docker("images", "-q", "--no-trunc", theirs), jocker("images", "-q", "--no-trunc", theirs))
	podman("tag", ours, address+"/podman")
	podman("push", "-q", "--tls-verify=false", "--compression-format", "zstd", address+"/podman")
	require.Equal(t, seen, jocker("run", "--rm", "--network", "none", address+"/podman"))

	archive := p.Path("a.tar")
	jocker("save", "-o", archive, ours)
	docker("rmi", "-f", ours)
	require.Contains(t, docker("load", "-i", archive), "Loaded image: "+ours+":latest")
	require.Equal(t, seen, docker("run", "--rm", "--network", "none", ours))
	podman("rmi", "-f", ours)
	podman("load", "-q", "-i", archive)
	require.Equal(t, seen, podman("run", "--rm", "--network", "none", ours))
	for name, save := range map[string]func(){
		"docker": func() { docker("save", "-o", archive, theirs) },
		"podman": func() { podman("save", "-q", "-o", archive, ours) },
		"oci":    func() { podman("save", "-q", "--format", "oci-archive", "-o", archive, ours) },
	} {
		require.NoError(t, os.RemoveAll(archive))
		save()
		jocker("rmi", "-f", ours, theirs)
		require.Contains(t, jocker("load", "-i", archive), "Loaded image: "+address, name)
		image := map[string]string{"docker": theirs}[name]
		if image == "" {
			image = ours
		}
		require.Equal(t, "new", jocker("run", "--rm", "--network", "none", image, "cat", "/new"), name)
		jocker("tag", image, ours)
		jocker("tag", image, theirs)
	}
}

func zero(t *testing.T, r labtest.Result) string {
	t.Helper()
	require.Zero(t, r.Code, r)
	return strings.TrimSpace(r.Stdout)
}

// TestImports keeps jocker quick to start: what speaks HTTP is in programs of its own.
func TestImports(t *testing.T) {
	for program, forbidden := range map[string][]string{
		"jocker/final":                 {"net/http", "crypto/tls", "github.com/google/go-containerregistry"},
		"jocker/final/cmd/jocker-shim": {"net/http", "encoding/json", "net", "flag", "github.com/spf13/cobra"},
	} {
		out, err := exec.Command("go", "list", "-deps", program).Output()
		require.NoError(t, err)
		for _, line := range strings.Fields(string(out)) {
			for _, f := range forbidden {
				require.False(t, line == f || strings.HasPrefix(line, f+"/") && f != "net", "%s imports %s", program, line)
			}
		}
	}
}
