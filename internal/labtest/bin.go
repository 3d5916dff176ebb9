package labtest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Bin returns the path of a lab's binary: $LAB_BIN/lab03 if LAB_BIN is set, otherwise the folder lab03-* of this
// module, built once for all tests of the package. A relative LAB_BIN starts at the module's root. A name with a slash
// is a path and stays as it is.
func Bin(t testing.TB, name string) string {
	t.Helper()
	if strings.Contains(name, "/") {
		return name
	}
	if dir := os.Getenv("LAB_BIN"); dir != "" {
		if !filepath.IsAbs(dir) {
			root, err := moduleRoot()
			if err != nil {
				t.Fatalf("labtest: LAB_BIN=%s is relative to the module's root, but: %v", dir, err)
			}
			dir = filepath.Join(root, dir)
		}
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("labtest: LAB_BIN is set, but: %v", err)
		}
		return path
	}
	path, err := build(name)
	if err != nil {
		t.Fatalf("labtest: %v", err)
	}
	return path
}

var (
	built   = map[string]string{}
	buildMu sync.Mutex
)

// build compiles a command into the scratch folder, as `make build` does: without cgo, so that the binary is static.
func build(name string) (string, error) {
	buildMu.Lock()
	defer buildMu.Unlock()
	if path, ok := built[name]; ok {
		return path, nil
	}
	if len(scratch) == 0 {
		return "", errNoMain
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	folder, err := sourceOf(root, name)
	if err != nil {
		return "", err
	}
	path := filepath.Join(scratch[0], name)
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, ".")
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build in %s: %w (ready binaries? name their folder in LAB_BIN)\n%s", folder, err, out)
	}
	built[name] = path
	return path, nil
}

// moduleRoot is the nearest folder upwards with a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == "/" {
			return "", fmt.Errorf("no go.mod in this folder or above")
		}
	}
}

// sourceOf finds the folder of a command: lab03-* for a lab, else where the design puts the other commands.
func sourceOf(root, name string) (string, error) {
	folders, _ := filepath.Glob(filepath.Join(root, name+"-*"))
	inLabs, _ := filepath.Glob(filepath.Join(root, "lab*", name))
	folders = append(folders, inLabs...)
	folders = append(folders, filepath.Join(root, "final/cmd", name), filepath.Join(root, "internal", name))
	if name == "jocker" {
		folders = append(folders, filepath.Join(root, "final"))
	}
	for _, folder := range folders {
		sources, _ := filepath.Glob(filepath.Join(folder, "*.go"))
		for _, s := range sources {
			os.Stat(s) // go's test cache notes which files a test looks at, but not those that the compiler reads for it
		}
		if len(sources) > 0 {
			return folder, nil
		}
	}
	return "", fmt.Errorf("no source for %q in %s: is it a lab?", name, root)
}

// resolve finds what to execute: the names lab… and jocker… are this project's, other programs are in the PATH.
// A program that runs as another user is copied, since a checkout in /root is closed to that user.
func resolve(t testing.TB, name string, user int) string {
	t.Helper()
	path := name
	if strings.HasPrefix(name, "lab") || strings.HasPrefix(name, "jocker") {
		path = Bin(t, name)
	} else if !strings.Contains(name, "/") {
		found, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("labtest: %v", err)
		}
		return found
	}
	if user == 0 || len(scratch) == 0 {
		return path
	}
	buildMu.Lock()
	defer buildMu.Unlock()
	public := filepath.Join(scratch[0], "public-"+filepath.Base(path))
	if _, err := os.Stat(public); err == nil {
		return public
	}
	if err := copyProgram(public, path); err != nil {
		t.Fatalf("labtest: a copy for uid %d: %v", user, err)
	}
	return public
}

func copyProgram(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
