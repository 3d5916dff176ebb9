package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var moduleLine = regexp.MustCompile(`(?m)^module jocker\s*$`)

// findRoot looks for the repository from a folder upward: the folder whose go.mod says "module jocker".
func findRoot(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		text, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && moduleLine.Match(text) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not within the repository (no go.mod above it says \"module jocker\"): change into your clone", dir)
		}
	}
}

// guideFiles are the names of a guide by language.
var guideFiles = map[string]string{"en": "README.md", "zh-CN": "README.zh-CN.md"}

var (
	labNumber = regexp.MustCompile(`^(?:lab)?0?([1-9])$`)
	labFolder = regexp.MustCompile(`^(lab[0-9]{2})-`)
)

// findGuide returns the guide that an argument names: a lab's number, a folder, or a file.
func findGuide(root, arg, lang string) (string, error) {
	name, ok := guideFiles[lang]
	if !ok {
		return "", usageError{fmt.Errorf("no guide speaks %q: there are en and zh-CN", lang)}
	}
	dir := arg
	if m := labNumber.FindStringSubmatch(arg); m != nil {
		found, _ := filepath.Glob(filepath.Join(root, "lab0"+m[1]+"-*"))
		if len(found) != 1 {
			return "", usageError{fmt.Errorf("there are %d folders lab0%s-* in %s: the labs are %s", len(found), m[1], root, labs(root))}
		}
		dir = found[0]
	}
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return "", usageError{fmt.Errorf("%q is no lab, folder or file: the labs are %s", arg, labs(root))}
	} else if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return dir, nil
	}
	file := filepath.Join(dir, name)
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("there is no guide to play: %w", err)
	}
	return file, nil
}

// labs lists the labs' numbers.
func labs(root string) string {
	found, _ := filepath.Glob(filepath.Join(root, "lab[0-9][0-9]-*"))
	var numbers []string
	for _, dir := range found {
		numbers = append(numbers, filepath.Base(dir)[3:5])
	}
	if len(numbers) == 0 {
		return "not there"
	}
	return strings.Join(numbers, ", ")
}

// needProgram makes sure that the program of a guide's folder has been built.
func needProgram(file, bin string) error {
	full, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	m := labFolder.FindStringSubmatch(filepath.Base(filepath.Dir(full)))
	if m == nil {
		return nil
	}
	program := filepath.Join(bin, m[1])
	info, err := os.Stat(program)
	if err == nil && (info.IsDir() || info.Mode()&0o111 == 0) {
		err = fmt.Errorf("%s is no program", program)
	}
	if err != nil {
		return fmt.Errorf("the lab isn't built: %w: run make build, or name another folder with -bin", err)
	}
	return nil
}
