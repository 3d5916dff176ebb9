package check

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

var lab06 = map[string]taskCheck{
	"6.1": {check: checkOverlayOptions},
	"6.2": {check: checkMountKernel},
	"6.3": {check: checkPivotRoot, needs: []string{"6.1", "6.2", "6.4"}},
	"6.4": {check: checkMountDev},
	"6.5": {check: checkDescribe},
}

func checkOverlayOptions(w *world) *Finding {
	const see = `The idea; https://docs.kernel.org/filesystems/overlayfs.html`
	var got string
	r := w.probe(command{}, &got, "overlayOptions", "/u", "/w", "/init", "/b", "/a")
	if f := w.failed(r, see); f != nil {
		return f
	}
	options := map[string]string{}
	for _, o := range strings.Split(got, ",") {
		key, value, _ := strings.Cut(o, "=")
		options[key] = value
	}
	observed := fmt.Sprintf("for the layers /init, /b, /a (the uppermost first), upper /u, work /w: %q", got)
	const expected = `"lowerdir=/init:/b:/a,upperdir=/u,workdir=/w"`
	switch {
	case options["lowerdir"] == "/a:/b:/init":
		return finding("layer-order", observed, expected, "overlayfs reads lowerdir from the top: of two layers with the same file, the one that is named first is seen. The other way round /etc/hostname of the image covers the container's own", see)
	case options["upperdir"] == "" || options["workdir"] == "":
		return finding("no-upper", observed, expected, "Without upperdir the merged tree is read-only; and upperdir needs a workdir on the same file system, from which finished files are moved up by rename", see)
	case options["upperdir"] != "/u" || options["workdir"] != "/w":
		return finding("upper-and-work", observed, expected, "upperdir gets what is written, workdir is overlayfs's own scratch directory", see)
	case options["lowerdir"] != "/init:/b:/a":
		return finding("layers-lost", observed, expected, "lowerdir is a list of directories with colons between", see)
	}
	return nil
}

// lineWith is the first line of a text that has a word in it.
func lineWith(text, word string) string {
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, word) {
			return line
		}
	}
	return ""
}

// pivotFailure explains a run in which pivot_root was refused.
func (w *world) pivotFailure(r *result) *Finding {
	if strings.Contains(r.Stderr, "device or resource busy") && !strings.Contains(r.Stderr, "pivot_root") {
		return finding("old-root-busy", "the old root could not be unmounted: "+lineWith(r.Stderr, "busy"), "it is gone, although it is in use",
			"After pivot_root the old root is a mount with all that is mounted in it below, and an ordinary umount(2) refuses what is in use: EBUSY. A lazy one takes the mount and all below it out of the tree at once, and lets it end when nobody uses it any more", `The program; man 2 umount`).with(r)
	}
	if !strings.Contains(r.Stderr, "pivot_root") {
		return nil
	}
	return finding("not-a-mount-point", "pivot_root was refused: "+lineWith(r.Stderr, "pivot_root"), "a new root",
		"pivot_root(2) swaps two mounts, so the new root must be one: a directory on the old root's own mount gets EBUSY, one on another mount EINVAL", `Break it on purpose; man 2 pivot_root`).with(r)
}

// root is what a function has made of a root that was nearly empty.
type root struct {
	Err, Mounts    string
	Devices, Links map[string]string
}

// inRoot lets a function of the program work on such a root, in namespaces of its own.
func (w *world) inRoot(call, see string) (got root, r *result, f *Finding) {
	r = w.probe(command{By: []string{"unshare", "--pid", "--fork", "--mount", "--propagation", "private"}}, &got, call)
	if f = w.failed(r, see); f == nil && got.Err != "" {
		f = refused(call+"(root)", got.Err, see)
	}
	return got, r, f
}

// at is the mount at a place below the root: its options, and its type as one of them; nil if there is none.
func (g root) at(dir string) []string {
	for _, line := range strings.Split(g.Mounts, "\n") {
		left, right, ok := strings.Cut(line, " - ")
		if f := strings.Fields(left); ok && len(f) > 5 && f[4] == "/tmp/root"+dir {
			return append(strings.Split(f[5], ","), "type="+strings.Fields(right)[0])
		}
	}
	return nil
}

func checkMountKernel(w *world) *Finding {
	const see = `The program; man 5 proc; man 5 sysfs`
	got, r, f := w.inRoot("mountKernel", see)
	if f != nil {
		return f
	}
	for _, dir := range []string{"/proc", "/sys"} {
		fstype := map[string]string{"/proc": "proc", "/sys": "sysfs"}[dir]
		have := got.at(dir)
		if !slices.Contains(have, "type="+fstype) {
			return finding("no-"+fstype, fmt.Sprintf("in the container there is no %s on %s", fstype, dir), "it is mounted", "These file systems hold no files: the kernel makes up the answers as they are read. A directory of the same name is empty", see).with(r)
		}
		for _, want := range []string{"nosuid", "nodev", "noexec"} {
			if !slices.Contains(have, want) {
				return finding(fstype+"-flags", fmt.Sprintf("%s is mounted with %v", dir, have), "nosuid, nodev and noexec among them", "What isn't needed can't be abused", see)
			}
		}
	}
	if sys := got.at("/sys"); !slices.Contains(sys, "ro") {
		return finding("sys-writable", fmt.Sprintf("/sys is mounted with %v", sys), "read-only",
			"Devices have no namespace: what is written in /sys is written for the whole machine. /sys/kernel/uevent_helper alone would let root in the container have the host run a program", see)
	}
	return nil
}

