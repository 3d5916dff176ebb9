package labtest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// look takes a picture of the host. It never fails: what it can't read becomes part of the picture, for a broken
// /proc is the very thing to report. It asks for this thread, which matters in the tests of this package only.
func look() host {
	table := mounts()
	hostname, domainname := names()
	return host{
		Mounts:      table,
		Hostname:    hostname,
		Domainname:  domainname,
		Cgroups:     topCgroups(table),
		Hierarchies: hierarchies(),
		Subtree:     subtreeControl(table),
		Links:       links(),
		Nftables:    nftables(),
		Processes:   startedByTests(),
		Files:       files(),
		Modes:       modes(),
		Folders:     folders(),
		Proc:        procAt("/proc"),
	}
}

// names asks uname(2), the only call that knows both.
func names() (hostname, domainname string) {
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		return err.Error(), err.Error()
	}
	return charsToString(u.Nodename[:]), charsToString(u.Domainname[:])
}

// charsToString reads a C string; C's char is signed on amd64 and unsigned on arm64.
func charsToString[C int8 | uint8](chars []C) string {
	var b []byte
	for _, c := range chars {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b)
}

// topCgroups lists the folders directly below the root of each hierarchy. Deeper ones belong to systemd, to
// container engines, to whoever else is busy on the machine.
func topCgroups(table []mount) map[string][]string {
	top := map[string][]string{}
	for _, m := range table {
		if m.Type == "cgroup" || m.Type == "cgroup2" {
			top[m.Point] = list(m.Point, fs.DirEntry.IsDir)
		}
	}
	return top
}

// strangersIn says whether a cgroup, or one below it, holds a process that the tests have not started.
func strangersIn(cgroup string) (found bool) {
	family := descendants(supervisor)
	filepath.WalkDir(cgroup, func(dir string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return nil // it is being removed as we look
		}
		for _, line := range strings.Fields(ReadCgroup(dir, "cgroup.procs")) {
			pid, _ := strconv.Atoi(line)
			if _, ours := family[pid]; !ours {
				found = true
				return fs.SkipAll
			}
		}
		return nil
	})
	return found
}

// hierarchies reads lines like 9:name=systemd:/user.slice and drops the number, which isn't stable. A hierarchy that
// a lab mounted and forgot stays in this list even if its mount has gone with a namespace.
func hierarchies() []string {
	raw, err := os.ReadFile("/proc/thread-self/cgroup")
	if err != nil {
		return []string{err.Error()}
	}
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		_, rest, _ := strings.Cut(line, ":")
		lines = append(lines, rest)
	}
	slices.Sort(lines)
	return lines
}

func subtreeControl(table []mount) map[string][]string {
	enabled := map[string][]string{}
	for _, m := range table {
		if m.Type == "cgroup2" {
			enabled[m.Point] = strings.Fields(ReadCgroup(m.Point, "cgroup.subtree_control"))
		}
	}
	return enabled
}

// links asks over netlink, that is in this thread's network namespace; /sys/class/net shows that of the sysfs mount.
func links() []string {
	interfaces, err := net.Interfaces()
	if err != nil {
		return []string{err.Error()}
	}
	var names []string
	for _, i := range interfaces {
		names = append(names, i.Name)
	}
	slices.Sort(names)
	return names
}

// nft is looked for once: the PATH is long, and a picture is taken often.
var nft = sync.OnceValue(func() string { path, _ := exec.LookPath("nft"); return path })

func nftables() []string {
	if nft() == "" {
		return nil
	}
	out, err := exec.Command(nft(), "list", "tables").CombinedOutput()
	if err != nil {
		return []string{fmt.Sprintf("nft list tables: %v: %s", err, out)}
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}

// startedByTests lists what runs below the supervisor, except the tests themselves and what the supervisor is just
// about to reap.
func startedByTests() map[started]string {
	found := map[started]string{}
	for pid, p := range descendants(supervisor) {
		if pid != os.Getpid() && !(p.State == "Z" && p.Parent == supervisor) {
			found[started{pid, p.Start}] = describe(pid, p)
		}
	}
	return found
}

// sentinel is the content of the files that must survive, one in each scratch folder.
const sentinel = "If this file changes, a test has written to its host.\n"

func writeSentinels() error {
	for _, dir := range scratch {
		if err := os.WriteFile(filepath.Join(dir, "sentinel"), []byte(sentinel), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func files() map[string]string {
	sums := map[string]string{}
	paths := []string{"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}
	for _, dir := range scratch {
		paths = append(paths, filepath.Join(dir, "sentinel"))
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		switch {
		case err != nil:
			sums[path] = err.Error()
		case bytes.Equal(content, []byte(sentinel)):
			sums[path] = sentinel
		default:
			sums[path] = fmt.Sprintf("sha256 %x", sha256.Sum256(content))
		}
	}
	if s, err := os.Stat("/dev/null"); err == nil { // a runtime may take its standard input for the container's, and chown it
		sums["/dev/null"] = fmt.Sprint(s.Mode(), " of uid ", s.Sys().(*syscall.Stat_t).Uid)
	}
	return sums
}

// modes is what a chmod or chown that reaches through to the host would change.
func modes() map[string]string {
	all := map[string]string{}
	for _, path := range []string{"/", "/dev/null", "/etc", "/proc", "/sys", "/tmp", "/var/lib"} {
		info, err := os.Lstat(path)
		if err != nil {
			all[path] = err.Error()
			continue
		}
		stat := info.Sys().(*syscall.Stat_t)
		all[path] = fmt.Sprintf("%v of %d:%d", info.Mode(), stat.Uid, stat.Gid)
	}
	return all
}

func folders() map[string][]string {
	ofLabs := func(e fs.DirEntry) bool { // but not those of a `make vm`, which has nothing to do with us
		n := e.Name()
		return strings.HasPrefix(n, "lab") || strings.HasPrefix(n, "jocker") && !strings.HasPrefix(n, "jocker-vm")
	}
	all := func(fs.DirEntry) bool { return true }
	return map[string][]string{
		"/":                               list("/", all),
		"/tmp":                            list("/tmp", ofLabs),
		"/var/lib/jocker-labs/containers": list("/var/lib/jocker-labs/containers", all),
	}
}

// list returns the names in a folder; a folder that doesn't exist is an empty one.
func list(dir string, want func(fs.DirEntry) bool) []string {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return []string{err.Error()}
	}
	var names []string
	for _, e := range entries {
		if want(e) {
			names = append(names, e.Name())
		}
	}
	return names
}

// procAt says whether a folder is a procfs in which this process is who it thinks it is. A container's procfs that
// leaked onto the host's would show another world, and no way back.
func procAt(dir string) string {
	const procSuperMagic = 0x9fa0
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return err.Error()
	}
	if s.Type != procSuperMagic {
		return fmt.Sprintf("not a procfs: file system type %#x", s.Type)
	}
	self, err := os.Readlink(filepath.Join(dir, "self"))
	if err != nil {
		return err.Error()
	}
	if self != strconv.Itoa(os.Getpid()) {
		return "a procfs in which we are pid " + self
	}
	return "the procfs of this pid namespace"
}
