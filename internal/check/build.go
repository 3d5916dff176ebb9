package check

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"jocker/internal/exercise"
)

//go:embed probe
var probes embed.FS

// probe returns the file that is built into an exercise's program, "" if it has none.
func probe(id string) string {
	own, err := probes.ReadFile("probe/" + id + ".go.txt")
	if err != nil {
		return ""
	}
	common, _ := probes.ReadFile("probe/common.go.txt")
	return strings.Replace(string(own), "//COMMON\n", string(common), 1)
}

var (
	killForm = regexp.MustCompile(`\bsyscall\.Kill\(`)
	addForm  = regexp.MustCompile(`(?m)^func \(\w+ \*cgroup\) add\(.*\{$`)
	mapped   = regexp.MustCompile(`(?m)^\./(\w+\.go:\d+)`)
)

// build builds a student's files, together with the probe, in a folder of its own. A program that doesn't compile gives
// a finding. dir is named in messages only.
func build(ctx context.Context, e *exercise.Exercise, dir string, files map[string]string, out string) (*Finding, error) {
	if f := shape(e, dir, files); f != nil {
		return f, nil
	}
	src, err := os.MkdirTemp("", "jocker-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(src)
	all := map[string]string{"go.mod": "module " + e.ID() + "\n\ngo 1.22.0\n"}
	for name, text := range files {
		text = addForm.ReplaceAllString(text, "$0 probeDelay();")
		all[name] = killForm.ReplaceAllString(text, "probeKill(syscall.Kill, ")
	}
	if p := probe(e.ID()); p != "" {
		all["zz_probe.go"] = p
	} else {
		all["zz_probe.go"] = "package main\nfunc probeDelay() {}\nfunc probeKill[S any](kill func(int, S) error, pid int, signal S) error { return kill(pid, signal) }\n"
	}
	if err := writeAll(src, all); err != nil {
		return nil, err
	}
	gocmd := os.Getenv("LAB_GO")
	if gocmd == "" {
		gocmd = "go"
	}
	var output bytes.Buffer
	compile := func() error {
		cmd := exec.CommandContext(ctx, gocmd, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", "program", ".")
		cmd.Dir = src
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off")
		if err := asOwner(cmd, src); err != nil {
			return err
		}
		output.Reset()
		cmd.Stdout, cmd.Stderr = &output, &output
		return cmd.Run()
	}
	err = compile()
	if err != nil { // the compiler's words are to be about what the student wrote, not about what became of it
		if writeErr := writeAll(src, files); writeErr != nil {
			return nil, writeErr
		}
		err = compile()
	}
	if err != nil {
		if _, ok := err.(*exec.ExitError); !ok || ctx.Err() != nil {
			return nil, fmt.Errorf("go build: %w (Go is needed to check: make setup)", err)
		}
		text := mapped.ReplaceAllString(strings.TrimSpace(output.String()), dir+"/$1")
		_, errors, _ := strings.Cut(text, "\n")
		f := finding("does-not-compile", errors, "a program that compiles",
			"Nothing has run yet: this is between you and the compiler. \"undefined: os\" and the like: the import has to come back", "https://go.dev/ref/spec")
		if strings.Contains(text, "zz_probe.go") {
			f.Meaning = "The check is built together with your program and calls its functions and types by name; one of these has changed"
		}
		return f, nil
	}
	return nil, os.Rename(filepath.Join(src, "program"), out)
}

func writeAll(dir string, files map[string]string) error {
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// shape compares a program's functions with those of the reference: a check calls them, so they must be there, as they
// were.
func shape(e *exercise.Exercise, dir string, files map[string]string) *Finding {
	reference, err := exercise.Sources(e.Dir)
	if err != nil {
		return nil
	}
	want, _ := exercise.Functions(reference)
	have, err := exercise.Functions(files)
	if err != nil {
		return finding("does-not-compile", dir+"/"+err.Error(), "a program that compiles", "Nothing has run yet: this is between you and the compiler", "https://go.dev/ref/spec")
	}
	for _, t := range e.Tasks {
		f, ok := have[t.Func]
		if !ok {
			return finding("function-missing", fmt.Sprintf("there is no function %s in %s", t.Func, dir), want[t.Func].Signature,
				"The rest of the program, and this check, call the function by its name", "the task's comment in the starter")
		}
		if names := regexp.MustCompile(`^func (\(\w+ )?`); names.ReplaceAllString(f.Signature, "") != names.ReplaceAllString(want[t.Func].Signature, "") {
			return finding("signature-changed", fmt.Sprintf("%s/%s:%d: %s", dir, f.File, f.Line, f.Signature), want[t.Func].Signature,
				"The rest of the program, and this check, call the function with these parameters", "the task's comment in the starter")
		}
	}
	return nil
}

// asOwner lets a command run as the person who called sudo: root builds nothing that a student wrote.
func asOwner(cmd *exec.Cmd, dir string) error {
	uid, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	if err != nil || uid == 0 || os.Geteuid() != 0 {
		return nil
	}
	who, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return err
	}
	gid, _ := strconv.Atoi(who.Gid)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	cmd.Env = append(cmd.Env, "HOME="+who.HomeDir)
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, uid, gid)
	})
}
