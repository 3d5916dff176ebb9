package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"jocker/internal/labtest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestNameForm(t *testing.T) {
	for _, good := range []string{"a", "Z", "0", "box", "my_box-1.2", "a.", "a" + strings.Repeat("b", 62)} {
		require.True(t, nameForm.MatchString(good), good)
	}
	for _, bad := range []string{"", ".", "..", "../images", "a/b", "/", ".x", "-x", "_x", "a:b", "a,b", ",", "a b", "a\n", "\na", "a\x00", "ä", "a" + strings.Repeat("b", 63)} {
		require.False(t, nameForm.MatchString(bad), "%q", bad)
	}
}

// photograph describes every file below a folder: what it is, whose, what is in it, when it was last changed in any way.
func photograph(t *testing.T, dir string) map[string]string {
	t.Helper()
	picture := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		content, _ := os.Readlink(path)
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = fmt.Sprintf("%x", sha256.Sum256(data))
		}
		picture[path] = fmt.Sprint(info.Mode(), stat.Uid, stat.Gid, stat.Nlink, stat.Rdev, stat.Ctim, content)
		return nil
	}))
	return picture
}

// TestSharedLayers: containers have the files of the image in common, and their changes each for itself.
func TestSharedLayers(t *testing.T) {
	begin(t)
	before := photograph(t, madeImage)

	a := script(t, "-name a", `
		echo a >/tmp/mine; rm /etc/motd; echo a >/etc/passwd; chmod 700 /tmp; mv /bin/cat /bin/dog; rm -r /home; mkdir /home; touch /bin/busybox
		sleep 100; :`).Start(t)
	shell := workload(t, a.Pid, "sh")
	workload(t, shell, "sleep")
	b := command(t, "-name b", "sleep", "100").Start(t)
	other := workload(t, b.Pid, "sleep")
	rootA, rootB := fmt.Sprintf("/proc/%d/root/", shell), fmt.Sprintf("/proc/%d/root/", other)

	for _, gone := range []string{"etc/motd", "bin/cat"} {
		require.NoFileExists(t, rootA+gone)
		_, err := os.Lstat(rootB + gone)
		require.NoError(t, err)
	}
	require.FileExists(t, rootA+"tmp/mine")
	require.NoFileExists(t, rootB+"tmp/mine")
	passwd, err := os.ReadFile(rootB + "etc/passwd")
	require.NoError(t, err)
	require.Contains(t, string(passwd), "root:x:0:0:")

	// What neither has changed is one file on disk, and in memory: the image's.
	inode := func(path string) uint64 {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Sys().(*syscall.Stat_t).Ino
	}
	layers, err := (&container{name: "a"}).layers()
	require.NoError(t, err)
	require.Equal(t, inode(layers[1]+"/etc/group"), inode(rootA+"etc/group"))
	require.Equal(t, inode(layers[1]+"/etc/group"), inode(rootB+"etc/group"))
	require.Empty(t, photograph(t, store("containers", "b", "upper"))["bin"])

	for _, pid := range []int{shell, other} {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	require.Equal(t, 128+9, a.Wait().Code)
	require.Equal(t, 128+9, b.Wait().Code)
	written, err := os.ReadDir(store("containers", "b", "upper"))
	require.NoError(t, err)
	require.Empty(t, written, "b has changed nothing, and has nothing of its own")
	require.Empty(t, cmp.Diff(before, photograph(t, madeImage)), "nobody has changed the image")
}

// TestStartAgain: the data of a container with a name outlives its process, and goes with rm.
func TestStartAgain(t *testing.T) {
	begin(t)
	r := script(t, "-name box -m 100m -e WORD=line", "echo $WORD >>/root/data; rm -f /etc/motd; cat /root/data; ls /etc/motd; exit 7").Run(t)
	require.Equal(t, 7, r.Code, r)
	require.Equal(t, "line\n", r.Stdout)
	require.Equal(t, []string{"box"}, containers(t))

	r = labtest.Run(t, lab, "start", "box")
	require.Equal(t, 7, r.Code, r)
	require.Equal(t, "line\nline\n", r.Stdout)
	require.Contains(t, r.Stderr, " = 104857600\n", "the limit is back")

	refused(t, 125, "there is a container box already: `lab06 start box` runs it again, `lab06 rm box` removes it", "run", "-name", "box", "busybox", "true")
	r = labtest.Run(t, lab, "rm", "box")
	require.Equal(t, 0, r.Code, r)
	require.Empty(t, r.Stdout+r.Stderr)
	require.Empty(t, containers(t))
	refused(t, 125, "there is no container box (`lab06 run -name box ...` makes it)", "start", "box")
	refused(t, 125, "there is no container box (`lab06 run -name box ...` makes it)", "rm", "box")
}

func TestRunning(t *testing.T) {
	begin(t)
	p := command(t, "-name box", "sleep", "100").Start(t)
	pid := workload(t, p.Pid, "sleep")
	for _, command := range []string{"start", "layers", "rm"} {
		refused(t, 125, "the container box is running: end it first", command, "box")
	}
	refused(t, 125, "there is a container box already: `lab06 start box` runs it again, `lab06 rm box` removes it", "run", "-name", "box", "busybox", "true")
	syscall.Kill(pid, syscall.SIGKILL)
	require.Equal(t, 128+9, p.Wait().Code)
	require.Equal(t, 0, labtest.Run(t, lab, "rm", "box").Code)
}

// TestDamagedImage damages an image in every way that openImage looks for.
func TestDamagedImage(t *testing.T) {
	begin(t)
	require.NoError(t, os.Remove(store("images")))
	require.NoError(t, os.Remove(store("layers")))
	require.NoError(t, os.MkdirAll(store("layers", "empty"), 0o755))
	require.NoError(t, os.MkdirAll(store("layers", "full", "bin"), 0o755))
	require.NoError(t, os.MkdirAll(store("images"), 0o755))
	for metadata, text := range map[string]string{
		``:                              "the image x is damaged (make rootfs mends busybox): unexpected end of JSON input",
		`{"Layers": ["full"`:            "the image x is damaged (make rootfs mends busybox): unexpected end of JSON input",
		`{"Layers": "full"}`:            "the image x is damaged (make rootfs mends busybox): json: cannot unmarshal string into Go struct field image.Layers of type []string",
		`{}`:                            "the image x is damaged (make rootfs mends busybox): it has no layers",
		`{"Layers": []}`:                "the image x is damaged (make rootfs mends busybox): it has no layers",
		`{"Layers": ["full", "gone"]}`:  "layer gone of the image x is missing or empty (make rootfs mends busybox)",
		`{"Layers": ["empty", "full"]}`: "layer empty of the image x is missing or empty (make rootfs mends busybox)",
	} {
		require.NoError(t, os.WriteFile(store("images", "x.json"), []byte(metadata), 0o644))
		refused(t, 125, text, "run", "x", "true")
	}

	require.NoError(t, os.WriteFile(store("images", "x.json"), []byte(`{"Layers": ["full"]}`), 0o644))
	refused(t, 125, "which program shall run? The image x names none\n"+usage, "run", "x")

	refused(t, 125, "there is no image busybox in "+store("images")+" (make rootfs makes busybox)", "run", "busybox", "true")
}

// TestImageGone: an image that was removed is missed by its containers.
func TestImageGone(t *testing.T) {
	begin(t)
	require.Equal(t, 0, command(t, "-name box", "true").Run(t).Code)
	require.NoError(t, os.Remove(store("images")))
	for _, command := range []string{"start", "layers"} {
		refused(t, 125, "there is no image busybox in "+store("images")+" (make rootfs makes busybox)", command, "box")
	}
	require.Equal(t, 0, labtest.Run(t, lab, "rm", "box").Code)
}

// TestFullDisk has a store with room for n files and directories, for every n that isn't enough.
func TestFullDisk(t *testing.T) {
	begin(t)
	disk := t.TempDir()
	for n := 1; n < 40; n += int(labtest.Scale(1)) {
		r := labtest.Cmd{Args: []string{"unshare", "--mount", "--propagation", "private", "sh", "-c", `
			mount -t tmpfs -o size=64k,nr_inodes=$1 tmpfs "$2" || exit
			cp -P "$JOCKER_LABS"/* "$2" || exit 99
			export JOCKER_LABS="$2"
			"$3" run -name box busybox sh -c "head -c 1m /dev/zero >/big; echo \$?"
			code=$?
			find "$2/containers" -mindepth 1 2>/dev/null
			exit $code`, "sh", fmt.Sprint(n), disk, labtest.Bin(t, lab)}}.Run(t)
		if r.Code == 99 {
			continue // not even enough for the links to the image
		}
		if r.Code == 0 {
			require.Greater(t, n, 15)
			require.NotContains(t, r.Stderr, "Read-only file system")
			require.Regexp(t, `^1\n/`, r.Stdout, "a program that finds no room fails, and not the lab")
			return
		}
		require.Equal(t, 125, r.Code, "%d: %s", n, r)
		require.Empty(t, r.Stdout, n)
		require.Regexp(t, "^lab06: .*: no space left on device \\(`lab06 rm NAME` makes room, JOCKER_LABS=DIR moves the store\\)\n$", own(r.Stderr), n)
	}
	t.Fatal("no size is enough")
}

// TestMany runs many containers at once.
func TestMany(t *testing.T) {
	begin(t)
	var all []*labtest.Process
	for range max(6, 20/int(labtest.Scale(1))) {
		all = append(all, script(t, "-m 50m -cpushare 512", "hostname; echo $$ >/tmp/pid; sleep 0.2; cat /tmp/pid").Start(t))
	}
	names := map[string]bool{}
	for _, p := range all {
		r := p.Wait()
		require.Equal(t, 0, r.Code, r)
		require.Regexp(t, `^[0-9a-f]{12}\n1\n$`, r.Stdout)
		names[r.Stdout] = true
	}
	require.Len(t, names, len(all))
	require.Empty(t, containers(t))
}

// TestManyOfOneName: one gets it.
func TestManyOfOneName(t *testing.T) {
	begin(t)
	var all []*labtest.Process
	for range max(6, 20/int(labtest.Scale(1))) {
		all = append(all, script(t, "-name box", "echo it is me >>/me").Start(t))
	}
	winners := 0
	for _, p := range all {
		switch r := p.Wait(); r.Code {
		case 0:
			winners++
		default:
			require.Equal(t, 125, r.Code, r)
			require.Equal(t, "lab06: there is a container box already: `lab06 start box` runs it again, `lab06 rm box` removes it\n", own(r.Stderr))
		}
	}
	require.Equal(t, 1, winners)
	me, err := os.ReadFile(store("containers", "box", "upper", "me"))
	require.NoError(t, err)
	require.Equal(t, "it is me\n", string(me))
}

// TestSweep: what a killed lab06 left of a temporary container goes when the next one is made, and what lives stays.
func TestSweep(t *testing.T) {
	begin(t)
	alive := command(t, "", "sleep", "100").Start(t)
	pid := workload(t, alive.Pid, "sleep")
	dead := command(t, "", "sleep", "101").Start(t)
	workload(t, dead.Pid, "sleep")
	require.Len(t, containers(t), 2)
	dead.Signal(syscall.SIGKILL)
	require.Equal(t, 128+9, dead.Wait().Code)
	require.Len(t, containers(t), 2, "nobody was left to remove it")

	require.Equal(t, 0, command(t, "", "true").Run(t).Code)
	require.Len(t, containers(t), 1)
	root := fmt.Sprintf("/proc/%d/root/", pid)
	require.NoError(t, os.WriteFile(root+"file", []byte("still works"), 0o644))
	require.FileExists(t, store("containers", containers(t)[0], "upper", "file"))
	syscall.Kill(pid, syscall.SIGKILL)
	require.Equal(t, 128+9, alive.Wait().Code)
	require.Empty(t, containers(t))
}

// TestKilledRun: a container with a name may stay when the lab is killed, but then it works or rm removes it.
func TestKilledRun(t *testing.T) {
	begin(t)
	labtest.KillAtEverySyscall(t, moments(16), script(t, "-name box", "echo data >/data"), func() {
		if names := containers(t); len(names) == 0 {
			return
		} else if diff := cmp.Diff([]string{"box"}, names); diff != "" {
			t.Error(diff)
		}
		r := labtest.Run(t, lab, "start", "box")
		if r.Code != 0 && own(r.Stderr) != "lab06: the container box isn't whole: it was killed while it was made or removed; `lab06 rm box` removes it\n" {
			t.Errorf("start: %s", r)
		}
		if r := labtest.Run(t, lab, "rm", "box"); r.Code != 0 {
			t.Errorf("rm: %s", r)
		}
		if names := containers(t); len(names) > 0 {
			t.Errorf("%q are left", names)
		}
	})
}

// TestKilledStart: what a container has written stays, whatever happens to a later start.
func TestKilledStart(t *testing.T) {
	begin(t)
	require.Equal(t, 0, script(t, "-name box", "[ -e /data ] || echo data >/data").Run(t).Code)
	labtest.KillAtEverySyscall(t, moments(16), labtest.Cmd{Args: []string{lab, "start", "box"}}, func() {
		data, err := os.ReadFile(store("containers", "box", "upper", "data"))
		if err != nil || string(data) != "data\n" {
			t.Errorf("%q, %v", data, err)
		}
	})
	require.Equal(t, 0, labtest.Run(t, lab, "start", "box").Code)
}

// TestKilledRemove: a container is there whole, or can't be started any more; and rm finishes what rm has begun.
func TestKilledRemove(t *testing.T) {
	begin(t)
	remake := func() {
		if r := script(t, "-name box", "[ -e /1 ] || for i in 1 2 3; do mkdir /$i; echo data >/$i/data; done").Run(t); r.Code != 0 {
			t.Errorf("run: %s", r)
		}
	}
	remake()
	labtest.KillAtEverySyscall(t, moments(16), labtest.Cmd{Args: []string{lab, "rm", "box"}}, func() {
		if names := containers(t); len(names) > 0 {
			data, _ := filepath.Glob(store("containers", "box", "upper", "*", "data"))
			if r := labtest.Run(t, lab, "start", "box"); r.Code == 0 && len(data) != 3 {
				t.Errorf("of its data there is only %q, and it was started", data)
			}
			if r := labtest.Run(t, lab, "rm", "box"); r.Code != 0 {
				t.Errorf("rm: %s", r)
			}
		}
		if names := containers(t); len(names) > 0 {
			t.Errorf("%q are left", names)
		}
		remake()
	})
}

// TestPrivateStore: the arguments of containers, which may be secret, are for root alone.
func TestPrivateStore(t *testing.T) {
	begin(t)
	require.Equal(t, 0, command(t, "-name box -e TOKEN=secret", "true").Run(t).Code)
	r := labtest.Cmd{Args: []string{"cat", store("containers", "box", "command")}, User: 65534}.Run(t)
	require.Contains(t, r.Stderr, "Permission denied", strings.ReplaceAll(r.Stdout, "\x00", " "))
}