func checkPivotRoot(w *world) *Finding {
	const see = `Break it on purpose; man 2 pivot_root; man 2 umount`
	const secret = "/tmp/secret-of-the-host"
	os.WriteFile(secret, []byte("secret\n"), 0o644)
	defer os.Remove(secret)
	p := w.hold(command{Args: []string{"lab06", "run", "-ti", "busybox", "sh", "-c", "echo cwd=$(pwd); echo entries=$(ls -A /); cat /proc/self/mountinfo; echo ready; read _; exit 0"}})
	inside, init := p.out.String(), 0
	chrooted := false
	if p.ready() {
		init = w.container(p.Pid)
		chrooted = peekInto(init, secret)
	}
	r := p.release()
	if f := w.bad(r); f != nil {
		return f
	}
	if f := w.pivotFailure(r); f != nil {
		return f
	}
	if f := w.failed(r, see); f != nil {
		return f
	}
	points := 0
	var entries []string
	for _, line := range strings.Split(inside, "\n") {
		if f := strings.Fields(line); len(f) > 8 && f[0] != "" && f[4] == "/" {
			points++
		}
		if list, ok := strings.CutPrefix(line, "entries="); ok {
			entries = strings.Fields(list)
		}
	}
	added := ""
	for _, name := range entries {
		if found, _ := filepath.Glob(storeDir + "/layers/*/" + name); found == nil && !slices.Contains([]string{"dev", "proc", "sys", "etc"}, name) {
			added = name
		}
	}
	switch {
	case strings.Contains(inside, "jocker") || strings.Contains(inside, " - cgroup"):
		return finding("old-root-stays", "the container's mountinfo still lists mounts of the host, such as "+lastMatching(inside, "cgroup"), "only its own: /, /proc, /sys, /dev",
			"pivot_root moves the old root, with all that is mounted in it, to another place in the tree. There it stays, in reach of everybody inside, until it is unmounted; it is in use, so only a lazy unmount (MNT_DETACH) works", see)
	case chrooted:
		return finding("chroot", "the root of the container's mount namespace is still the host's: whoever enters the namespace anew is there", "the namespace has no other root than the container's",
			"chroot(2) changes where the paths of a process begin, nothing else. The namespace's root stays, and setns(2), or a second chroot and a few `..`, lead there", see+"; man 2 chroot").with(r)
	case points > 1:
		return finding("old-root-stays", fmt.Sprintf("%d mounts lie at /", points), "one", "After pivot_root(\".\", \".\") the old root is stacked on the new one, until it is unmounted", see)
	case added != "":
		return finding("put-old-left", fmt.Sprintf("in the container's / there is %q, among %q", added, entries), "what the image has, and dev, proc and sys",
			"The directory that took the old root in lies in the container's read-write layer: it is there for good, and in every container that is started again", see)
	case !strings.Contains(inside, "cwd=/\n"):
		return finding("cwd-outside", "the program begins in "+quote(strings.SplitN(inside, "\n", 2)[0]), `"/"`, "The working directory is held by the process, not by the tree: it may lie outside of every root, and `..` leads on from there (CVE-2024-21626)", see)
	}
	return nil
}

func lastMatching(text, word string) string {
	found := ""
	for _, line := range strings.Split(text, "\n") {
		if f := strings.Fields(line); strings.Contains(line, word) && len(f) > 4 {
			found = f[4]
		}
	}
	return quote(found)
}

// peekInto says whether a path is there at the root of the mount namespace of a process.
func peekInto(pid int, path string) bool {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{peekName, strconv.Itoa(pid), path}
	out, _ := cmd.Output()
	return string(out) == "there\n"
}

