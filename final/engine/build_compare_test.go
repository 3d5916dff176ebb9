package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"jocker/internal/labtest"
	"jocker/internal/peers"
)

// A buildTrial is a Dockerfile and its context, built by us, by docker's classic builder and by buildah.
type buildTrial struct {
	name  string
	text  string
	files map[string]string // content; a name that ends with / is a directory, content that begins with "-> " makes a link
	args  []string
	not   map[string]string // peers, or "config", that differ on purpose, and why
	quick bool              // also when there is little time
}

var buildTrials = []buildTrial{
	{name: "forms", text: `FROM busybox
ARG WHO=nobody
ARG NEVER
ENV A=1 B="two words" C=$WHO
ENV OLD style value
RUN echo "$A $B $C $WHO ${NEVER-unset}" > /words
RUN ["/bin/sh", "-c", "echo $0 $A > /exec"]
CMD echo $A`, args: []string{"--build-arg", "WHO=somebody"}},
	{name: "copy", quick: true, text: `FROM busybox
COPY a.txt /
COPY a.txt b.txt /both/
COPY a.txt /renamed
COPY dir /dir
COPY dir /dirslash/
COPY *.txt /glob/
COPY di?/in* /glob2/
COPY empty /empty
COPY . /all`, files: map[string]string{"a.txt": "a", "b.txt": "b", "dir/inner": "i", "dir/sub/deep": "d", "empty/": ""}},
	{name: "links", quick: true, text: `FROM busybox
RUN mkdir -p /real/place && ln -s /real/place /short && ln -s usr /abs
COPY f /short/
COPY f /short/new/
COPY ln /copied
COPY dir /dir
RUN ln /dir/f /dir/hard && rm /dir/f`, files: map[string]string{"f": "f", "ln": "-> f", "dir/f": "f", "dir/up": "-> ../f", "dir/out": "-> /etc/passwd", "dir/broken": "-> nowhere"}},
	{name: "owners", text: `FROM busybox
RUN echo "joe:x:1234:4321::/home/joe:/bin/sh" >> /etc/passwd; echo "team:x:77:" >> /etc/group; mkdir /there
COPY --chown=joe:team f /named
COPY --chown=5:6 f /numbers
COPY --chown=joe:team dir /new/deep/dir
COPY --chown=5:6 dir /there`, files: map[string]string{"f": "f", "dir/f": "f"},
		not: map[string]string{"docker": "--chown is also the owner of the directories that are made above the destination, as BuildKit and buildah have it; the classic builder's are root's"}},
	{name: "workdir", text: `FROM busybox
WORKDIR /a
WORKDIR b/c
COPY f .
COPY f sub/
RUN pwd > here
USER www-data
WORKDIR /made
RUN id -un > /tmp/user
WORKDIR ../up
RUN true`, files: map[string]string{"f": "f"}, not: map[string]string{"docker": "a WORKDIR below USER belongs to that user, as BuildKit and buildah have it; the classic builder's is root's"}},
	{name: "stages", text: `FROM busybox AS one
RUN mkdir /out && echo 1 > /out/1 && echo 2 > /out/2 && chmod 600 /out/2 && chown 9:9 /out/2
FROM busybox AS never
RUN false
FROM one AS two
RUN echo 3 > /out/3
FROM busybox
COPY --from=two /out /all
COPY --from=one /out/1 /one
COPY --from=0 /out/2 /dir/
LABEL from=stages`, not: map[string]string{"docker": "the classic builder builds all stages, needed or not"}},
	{name: "ignore", text: `FROM busybox
COPY . /all
COPY sub /sub`, files: map[string]string{".dockerignore": "# nothing of these\n*.log\n**/secret\nsub/*\n!sub/keep\n!sub/deep/keep\nDockerfile\n.dockerignore\n",
		"a.log": "x", "a.txt": "a", "secret": "s", "x/secret": "s", "x/y/z": "z", "sub/drop": "d", "sub/keep": "k", "sub/deep/keep": "k", "sub/deep/drop": "d"}},
	{name: "archives", text: `FROM busybox
ADD a.tar.gz /gz
ADD a.tar /tar/
ADD a.tar.bz2 /bz
COPY a.tar.gz /kept/
ADD f /f
ADD dir /dir`, files: map[string]string{"f": "f", "dir/a.txt": "x"}},
	{name: "whiteouts", quick: true, text: `FROM busybox
RUN mkdir -p /d/e && echo 1 > /d/1 && echo 2 > /d/e/2 && echo f > /f && ln -s f /l
RUN rm /f && rm -r /d/e && mkdir /f && echo in > /f/in
RUN rm -r /d && mkdir /d && echo new > /d/new
RUN rm /l && touch /l
RUN rm -r /f`},
	{name: "entrypoint", text: `FROM busybox
CMD ["gone"]
ENTRYPOINT ["/bin/echo", "a"]
CMD ["b"]`},
	{name: "entrypoint-resets-cmd", text: `FROM busybox
ENTRYPOINT exec top -b`},
	{name: "shell", text: `FROM busybox
SHELL ["/bin/sh", "-ec"]
RUN echo $0 $- > /flags
CMD echo x
ENTRYPOINT echo y`, not: map[string]string{"buildah": "its CMD and ENTRYPOINT take no notice of SHELL, which the reference says they do"}},
	{name: "words", text: `FROM busybox
LABEL a=1 "b c"="d e" multi="x\
y"
MAINTAINER somebody
EXPOSE 80 443/tcp 53/udp
VOLUME /data ["/more"]
VOLUME ["/x", "/y"]
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --retries=2 CMD test -e /ok
ONBUILD RUN echo triggered`},
	{name: "args", quick: true, text: `ARG TAG=latest
ARG UNUSED
FROM busybox:${TAG}
ARG TAG
ARG V=1.2.3
ENV MAJOR=${V} NONE=${NOPE:-fallback} SET=${V:+yes} ESC=\$V
RUN echo "$TAG $V" > /args
COPY f$V /d-${V}/
LABEL v=$V
WORKDIR /w/$V
RUN true
USER ${NOPE:-nobody}`, files: map[string]string{"f1.2.3": "v"}},
	{name: "modes", text: `FROM busybox
RUN mkdir /s && touch /s/suid /s/fifo-not && chmod 4755 /s/suid && mkdir -m 1777 /s/sticky && mkfifo /s/fifo && chmod 2750 /s
COPY ["a b", "/c d/"]
COPY ["ünï", "/"]
RUN touch "/c d/new"`, files: map[string]string{"a b": "ab", "ünï": "u"}},
	{name: "heredoc-not", text: `FROM busybox
RUN echo one && \
    # a comment in the middle
    echo two > /two
RUN echo 'it''s' > /quote; echo "a\tb" > /tab; echo $((1+2)) > /sum`},
	{name: "scratch", text: `FROM scratch
COPY f /only
COPY f /dir/sub/
ENV A=b
CMD ["/only"]`, files: map[string]string{"f": "f"}, not: map[string]string{"config": "we give scratch a PATH, as BuildKit does; the classic builder and buildah don't"}},
}

