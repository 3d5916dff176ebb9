package rootfs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// These tests attack. Each has a thread that exchanges two files of the container as fast as it can, one
// of them a link that leads out of it, as another container could that shares a volume. Meanwhile a step is made
// again and again. A hit is a step that went outside.
//
// Each attack is first made on the step as one would write it with paths: look, and then use the name.
// There it must succeed, or the attacker is too weak to prove anything.
func init() { children["attack"] = childAttack }

// A scene is an attack, prepared.
type scene struct {
	swap [2]string // exchanged all the time
	// naive and ours make the step; how often they fail does not matter
	naive, ours func() error
	hit         func() bool // whether it went outside; undoes it
}

func TestAttacks(t *testing.T) {
	require.Zero(t, os.Getuid(), "this test makes mounts, and needs root: sudo go test")
	for name := range scenes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Regexp(t, `^\d+ attempts, hit\n$`, attack(t, name, "naive"), "the attacker is too weak")
			require.Regexp(t, `^\d\d+ attempts, no hit\n$`, attack(t, name, "ours"))
		})
	}
}

func attack(t *testing.T, name, victim string) string {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{stageEnv + "=attack", "SCENE=" + name, "VICTIM=" + victim, "DIR=" + scratch(t)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func childAttack() {
	check(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	dir := os.Getenv("DIR")
	for _, name := range []string{"rootfs/vol/a/x", "rootfs/dev", "rootfs/proc", "outside/x"} {
		check(os.MkdirAll(filepath.Join(dir, name), 0o755))
	}
	r := &Rootfs{cfg: &Config{Root: dir + "/rootfs", Bundle: dir}, root: -1}
	s := scenes[os.Getenv("SCENE")](dir, r)
	check(r.bindRoot())
	victim, limit, most := s.ours, 400*time.Millisecond, 1500
	if os.Getenv("VICTIM") == "naive" {
		victim, limit, most = s.naive, 30*time.Second, 1<<30
	}
	var stop atomic.Bool
	ready := make(chan bool)
	go func() {
		runtime.LockOSThread()
		check(unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS)) // a mount point of its own namespace can't be renamed
		ready <- true
		for !stop.Load() {
			err := unix.Renameat2(unix.AT_FDCWD, s.swap[0], unix.AT_FDCWD, s.swap[1], unix.RENAME_EXCHANGE)
			if err != unix.ENOENT { // it may not have been made yet
				check(err)
			}
		}
	}()
	<-ready
	attempts := 0
	for end := time.Now().Add(limit); time.Now().Before(end) && attempts < most || attempts < 20; attempts++ {
		_ = victim()
		if s.hit() {
			fmt.Printf("%d attempts, hit\n", attempts)
			os.Exit(0)
		}
	}
	stop.Store(true)
	fmt.Printf("%d attempts, no hit\n", attempts)
}

// inside says whether a path, followed by name, ends in the root file system. It is the look before the
// use that all these attacks are about.
func inside(root, path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err == nil && !strings.HasPrefix(real, root+"/") {
		err = fmt.Errorf("%s is outside", real)
	}
	return err
}

// regular says whether a path is no link.
func regular(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&os.ModeSymlink != 0 {
		err = fmt.Errorf("%s is a link", path)
	}
	return err
}

var scenes = map[string]func(dir string, r *Rootfs) scene{
	// CVE-2021-30465: the target of a mount.
	"mount": func(dir string, r *Rootfs) scene {
		root, a := r.cfg.Root, r.cfg.Root+"/vol/a"
		check(os.Mkdir(dir+"/source", 0o755))
		check(os.WriteFile(dir+"/source/marker", nil, 0o644))
		check(os.Symlink(dir+"/outside", root+"/vol/link"))
		return scene{
			swap: [2]string{a, root + "/vol/link"},
			naive: func() error {
				if err := inside(root, a); err != nil {
					return err
				}
				return unix.Mount(dir+"/source", a+"/x", "", unix.MS_BIND, "")
			},
			ours: func() error {
				m := mount{Mount: &specs.Mount{Source: dir + "/source", Type: "bind"}, dest: "/vol/a/x", host: -1}
				m.bind = true
				return m.do(r)
			},
			hit: func() bool { return exists(dir + "/outside/x/marker") },
		}
	},
	// CVE-2024-45310: the making of a target.
	"mkdir": func(dir string, r *Rootfs) scene {
		root, a, n := r.cfg.Root, r.cfg.Root+"/vol/a", 0
		check(os.Symlink(dir+"/outside", root+"/vol/link"))
		return scene{
			swap: [2]string{a, root + "/vol/link"},
			naive: func() error {
				if err := inside(root, a); err != nil {
					return err
				}
				n++
				return os.MkdirAll(fmt.Sprintf("%s/new%d/sub", a, n), 0o755)
			},
			ours: func() error {
				n++
				fd, err := r.place(fmt.Sprintf("/vol/a/new%d/sub", n), true)
				closeAll(fd)
				return err
			},
			hit: func() bool {
				list, _ := os.ReadDir(dir + "/outside")
				return len(list) > 1
			},
		}
	},
	// The same, a moment later: what was just made is exchanged before it is entered.
	"made": func(dir string, r *Rootfs) scene {
		made, link := r.cfg.Root+"/vol/new", r.cfg.Root+"/vol/link"
		check(os.Symlink(dir+"/outside", link))
		return scene{
			swap: [2]string{made, link},
			naive: func() error {
				if err := os.Mkdir(made, 0o755); err != nil {
					return err
				}
				return os.Mkdir(made+"/sub", 0o755)
			},
			ours: func() error {
				fd, err := r.place("/vol/new/sub", true)
				closeAll(fd)
				return err
			},
			hit: func() bool {
				for _, name := range []string{made, link} {
					if regular(name) == nil {
						os.RemoveAll(name)
					}
				}
				os.Remove(made)
				os.Remove(link)
				os.Symlink(dir+"/outside", link)
				return exists(dir + "/outside/sub")
			},
		}
	},
	// CVE-2025-31133: what a mask is made of.
	"null": func(dir string, r *Rootfs) scene {
		root := r.cfg.Root
		check(os.WriteFile(root+"/masked", nil, 0o644))
		check(os.WriteFile(dir+"/outside/secret", []byte("secret"), 0o644))
		check(unix.Mknod(root+"/dev/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
		check(os.Symlink(dir+"/outside/secret", root+"/dev/link"))
		check(os.MkdirAll(root+dir+"/outside", 0o755)) // the same path inside
		check(os.WriteFile(root+dir+"/outside/secret", []byte("secret"), 0o644))
		r.cfg.MaskedPaths = []string{"/masked"}
		return scene{
			swap: [2]string{root + "/dev/null", root + "/dev/link"},
			naive: func() error {
				if err := regular(root + "/dev/null"); err != nil {
					return err
				}
				return unix.Mount(root+"/dev/null", root+"/masked", "", unix.MS_BIND, "")
			},
			ours: r.maskPaths,
			hit: func() bool {
				content, _ := os.ReadFile(root + "/masked")
				unix.Unmount(root+"/masked", unix.MNT_DETACH)
				return len(content) > 0
			},
		}
	},
	// CVE-2025-52565: the place of the console.
	"console": func(dir string, r *Rootfs) scene {
		console := r.cfg.Root + "/dev/console"
		check(os.WriteFile(console, nil, 0o644))
		check(os.WriteFile(dir+"/outside/file", nil, 0o644))
		check(os.Symlink(dir+"/outside/file", r.cfg.Root+"/dev/link"))
		slave, err := unix.Open("/dev/zero", unix.O_RDWR|unix.O_CLOEXEC, 0)
		check(err)
		return scene{
			swap: [2]string{console, r.cfg.Root + "/dev/link"},
			naive: func() error {
				if err := regular(console); err != nil {
					return err
				}
				return unix.Mount("/dev/zero", console, "", unix.MS_BIND, "")
			},
			ours: func() error { return r.bindConsole(slave) },
			hit: func() bool {
				var st unix.Stat_t
				check(unix.Stat(dir+"/outside/file", &st))
				return st.Mode&unix.S_IFMT == unix.S_IFCHR
			},
		}
	},
	// CVE-2019-19921, CVE-2023-27561: /proc becomes a link.
	"proc": func(dir string, r *Rootfs) scene {
		root := r.cfg.Root
		check(os.Mkdir(root+"/fake", 0o755))
		check(os.Symlink("/fake", root+"/link"))
		return scene{
			swap: [2]string{root + "/proc", root + "/link"},
			naive: func() error {
				if err := regular(root + "/proc"); err != nil {
					return err
				}
				place, err := securejoin(root, "proc") // follows a link inside, as one is used to
				if err != nil {
					return err
				}
				return unix.Mount("proc", place, "proc", 0, "")
			},
			ours: func() error {
				m := mount{Mount: &specs.Mount{Source: "proc", Type: "proc"}, dest: "/proc", host: -1}
				return m.do(r)
			},
			hit: func() bool {
				unix.Unmount(root+"/proc", unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
				return exists(root + "/fake/uptime")
			},
		}
	},
	// CVE-2026-41579, CVE-2026-47766: /dev becomes a link.
	"dev": func(dir string, r *Rootfs) scene {
		dev := r.cfg.Root + "/dev"
		check(os.Symlink(dir+"/outside", r.cfg.Root+"/link"))
		return scene{
			swap: [2]string{dev, r.cfg.Root + "/link"},
			naive: func() error {
				if err := regular(dev); err != nil {
					return err
				}
				return unix.Mknod(dev+"/zero", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5)))
			},
			ours: r.makeDevices,
			hit:  func() bool { return exists(dir + "/outside/zero") },
		}
	},
	// The same, for the links: where there is a ptmx, it is removed first.
	"links": func(dir string, r *Rootfs) scene {
		dev := r.cfg.Root + "/dev"
		check(os.Symlink(dir+"/outside", r.cfg.Root+"/link"))
		check(os.WriteFile(dir+"/outside/ptmx", nil, 0o644))
		return scene{
			swap: [2]string{dev, r.cfg.Root + "/link"},
			naive: func() error {
				if err := regular(dev); err != nil {
					return err
				}
				os.Remove(dev + "/ptmx")
				return os.Symlink("pts/ptmx", dev+"/ptmx")
			},
			ours: r.makeLinks,
			hit:  func() bool { return regular(dir+"/outside/ptmx") != nil || exists(dir+"/outside/fd") },
		}
	},
	// The same kind: a device gets its owner, and the name is another file's by then.
	"owner": func(dir string, r *Rootfs) scene {
		device := r.cfg.Root + "/dev/zero"
		check(unix.Mknod(device, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))))
		check(os.WriteFile(dir+"/outside/file", nil, 0o600))
		check(os.Symlink(dir+"/outside/file", r.cfg.Root+"/dev/link"))
		id := uint32(1234)
		r.cfg.Devices = []specs.LinuxDevice{{Path: "/dev/zero", Type: "c", Major: 1, Minor: 5, UID: &id}}
		return scene{
			swap: [2]string{device, r.cfg.Root + "/dev/link"},
			naive: func() error {
				if err := regular(device); err != nil {
					return err
				}
				return os.Chown(device, 1234, -1)
			},
			ours: r.makeDevices,
			hit: func() bool {
				var st unix.Stat_t
				check(unix.Stat(dir+"/outside/file", &st))
				return st.Uid == 1234
			},
		}
	},
	// CVE-2018-15664 and its like: a directory is copied, and becomes a link on the way.
	"copy": func(dir string, r *Rootfs) scene {
		return copying(dir, r, "/vol/a", dir+"/outside")
	},
	"copy a file": func(dir string, r *Rootfs) scene {
		return copying(dir, r, "/vol/a/file", dir+"/outside/file")
	},
}

// copying is the attack on a copy of /vol. The directory or file a of it, which holds "fine", is exchanged with a link to secret.
func copying(dir string, r *Rootfs, a, secret string) scene {
	vol, link := r.cfg.Root+"/vol", r.cfg.Root+filepath.Dir(a)+"/link"
	check(os.WriteFile(vol+"/a/file", []byte("fine"), 0o644))
	check(os.WriteFile(dir+"/outside/file", []byte("secret"), 0o644))
	check(os.Symlink(secret, link))
	to, n := "", 0
	fresh := func() {
		n++
		to = fmt.Sprintf("%s/copy%d", dir, n)
		check(os.Mkdir(to, 0o755))
	}
	return scene{
		swap: [2]string{r.cfg.Root + a, link},
		naive: func() error {
			fresh()
			if err := regular(r.cfg.Root + a); err != nil {
				return err
			}
			content, err := os.ReadFile(vol + "/a/file")
			check(os.Mkdir(to+"/a", 0o755))
			check(os.WriteFile(to+"/a/file", content, 0o644))
			return err
		},
		ours: func() error {
			fresh()
			fd, err := unix.Open(to, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			check(err)
			from, err := r.open("/vol", unix.O_DIRECTORY)
			check(err)
			defer closeAll(fd, from)
			return copyUp(from, fd)
		},
		hit: func() bool {
			for _, name := range []string{"/a/file", "/a/link", "/link/file"} {
				// Within to: the copy of a link is a link.
				if regular(to+filepath.Dir(name)) == nil && regular(to+name) == nil {
					if content, _ := os.ReadFile(to + name); string(content) == "secret" {
						return true
					}
				}
			}
			return false
		},
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// securejoin follows links below root by name.
func securejoin(root, name string) (string, error) {
	target, err := os.Readlink(filepath.Join(root, name))
	if err != nil {
		return filepath.Join(root, name), nil
	}
	return filepath.Join(root, target), nil
}
