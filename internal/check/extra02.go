package check

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"jocker/internal/labtest"
)

var robind = map[string]taskCheck{"robind.1": {check: checkRobind}}

func checkRobind(w *world) *Finding {
	const see = `man 2 mount, "Remounting an existing mount"; man 7 mount_namespaces`
	dir := w.files("folder", map[string]string{"file": "content\n"})
	os.MkdirAll("/mnt/place", 0o755)
	r := w.lab(dir, "/mnt/place", "sh", "-c", `cat /mnt/place/file; echo x > /mnt/place/new && echo written; grep " /mnt/place " /proc/self/mountinfo`)
	if f := w.bad(r); f != nil {
		return f
	}
	var options []string
	for _, line := range strings.Split(r.Stdout, "\n") {
		if f := strings.Fields(line); len(f) > 8 && f[4] == "/mnt/place" {
			options = strings.Split(f[5], ",")
		}
	}
	switch {
	case options == nil:
		return finding("not-bound", "nothing is mounted at the place", "the folder, a second time", "A bind mount needs the flag that says so, a source and a target", see).with(r)
	case strings.Contains(r.Stdout, "written\n") || !slices.Contains(options, "ro"):
		return finding("still-writable", fmt.Sprintf("the mount has the options %v, and a file could be written", options), "ro among them",
			"mount(2) with MS_BIND takes source, target and MS_REC; all other flags are ignored, MS_RDONLY too, and no error says so. The flags of a mount are changed in a second step", see).with(r)
	case !slices.Contains(options, "nosuid") || !slices.Contains(options, "nodev"):
		return finding("flags-lost", fmt.Sprintf("the mount has the options %v", options), "nosuid and nodev among them", "A remount sets all flags of the mount: those that aren't named are off", see)
	case !strings.HasPrefix(r.Stdout, "content\n"):
		return finding("wrong-folder", "the file in the folder can't be read at the place", "the folder's files", "A bind mount shows the source at the target", see).with(r)
	}
	if f := w.hostStillWritable(dir, see); f != nil {
		return f
	}
	r = w.run(command{Args: []string{"sh", "-c", `mkdir -p /mnt/src/sub && mount -t tmpfs none /mnt/src/sub && touch /mnt/src/sub/deep && lab02-robind /mnt/src /mnt/place ls /mnt/place/sub; umount /mnt/src/sub`}})
	if !strings.Contains(r.Stdout, "deep") {
		return finding("not-recursive", "what is mounted within the folder isn't seen at the place", "all that is mounted in it, too", "A bind mount shows one mount. Those below it come along only with MS_REC", see).with(r)
	}
	return nil
}

// hostStillWritable makes sure that the mount is read-only, and not the file system.
func (w *world) hostStillWritable(dir, see string) *Finding {
	if err := os.WriteFile(dir+"/after", nil, 0o644); err != nil {
		return finding("file-system-read-only", "afterwards the folder itself can't be written: "+err.Error(), "only the new mount is read-only",
			"MS_REMOUNT without MS_BIND changes the file system, for everybody who has it mounted", see)
	}
	return nil
}

var enterChecks = map[string]taskCheck{"enter.1": {check: checkOpenNamespaces}, "enter.2": {check: checkEnter, needs: []string{"enter.1"}}}

const seeEnter = `man 2 setns; man 1 nsenter; man 7 namespaces`

func checkOpenNamespaces(w *world) *Finding {
	p := w.hold(command{Args: []string{"unshare", "-u", "-i", "-n", "-m", "sh", "-c", "echo ready; read _; exit 0"}})
	ns := labtest.Namespaces(p.Pid)
	var got struct {
		Names []string
		Err   string
	}
	r := w.start(command{Args: []string{w.Exercise, fmt.Sprint(p.Pid)}, Env: []string{"LAB_PROBE=openNamespaces"}})
	<-r.ended
	decodeProbe(r.out.String(), &got)
	p.release()
	if f := w.failed(r.wait(), seeEnter); f != nil {
		return f
	}
	want := []string{ns["uts"], ns["ipc"], ns["net"], ns["pid"], ns["mnt"]}
	if !slices.Equal(got.Names, want) || got.Err != "" {
		return finding("wrong-namespaces", fmt.Sprintf("the files lead to %v, error %q", got.Names, got.Err), fmt.Sprint(want), "/proc/PID/ns/KIND is a link to the namespace in which that process is; opened, it keeps the namespace alive", seeEnter)
	}
	w.probe(command{}, &got, "openNamespaces", "999999")
	if got.Err == "" || len(got.Names) > 0 {
		return finding("missing-process", "for a process that isn't there: no error", "an error, and nothing open", "Whoever enters only some of the namespaces is half inside, which is worse than outside", seeEnter)
	}
	return nil
}

func checkEnter(w *world) *Finding {
	const see = seeEnter
	p := w.hold(command{Args: []string{"unshare", "-u", "-i", "-n", "-m", "-p", "-f", "--mount-proc", "sh", "-c", "hostname inside; mount -t tmpfs none /mnt; touch /mnt/mark; echo ready; read _; exit 0"}})
	var target int
	w.until(1e9, func() bool {
		for _, c := range labtest.Children(p.Pid) {
			target = c
		}
		return target != 0
	})
	want := labtest.Namespaces(target)
	r := w.start(command{Args: []string{w.Exercise, fmt.Sprint(target), "sh", "-c", "hostname; ls /mnt; pwd; for k in uts ipc net pid mnt; do readlink /proc/self/ns/$k; done; exit 0"}})
	<-r.ended
	p.release()
	res := r.wait()
	if f := w.bad(res); f != nil {
		return f
	}
	if strings.Contains(res.Stderr, "setns mnt: invalid argument") {
		return finding("shares-its-root", "setns of the mount namespace fails with EINVAL", "the thread enters", "The kernel lets nobody into a mount namespace who shares root and working directory with another thread: that one would be moved along", see).with(res)
	}
	if f := w.failed(res, see); f != nil {
		return f
	}
	for _, kind := range []string{"pid", "uts", "ipc", "net", "mnt"} {
		if !strings.Contains(res.Stdout, want[kind]+"\n") {
			return finding("not-entered-"+kind, "the program isn't in the process's "+kind+" namespace: "+quote(res.Stdout), want[kind], "Each kind is entered by a call of its own; and the PID namespace counts for children only", see).with(res)
		}
	}
	if !strings.Contains(res.Stdout, "\n/\n") {
		return finding("cwd-outside", "the program's working directory is "+quote(res.Stdout), `"/"`, "A working directory stays where it was, also when the mount namespace changes: it is a way out of the container", see).with(res)
	}
	return nil
}
