package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// build builds a Dockerfile with these files and returns the image's ID, and what was said.
func (h *host) build(dockerfile string, files map[string]string, args ...string) (id, said string) {
	h.t.Helper()
	dir := h.t.TempDir()
	buildTrial{name: "x", text: dockerfile, files: files}.write(h.t, dir)
	iid := filepath.Join(h.t.TempDir(), "iid")
	out, errs, code := h.run("", append(append([]string{"build", "--network", "none", "--iidfile", iid}, args...), dir)...)
	require.Zero(h.t, code, "%s%s", out, errs)
	text, err := os.ReadFile(iid)
	require.NoError(h.t, err)
	return string(text), errs
}

// spoils is a build that must fail. It returns the error, without the progress before it.
func (h *host) spoils(dockerfile string, files map[string]string, args ...string) string {
	h.t.Helper()
	dir := h.t.TempDir()
	buildTrial{name: "x", text: dockerfile, files: files}.write(h.t, dir)
	out, errs, code := h.run("", append(append([]string{"build", "--network", "none", "-t", "never"}, args...), dir)...)
	require.Equal(h.t, 1, code, "%s%s", out, errs)
	require.NotContains(h.t, h.ok("images"), "never")
	_, text, ok := strings.Cut("\n"+errs, "\nError: ")
	require.True(h.t, ok, errs)
	return strings.TrimSpace(text)
}

func TestBuildCache(t *testing.T) {
	h := newHost(t)
	text := "FROM busybox\nRUN echo $RANDOM > /first\nCOPY f /f\nRUN cat /f > /second\nENV A=1"
	first, said := h.build(text, map[string]string{"f": "1"})
	require.NotContains(t, said, "CACHED")
	again, said := h.build(text, map[string]string{"f": "1"})
	require.Equal(t, first, again)
	require.Equal(t, 3, strings.Count(said, "CACHED"), said)
	changed, said := h.build(text, map[string]string{"f": "2"})
	require.NotEqual(t, first, changed)
	require.Equal(t, 1, strings.Count(said, "CACHED"), "what stands below a change is done again: %s", said)
	_, said = h.build(text, map[string]string{"f": "1"}, "--no-cache")
	require.NotContains(t, said, "CACHED")
	_, said = h.build("FROM busybox\nARG X\nRUN echo $X", nil, "--build-arg", "X=1")
	require.NotContains(t, said, "CACHED")
	_, said = h.build("FROM busybox\nARG X\nRUN echo $X", nil, "--build-arg", "X=2")
	require.NotContains(t, said, "CACHED", "the ARG has another value")
	h.ok("rmi", first) // what the cache needs stays
	_, said = h.build(text, map[string]string{"f": "2"})
	require.Equal(t, 3, strings.Count(said, "CACHED"), said)
	h.ok("builder", "prune", "-f")
	_, said = h.build(text, map[string]string{"f": "2"})
	require.NotContains(t, said, "CACHED")
}

// With SOURCE_DATE_EPOCH two builds, minutes or years apart, give the same image to the last byte.
func TestBuildReproducible(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1000000000")
	h := newHost(t)
	text := "FROM busybox\nRUN mkdir /d; date +%N > /dev/null; echo x > /d/x\nCOPY . /c\nWORKDIR /w\nLABEL a=b"
	first, _ := h.build(text, map[string]string{"f": "1"}, "--no-cache")
	second, said := h.build(text, map[string]string{"f": "1"}, "--no-cache")
	require.NotContains(t, said, "CACHED")
	require.Equal(t, first, second)
	require.Equal(t, "2001-09-09", h.ok("inspect", "-f", "{{.Created}}", first)[:10])
}

func TestBuildHeredoc(t *testing.T) {
	h := newHost(t)
	id, said := h.build(`FROM busybox
ARG NAME=you
COPY <<one <<"two" /files/
hello $NAME
one
literal $NAME
two
RUN <<EOF
set -e
cat /files/one > /said
echo more >> /said
EOF
RUN <<EOF cat > /piped
piped
EOF
RUN <<EOF
#!/bin/awk -f
BEGIN { print "awk" > "/awk" }
EOF`, nil)
	require.NotEmpty(t, said)
	require.Equal(t, "hello you\nmore\nliteral $NAME\npiped\nawk", h.ok("run", "--rm", "--network", "none", id, "cat", "/said", "/files/two", "/piped", "/awk"))
}

