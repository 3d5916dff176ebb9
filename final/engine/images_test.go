package engine

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What Docker's commands for images print, and with which words and codes they fail.
func TestImageCommands(t *testing.T) {
	h := newHost(t)
	id := h.ok("images", "-q", "--no-trunc", "busybox")
	h.ok("tag", "busybox", "a/b:v1")
	h.ok("tag", id[7:20], "localhost:5000/c")
	h.ok("create", "--name", "base", "busybox")
	mine := h.ok("commit", "-m", "said", "-a", "me", "-c", "LABEL kind=mine", "base", "mine")
	h.ok("rm", "base")
	h.ok("import", "-c", "CMD [\"x\"]", archiveOf(t), "flat")
	h.ok("tag", mine, "flat") // and what was flat has no name any more

	list := func(args ...string) string {
		return h.ok(append([]string{"images", "--format", "{{.Repository}}:{{.Tag}}"}, args...)...)
	}
	require.ElementsMatch(t, []string{"a/b:v1", "busybox:latest", "localhost:5000/c:latest", "mine:latest", "flat:latest", "<none>:<none>"}, strings.Split(list(), "\n"))
	for filter, want := range map[string]string{"dangling=true": "<none>:<none>", "reference=a/*": "a/b:v1", "reference=*:v1": "", "reference=*/*:v1": "a/b:v1",
		"label=kind=mine": "flat:latest\nmine:latest", "label=kind=x": "", "before=mine": "a/b:v1\nbusybox:latest\nlocalhost:5000/c:latest", "since=mine": "<none>:<none>"} {
		require.Equal(t, want, list("--filter", filter), filter)
	}
	require.Equal(t, "a/b:v1", list("a/b"))
	require.Equal(t, "", list("a/b:v2"))
	require.Contains(t, h.fails(1, "images", "--filter", "x=y"), "invalid filter 'x'")
	require.Contains(t, h.fails(1, "images", "--filter", "dangling=perhaps"), "it is true or false")
	require.Contains(t, h.fails(1, "images", "--filter", "before=nosuch"), "No such image: nosuch:latest")
	require.Contains(t, h.fails(1, "images", "--format", "{{.Nope}}"), "template parsing error")
	require.Contains(t, h.ok("images", "--format", "json", "mine"), `"Repository":"mine"`)
	require.Regexp(t, `^REPOSITORY +TAG +DIGEST +IMAGE ID +CREATED +SIZE\nmine +latest +<none> +`+mine[7:19], h.ok("images", "--digests", "mine"))

	history := strings.Split(h.ok("history", "mine"), "\n")
	require.Regexp(t, `^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$`, history[0])
	require.Regexp(t, `^`+mine[7:19]+` .*said$`, history[1])
	require.Regexp(t, `^<missing> .*jocker init-image`, history[2])
	require.Regexp(t, `^IMAGE +CREATED AT +`, h.ok("history", "-H=false", "mine"))
	require.Equal(t, mine+"\n<missing>", h.ok("history", "-q", "--no-trunc", "mine"))

	require.Equal(t, "me said mine map[kind:mine]", h.ok("inspect", "-f", "{{.Author}} {{.Comment}} {{slice (index .RepoTags 1) 0 4}} {{.Config.Labels}}", "mine"))
	require.Contains(t, h.fails(1, "image", "inspect", "nosuch"), "No such image: nosuch:latest")
	require.Contains(t, h.fails(1, "container", "inspect", "mine"), "No such container: mine")
	require.Contains(t, h.fails(1, "inspect", "--type", "pod", "mine"), `unknown type: "pod"`)
	require.Contains(t, h.fails(1, "tag", "nosuch", "y"), "No such image: nosuch:latest")
	require.Contains(t, h.fails(1, "tag", "busybox", "Bad"), "must be lowercase")
	require.Contains(t, h.fails(1, "tag", "busybox", "x@"+id), "refusing to create a tag with a digest reference")
	require.Contains(t, h.fails(1, "save", "nosuch"), "No such image: nosuch:latest")
	require.Contains(t, h.fails(1, "load", "-i", "/etc/passwd"), "not a whole tar archive")
	require.Contains(t, h.fails(1, "load", "-i", "/nosuch"), "open /nosuch: no such file or directory")
	require.Contains(t, h.fails(1, "commit", "nosuch"), "No such container: nosuch")

	require.Contains(t, h.fails(1, "rmi", id), "image is referenced in multiple repositories")
	require.Equal(t, "Untagged: a/b:v1", h.ok("rmi", "a/b:v1"))
	h.ok("create", "--name", "user", "localhost:5000/c")
	h.ok("rmi", "localhost:5000/c")
	require.Contains(t, h.fails(1, "rmi", "busybox"), "(must be forced) - image is being used by stopped container")
	h.ok("rm", "user")
	require.Contains(t, h.fails(1, "rmi", "nosuch", "mine"), "No such image: nosuch:latest")
	require.NotContains(t, list(), "mine", "the others are removed nevertheless")
	require.Contains(t, h.ok("image", "prune", "-f"), "Total reclaimed space:")
	require.ElementsMatch(t, []string{"busybox:latest", "flat:latest"}, strings.Split(list(), "\n"))
	require.Contains(t, h.ok("image", "prune", "-af"), "untagged: flat:latest")
	for _, dir := range []string{"blobs/sha256", "tmp"} {
		left, err := os.ReadDir(h.root + "/" + dir)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

// archiveOf makes an archive of a file system.
func archiveOf(t *testing.T) string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/hello", nil, 0o644))
	out, err := exec.Command("tar", "-C", dir, "-czf", dir+"/fs.tgz", "hello").CombinedOutput()
	require.NoError(t, err, string(out))
	return dir + "/fs.tgz"
}