// TestBuildLikeOthers builds a few of the trials, or with LABTEST_FULL=1 all, and compares what comes out: the tree of files with owners, modes, links, content and, for what was copied, times;
// and the image's config.
func TestBuildLikeOthers(t *testing.T) {
	labtest.Snapshot(t)
	h := newHost(t)
	p := peers.Start(t)
	p.Containerd(t)
	p.Dockerd(t)
	p.Podman(t)
	peers.Need(t, "buildah", "buildah")
	h.ok("save", "-o", p.Path("base.tar"), "busybox")
	docker := p.Docker(t, "load", "--input", p.Path("base.tar"))
	require.Zero(t, docker.Code, docker)
	buildah := func(args ...string) labtest.Result {
		return p.Cmd(append([]string{"buildah", "--root", p.Path("podman"), "--runroot", p.Path("podman-run")}, args...)...).Run(t)
	}
	loaded := p.PodmanCmd("load", "--input", p.Path("base.tar")).Run(t)
	require.Zero(t, loaded.Code, loaded)
	for _, tr := range buildTrials {
		if !tr.quick && os.Getenv("LABTEST_FULL") == "" {
			continue
		}
		t.Run(tr.name, func(t *testing.T) {
			dir := filepath.Join(p.Dir, "context-"+tr.name)
			tr.write(t, dir)
			h.t = t
			name := "trial-" + tr.name
			h.ok(append(append([]string{"build", "-q", "--network", "none", "-t", name}, tr.args...), dir)...)
			h.ok("save", "-o", dir+".ours.tar", name)
			files, config := readImage(t, dir+".ours.tar")
			compare := func(peer, archive string) {
				theirFiles, theirConfig := readImage(t, archive)
				if peer == "buildah" {
					// Its RUN without a runtime (--isolation chroot) leaves these in the image, and a WORKDIR that no RUN follows makes no directory.
					for _, name := range []string{"etc/hosts", "etc/hostname", "etc/resolv.conf", "run"} {
						delete(theirFiles, name)
					}
				}
				require.Empty(t, cmp.Diff(theirFiles, files), "files: -%s +ours", peer)
				if tr.not["config"] == "" {
					require.Empty(t, cmp.Diff(theirConfig, config), "config: -%s +ours", peer)
				}
			}
			if tr.not["docker"] == "" {
				r := p.Cmd(append(append([]string{"env", "DOCKER_BUILDKIT=0", "docker", "build", "--network", "none", "-q", "-t", name}, tr.args...), dir)...).Run(t)
				require.Zero(t, r.Code, r)
				r = p.Docker(t, "save", "-o", dir+".docker.tar", name)
				require.Zero(t, r.Code, r)
				compare("docker", dir+".docker.tar")
			}
			if tr.not["buildah"] == "" {
				r := buildah(append(append([]string{"build", "--isolation", "chroot", "--format", "docker", "--layers", "-q", "-t", name}, tr.args...), dir)...)
				require.Zero(t, r.Code, r)
				r = p.PodmanCmd("save", "-q", "--format", "docker-archive", "-o", dir+".buildah.tar", "localhost/"+name).Run(t)
				require.Zero(t, r.Code, r)
				compare("buildah", dir+".buildah.tar")
			}
		})
	}
}