func TestBuildMounts(t *testing.T) {
	h := newHost(t)
	secret := filepath.Join(t.TempDir(), "s")
	require.NoError(t, os.WriteFile(secret, []byte("geheim"), 0o600))
	text := `FROM busybox
RUN --mount=type=cache,target=/c echo x >> /c/log; wc -l < /c/log > /count
RUN --mount=type=tmpfs,target=/t touch /t/gone
RUN --mount=type=secret,id=s cat /run/secrets/s | wc -c > /length`
	h.build(text, nil, "--no-cache", "--secret", "id=s,src="+secret)
	id, _ := h.build(text, nil, "--no-cache", "--secret", "id=s,src="+secret)
	require.Equal(t, "2\n6\n0", h.ok("run", "--rm", "--network", "none", id, "sh", "-c", "cat /count /length; cat /t/gone /run/secrets/s 2>/dev/null | wc -c"))
}

func TestBuildTarget(t *testing.T) {
	h := newHost(t)
	text := "FROM busybox AS a\nRUN touch /a\nFROM busybox AS b\nRUN false\nFROM a AS c\nRUN touch /c"
	id, said := h.build(text, nil)
	require.NotContains(t, said, "RUN /bin/sh -c false", "a stage that nothing stands on is not built")
	require.NotEmpty(t, id)
	_, said = h.build(text, nil, "--target", "a")
	require.NotContains(t, said, "touch /c")
	require.Contains(t, h.spoils(text, nil, "--target", "d"), "there is no such stage; the stages with names are: a, b, c")
}

func TestBuildOnbuild(t *testing.T) {
	h := newHost(t)
	h.build("FROM busybox\nONBUILD COPY f /triggered\nONBUILD RUN echo run > /ran", nil, "-t", "base")
	id, _ := h.build("FROM base\nRUN cat /triggered /ran > /both", map[string]string{"f": "copied "})
	require.Equal(t, "copied run", h.ok("run", "--rm", "--network", "none", id, "cat", "/both"))
	require.Equal(t, "[]", strings.ReplaceAll(h.ok("inspect", "-f", "{{json .Config.OnBuild}}", id), "null", "[]"))
}

// A context, and a Dockerfile, may come from standard input.
func TestBuildStandardInput(t *testing.T) {
	h := newHost(t)
	_, errs, code := h.run("FROM busybox\nRUN touch /stdin\n", "build", "--network", "none", "-t", "one", "-")
	require.Zero(t, code, errs)
	dir := t.TempDir()
	buildTrial{name: "x", text: "FROM busybox\nCOPY f /f", files: map[string]string{"f": "1"}}.write(t, dir)
	archive, err := exec.Command("tar", "-C", dir, "-cz", ".").Output()
	require.NoError(t, err)
	_, errs, code = h.run(string(archive), "build", "-t", "two", "-")
	require.Zero(t, code, errs)
	_, errs, code = h.run("FROM busybox\nCOPY f /g\n", "build", "-t", "three", "-f", "-", dir)
	require.Zero(t, code, errs)
	require.Equal(t, "1", h.ok("run", "--rm", "--network", "none", "three", "cat", "/g"))
}