func checkMountDev(w *world) *Finding {
	const see = `The program; man 4 null; man 2 mknod`
	got, r, f := w.inRoot("mountDev", see)
	if f != nil {
		return f
	}
	for _, node := range []struct{ name, number string }{{"null", "1:3"}, {"zero", "1:5"}, {"full", "1:7"}, {"random", "1:8"}, {"urandom", "1:9"}, {"tty", "5:0"}} {
		have, ok := got.Devices[node.name]
		want := "character device 666 " + node.number
		observed, expected := fmt.Sprintf("/dev/%s is a %s", node.name, have), want
		switch {
		case !ok:
			return finding("no-device", fmt.Sprintf("there is no /dev/%s; /dev has %d entries", node.name, len(got.Devices)), expected, "Every program counts on these devices: a shell that writes to a missing /dev/null makes a file of that name", see).with(r)
		case have == want:
		case strings.HasPrefix(have, "character device 6") && strings.HasSuffix(have, " "+node.number):
			return finding("umask", observed, expected, "mknod(2), as open(2), takes away the bits of the umask, 022 mostly: others then may not write to /dev/null. chmod knows no umask", see+"; man 2 umask")
		case strings.HasPrefix(have, "character device"):
			return finding("device-number", observed, expected, "The name of a device file is decoration. Its number decides which driver answers: the major one names the driver, the minor one which of its devices", see)
		default:
			return finding("not-a-device", observed, expected, "S_IFCHR in the mode says that this is to be a character device; without a type mknod makes an empty file", see)
		}
	}
	for name, want := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"} {
		if got.Links[name] != want {
			return finding("no-links", fmt.Sprintf("the links in /dev: %v", got.Links), name+" leads to "+want, "Scripts use /dev/stdin, and opening a terminal begins with /dev/ptmx", see)
		}
	}
	if len(got.Devices) > 16 {
		return finding("host-dev", fmt.Sprintf("/dev has %d entries", len(got.Devices)), "a dozen", "The host's /dev has its disks: whoever is root and can open one reads and writes every file of the host", see)
	}
	if dev := got.at("/dev"); !slices.Contains(dev, "nosuid") || !slices.Contains(dev, "type=tmpfs") {
		return finding("dev-flags", fmt.Sprintf("/dev is mounted with %v", dev), "a tmpfs, nosuid", "Devices are wanted here, programs that give rights are not", see)
	}
	if got.at("/dev/pts") == nil || got.at("/dev/shm") == nil {
		return finding("no-pseudo", "nothing is mounted on /dev/pts and /dev/shm", "what mountPseudo mounts", "Terminals are made by opening /dev/ptmx, and each appears as a file in a devpts; POSIX shared memory is files in /dev/shm", see+"; man 4 pts")
	}
	return nil
}

func checkDescribe(w *world) *Finding {
	const see = `What a container leaves; https://docs.kernel.org/filesystems/overlayfs.html#whiteouts-and-opaque-directories`
	dir := w.files("layer", map[string]string{"empty": "", "file": "x"})
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	must(syscall.Mknod(dir+"/gone", syscall.S_IFCHR, 0))
	must(syscall.Mknod(dir+"/null", syscall.S_IFCHR|0o666, 1<<8|3))
	for _, d := range []string{"plain", "opaque", "no"} {
		must(os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	must(syscall.Setxattr(dir+"/opaque", "trusted.overlay.opaque", []byte("y"), 0))
	must(syscall.Setxattr(dir+"/no", "trusted.overlay.opaque", []byte("n"), 0))
	must(os.Symlink("file", dir+"/link"))
	names := []string{"gone", "null", "opaque", "plain", "no", "file", "empty", "link"}
	want := []string{"whiteout", "file", "opaque", "directory", "directory", "file", "file", "file"}
	var paths []string
	for _, n := range names {
		paths = append(paths, filepath.Join(dir, n))
	}
	var got []string
	r := w.probe(command{}, &got, "describe", paths...)
	if f := w.failed(r, see); f != nil {
		return f
	}
	for i, n := range names {
		if got[i] == want[i] {
			continue
		}
		what := map[string]string{"opaque": `a directory with trusted.overlay.opaque="y"`, "no": `a directory with trusted.overlay.opaque="n"`, "plain": "a directory without extended attributes",
			"file": "a file", "empty": "an empty file", "link": "a symbolic link"}[n]
		observed := fmt.Sprintf("%s is described as %q", what, got[i])
		switch n {
		case "gone":
			return finding("whiteout-missed", "a character device with the number 0:0 is described as "+fmt.Sprintf("%q", got[i]), `"whiteout"`, "A read-only layer can't lose a file, so overlayfs puts a device with the impossible number 0:0 over it", see)
		case "null":
			return finding("every-device-a-whiteout", "a character device with the number 1:3 is described as "+fmt.Sprintf("%q", got[i]), `"file"`, "/dev/null in a layer covers nothing: only the number 0:0 is a whiteout", see)
		case "opaque":
			return finding("opaque-missed", observed, `"opaque"`, "A directory that was removed and made anew must not show what the old one held; overlayfs notes so in the extended attribute trusted.overlay.opaque", see)
		case "empty", "file":
			return finding("file-taken-for-whiteout", observed, `"file"`, "The number is 0 in everything that isn't a device, too, be it empty or not: a whiteout is a character device, and has the number 0:0", see)
		default:
			return finding("wrong-word", observed, fmt.Sprintf("%q", want[i]), "The attribute's value counts: only \"y\" is opaque", see)
		}
	}
	return nil
}