// old is the time of all files in contexts: so those that were copied are known.
var old = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

func (tr buildTrial) write(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(tr.text+"\n"), 0o644))
	for name, text := range tr.files {
		at := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
		switch to, link := strings.CutPrefix(text, "-> "); {
		case strings.HasSuffix(name, "/"):
			require.NoError(t, os.MkdirAll(at, 0o755))
		case link:
			require.NoError(t, os.Symlink(to, at))
		default:
			require.NoError(t, os.WriteFile(at, []byte(text), 0o640))
		}
	}
	if tr.name == "archives" {
		for name, flag := range map[string]string{"a.tar": "-cf", "a.tar.gz": "-czf", "a.tar.bz2": "-cjf"} {
			out, err := exec.Command("tar", "-C", dir, "--mtime", "@0", flag, filepath.Join(dir, name), "f", "dir").CombinedOutput()
			require.NoError(t, err, string(out))
		}
	}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type()&os.ModeSymlink == 0 {
			err = os.Chtimes(path, old, old)
		}
		return err
	}))
}

// readImage returns the files and the config of an image in an archive of `docker save`.
func readImage(t *testing.T, archive string) (files map[string]string, config map[string]any) {
	t.Helper()
	blobs := map[string][]byte{}
	f, err := os.Open(archive)
	require.NoError(t, err)
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		blobs[h.Name], err = io.ReadAll(r)
		require.NoError(t, err)
		if h.Typeflag == tar.TypeSymlink {
			blobs[h.Name] = []byte("\x00" + path.Join(path.Dir(h.Name), h.Linkname))
		}
	}
	blob := func(name string) []byte {
		for bytes.HasPrefix(blobs[name], []byte{0}) {
			name = string(blobs[name][1:])
		}
		return blobs[name]
	}
	var manifest []struct {
		Config string
		Layers []string
	}
	require.NoError(t, json.Unmarshal(blob("manifest.json"), &manifest))
	var image struct{ Config map[string]any }
	require.NoError(t, json.Unmarshal(blob(manifest[0].Config), &image))
	config = map[string]any{}
	for _, key := range []string{"Env", "Cmd", "Entrypoint", "WorkingDir", "User", "ExposedPorts", "Labels", "Volumes", "StopSignal", "Healthcheck", "OnBuild", "Shell"} {
		switch v := image.Config[key].(type) {
		case nil:
		case string:
			if v != "" && !(key == "WorkingDir" && v == "/") {
				config[key] = v
			}
		case map[string]any:
			delete(v, "io.buildah.version")
			if len(v) > 0 {
				config[key] = v
			}
		case []any:
			if len(v) > 0 {
				config[key] = v
			}
		}
	}
	files = map[string]string{}
	for _, name := range manifest[0].Layers {
		applyLayer(t, files, blob(name))
	}
	return files, config
}

// applyLayer puts a layer on top of files.
func applyLayer(t *testing.T, files map[string]string, layer []byte) {
	t.Helper()
	var in io.Reader = bytes.NewReader(layer)
	if bytes.HasPrefix(layer, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		require.NoError(t, err)
		in = z
	}
	below := func(dir string) {
		for name := range files {
			if strings.HasPrefix(name, dir+"/") {
				delete(files, name)
			}
		}
	}
	fresh := map[string]string{}
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		name := strings.Trim(path.Clean("/"+h.Name), "/")
		dir, last := path.Split(name)
		if last == ".wh..wh..opq" {
			below(strings.TrimSuffix(dir, "/"))
			continue
		}
		if gone, ok := strings.CutPrefix(last, ".wh."); ok {
			delete(files, dir+gone)
			below(dir + gone)
			continue
		}
		if h.Typeflag != tar.TypeDir {
			below(name)
		}
		when := "now"
		if h.ModTime.Year() < 2005 && h.Typeflag != tar.TypeSymlink && h.Typeflag != tar.TypeDir {
			when = h.ModTime.UTC().Format(time.DateOnly)
		}
		line := fmt.Sprintf("%c %04o %d:%d %s", h.Typeflag, h.Mode&0o7777, h.Uid, h.Gid, when)
		switch h.Typeflag {
		case tar.TypeReg:
			sum := sha256.New()
			_, err := io.Copy(sum, r)
			require.NoError(t, err)
			line += fmt.Sprintf(" %x", sum.Sum(nil)[:8])
		case tar.TypeLink:
			line = fresh[strings.Trim(path.Clean("/"+h.Linkname), "/")] // which of the names comes first is a matter of taste
		case tar.TypeSymlink:
			line += " -> " + h.Linkname
		}
		if name != "" {
			fresh[name] = line
		}
	}
	for name, line := range fresh {
		files[name] = line
	}
}