func TestBuildBadInput(t *testing.T) {
	h := newHost(t)
	fifo := t.TempDir()
	out, err := exec.Command("mkfifo", fifo+"/pipe").CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, os.WriteFile(fifo+"/Dockerfile", []byte("FROM busybox\nCOPY . /\n"), 0o644))
	_, errs, code := h.run("", "build", fifo)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "Dockerfile:2: pipe is a FIFO: files, directories and symbolic links can be copied from a build context")

	for _, c := range []struct {
		text  string
		files map[string]string
		says  string
	}{
		{"FROM busybox\nRUNN x", nil, "Dockerfile:2: unknown instruction: RUNN (did you mean RUN?)"},
		{"", nil, "Dockerfile:1: file with no instructions"},
		{"RUN x", nil, "Dockerfile:1: no build stage in current context"},
		{"FROM busybox\n\nENV", nil, "Dockerfile:3: ENV requires at least one argument"},
		{"FROM busybox\nCOPY a", nil, "Dockerfile:2: COPY requires at least two arguments, but only one was provided. Destination could not be determined"},
		{"FROM busybox\nCOPY missing /", nil, `Dockerfile:2: "missing": not found in the build context, or .dockerignore excludes it`},
		{"FROM busybox\nCOPY a b /c", map[string]string{"a": "", "b": ""}, "Dockerfile:2: When using COPY with more than one source file, the destination must be a directory and end with a /"},
		{"FROM busybox\nCOPY ../../../etc/hostname /", nil, `Dockerfile:2: "../../../etc/hostname": not found in the build context`},
		{"FROM busybox\nCOPY out /", map[string]string{"out": "-> /etc/passwd"}, `Dockerfile:2: "out": not found in the build context`},
		{"FROM busybox\nCOPY out/passwd /", map[string]string{"out": "-> /etc"}, `Dockerfile:2: "out/passwd": not found in the build context`},
		{"FROM busybox\nCOPY --from=later /x /", nil, "Dockerfile:2: --from=later: there is no such stage above, and as an image: "},
		{"FROM busybox\nCOPY --chown=nosuch f /", map[string]string{"f": ""}, "Dockerfile:2: --chown=nosuch: unable to find user nosuch: no matching entries in passwd file"},
		{"FROM busybox\nCOPY --chmod=rwx f /", map[string]string{"f": ""}, "Dockerfile:2: --chmod=rwx: expected an octal number such as 0755"},
		{"FROM busybox\nCOPY f /bin", map[string]string{"f/x": "", "bin": ""}, ""},
		{"FROM busybox\nEXPOSE 99999", nil, "Dockerfile:2: EXPOSE 99999: expected a port from 1 to 65535"},
		{"FROM busybox\nSTOPSIGNAL NOSUCH", nil, "Dockerfile:2: "},
		{"FROM busybox\nRUN echo before; exit 3", nil, `Dockerfile:2: process "/bin/sh -c echo before; exit 3" did not complete successfully: exit code: 3`},
		{"FROM busybox\nRUN [\"nosuch\"]", nil, "Dockerfile:2: RUN could not be started: "},
		{"FROM busybox\nRUN --mount=type=bind,target=/x true", nil, "Dockerfile:2: RUN --mount=type=bind is not supported"},
		{"FROM $NOTHING", nil, "Dockerfile:1: base name ($NOTHING) should not be blank"},
		{"FROM --platform=linux/s390x busybox", nil, "Dockerfile:1: --platform=linux/s390x: this machine is linux/"},
	} {
		if c.says == "" {
			continue
		}
		require.Contains(t, h.spoils(c.text, c.files), c.says, c.text)
	}
	for _, c := range [][]string{{"/nosuch"}, {"-t", "Upper", "."}, {"--network", "x", "."}, {"--progress", "x", "."}, {"https://example.org/x.git"}, {"-f", "-", "-"}, {}} {
		_, errs, code := h.run("", append([]string{"build"}, c...)...)
		require.Equal(t, 1, code, c)
		require.Contains(t, errs, "Error: ", c)
	}
}

// What a RUN printed before it failed is shown, and its layer is not kept.
func TestBuildFailure(t *testing.T) {
	h := newHost(t)
	dir := t.TempDir()
	buildTrial{name: "x", text: "FROM busybox\nRUN echo shown; touch /half; exit 9"}.write(t, dir)
	for _, args := range [][]string{{"build", dir}, {"build", "-q", dir}} {
		_, errs, code := h.run("", args...)
		require.Equal(t, 1, code)
		require.Contains(t, errs, "shown\n")
	}
	before := h.ok("system", "df")
	h.ok("builder", "prune", "-f")
	require.Equal(t, before, h.ok("system", "df"))
}
