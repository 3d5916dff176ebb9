package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

var whiteoutChecks = map[string]taskCheck{"whiteout.1": {check: checkDelete}, "whiteout.2": {check: checkReplace}}

const seeWhiteout = `https://docs.kernel.org/filesystems/overlayfs.html#whiteouts-and-opaque-directories; lab06: What a container leaves`

// layers makes two layers on a tmpfs, and shows them merged when what is called has changed the upper one.
func (w *world) layers(what func(upper string) *Finding) (names []string, f *Finding) {
	const base = "/mnt/layers"
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	os.RemoveAll(base)
	for _, dir := range []string{"lower/etc/conf.d", "lower/opt/deep", "upper/opt", "work", "merged"} {
		must(os.MkdirAll(filepath.Join(base, dir), 0o755))
	}
	for _, file := range []string{"lower/etc/passwd", "lower/etc/conf.d/one", "lower/opt/deep/file", "upper/opt/mine"} {
		must(os.WriteFile(filepath.Join(base, file), []byte("x"), 0o644))
	}
	if f := what(base + "/upper"); f != nil {
		return nil, f
	}
	must(mount("overlay", base+"/merged", "overlay", 0, fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", base)))
	defer syscall.Unmount(base+"/merged", syscall.MNT_DETACH)
	err := filepath.WalkDir(base+"/merged", func(path string, e fs.DirEntry, err error) error {
		if err == nil && path != base+"/merged" {
			name, _ := filepath.Rel(base+"/merged", path)
			names = append(names, name)
		}
		return err
	})
	must(err)
	return names, nil
}

func checkDelete(w *world) *Finding {
	for _, c := range []struct {
		path string
		want string
		name string
	}{
		{"etc/passwd", "etc etc/conf.d etc/conf.d/one opt opt/deep opt/deep/file opt/mine", "still-seen"},
		{"opt", "etc etc/conf.d etc/conf.d/one etc/passwd", "layer-keeps-its-own"},
		{"etc/conf.d/one", "etc etc/conf.d etc/passwd opt opt/deep opt/deep/file opt/mine", "still-seen"},
	} {
		var err string
		names, f := w.layers(func(upper string) *Finding {
			return w.failed(w.probe(command{}, &err, "delete", filepath.Join(upper, c.path)), seeWhiteout)
		})
		if f != nil {
			return f
		}
		if got := strings.Join(names, " "); got != c.want || err != "" {
			meaning := "A whiteout is a character device of the number 0:0, at the place of what is gone. overlayfs shows neither it nor what it covers"
			if slices.Contains(names, "opt/mine") && c.path == "opt" {
				meaning = "What the layer itself has at this place has to go first: there can be only one thing of a name"
			}
			return finding(c.name, fmt.Sprintf("%s was deleted in the upper layer, error %q; the merged tree has %s", c.path, err, got), c.want, meaning, seeWhiteout)
		}
	}
	return nil
}

func checkReplace(w *world) *Finding {
	for _, c := range []struct{ path, want string }{
		{"etc", "etc opt opt/deep opt/deep/file opt/mine"},
		{"opt", "etc etc/conf.d etc/conf.d/one etc/passwd opt"},
		{"opt/deep", "etc etc/conf.d etc/conf.d/one etc/passwd opt opt/deep opt/mine"},
	} {
		var err string
		names, f := w.layers(func(upper string) *Finding {
			return w.failed(w.probe(command{}, &err, "replace", filepath.Join(upper, c.path)), seeWhiteout)
		})
		if f != nil {
			return f
		}
		got := strings.Join(names, " ")
		switch {
		case !slices.Contains(names, c.path):
			return finding("directory-gone", fmt.Sprintf("%s was replaced, error %q; the merged tree has %s", c.path, err, got), c.want, "A whiteout covers a name altogether; here a directory is wanted, an empty one", seeWhiteout)
		case got != c.want || err != "":
			return finding("not-opaque", fmt.Sprintf("%s was replaced, error %q; the merged tree has %s", c.path, err, got), c.want, "Directories of the same name are merged, layer by layer. Only an opaque one hides what the layers below have in it", seeWhiteout)
		}
	}
	return nil
}

var volumeChecks = map[string]taskCheck{"volume.1": {check: checkOpenInRoot}, "volume.2": {check: checkMountVolume, needs: []string{"volume.1"}}}

const seeVolume = `man 2 openat2; https://nvd.nist.gov/vuln/detail/CVE-2021-30465`

// evilRoot is a root file system whose maker wishes the host no good.
func (w *world) evilRoot() string {
	root := w.files("root", nil)
	for _, dir := range []string{"data", "srv/inside", "mnt/both"} {
		os.MkdirAll(filepath.Join(root, dir), 0o755)
	}
	os.MkdirAll("/mnt/host", 0o755)
	os.MkdirAll("/mnt/both", 0o755)
	for link, target := range map[string]string{"absolute": "/srv/inside", "relative": "../../../../../../srv", "host": "/mnt/host", "both": "/mnt/both", "up": "..", "file": "/etc/passwd"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil && !errors.Is(err, fs.ErrExist) {
			panic(err)
		}
	}
	return root
}

func checkOpenInRoot(w *world) *Finding {
	root := w.evilRoot()
	for _, c := range []struct{ path, want string }{
		{"/both", "/mnt/both"}, {"/data", "/data"}, {"data", "/data"}, {"/absolute", "/srv/inside"}, {"/relative", "/srv"}, {"/up", ""}, {"/../../data", "/data"}, {"/host", "error"}, {"/missing", "error"},
	} {
		var got struct {
			Path, Err string
			More      int
		}
		if f := w.failed(w.probe(command{}, &got, "openInRoot", root, c.path), seeVolume); f != nil {
			return f
		}
		observed := fmt.Sprintf("in the root %s, %s was opened as %q, error %q", root, c.path, got.Path, got.Err)
		switch {
		case c.want == "error" && got.Err == "", got.Path != "" && !strings.HasPrefix(got.Path, root):
			return finding("outside-the-root", observed, "something within the root, or an error",
				"A link's target is resolved from the root of whoever follows it: for us /mnt/host is the host's, for the container it would be its own. The maker of the image chooses the link, so the maker of the image chooses what is mounted over", seeVolume)
		case c.want != "error" && got.Path != root+c.want:
			return finding("not-found-in-root", observed, root+c.want, "Within the root, an absolute link begins at the root, and .. of the root is the root", seeVolume)
		case got.More > 0:
			return finding("descriptor-leak", fmt.Sprintf("%d descriptors more are open afterwards", got.More), "none but the result", "An open directory of the host that comes along into a container is a way out", seeVolume)
		}
	}
	return nil
}

func checkMountVolume(w *world) *Finding {
	root := w.evilRoot()
	dir := w.files("shared", map[string]string{"from-the-host": ""})
	r := w.lab(root, dir, "/both", "ls", "/mnt/both")
	if f := w.bad(r); f != nil {
		return f
	}
	if strings.Contains(r.Stdout, "from-the-host") {
		return finding("outside-the-root", "a place that is a link to /mnt/both was mounted over on the host", "/mnt/both in the root", "mount(2) follows links, from the root of its caller", seeVolume).with(r)
	}
	r = w.lab(root, dir, "/absolute", "ls", root+"/srv/inside")
	if f := w.failed(r, seeVolume); f != nil {
		return f
	}
	if r.Stdout != "from-the-host\n" {
		return finding("not-mounted", "the place in the root has "+quote(r.Stdout), quote("from-the-host\n"), "A bind mount shows the source at the target", seeVolume).with(r)
	}
	r = w.lab(root, dir, "/host", "ls", "/mnt/host")
	if f := w.bad(r); f != nil {
		return f
	}
	if r.Code == 0 || strings.Contains(r.Stdout, "from-the-host") {
		return finding("outside-the-root", "a place that is a link to /mnt/host was mounted over on the host", "an error: in this root there is no /mnt/host", "mount(2) follows links, from the root of its caller", seeVolume).with(r)
	}
	r = w.run(command{Args: []string{"sh", "-c", `mkdir -p /mnt/v/sub && mount -t tmpfs none /mnt/v/sub && touch /mnt/v/sub/deep && lab06-volume ` + root + ` /mnt/v /data ls ` + root + `/data/sub; umount /mnt/v/sub`}})
	if !strings.Contains(r.Stdout, "deep") {
		return finding("not-recursive", "what is mounted within the folder isn't there", "all that is mounted in it, too", "A bind mount shows one mount. Those below it come along only with MS_REC", seeVolume).with(r)
	}
	return nil
}
