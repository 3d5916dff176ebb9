package exercise

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Sources reads the Go files of a program, without its tests: name -> content.
func Sources(dir string) (map[string]string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, path := range found {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files[filepath.Base(path)] = string(text)
	}
	return files, nil
}

// source is a Go file, parsed.
type source struct {
	text   string
	fset   *token.FileSet
	syntax *ast.File
}

func parse(name, text string) (*source, error) {
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return &source{text, fset, syntax}, err
}

// offset is where a position lies in the text.
func (s *source) offset(p token.Pos) int { return s.fset.Position(p).Offset }

// between is the text from one position to another.
func (s *source) between(from, to token.Pos) string { return s.text[s.offset(from):s.offset(to)] }

// taskFunc is a function with the directive.
type taskFunc struct {
	number string
	decl   *ast.FuncDecl
}

var directive = regexp.MustCompile(`^//lab:task ([0-9a-z]+\.[0-9]+)$`)

// tasks lists a file's tasks, as they come.
func (s *source) tasks() (list []taskFunc) {
	for _, decl := range s.syntax.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Doc == nil || f.Body == nil {
			continue
		}
		for _, line := range f.Doc.List {
			if m := directive.FindStringSubmatch(line.Text); m != nil {
				list = append(list, taskFunc{m[1], f})
			}
		}
	}
	return list
}

// Function is what Functions knows of a function.
type Function struct {
	File, Signature string
	Line            int
	Open            bool   // its body is still the starter's
	Body            string // with its braces
	text            string
}

// Functions lists the functions of a program by name ("mountProc", "cpuset.v1"). A file that can't be parsed is left
// out, and its error returned.
func Functions(files map[string]string) (functions map[string]Function, err error) {
	functions = map[string]Function{}
	for name, text := range files {
		s, parseErr := parse(name, text)
		if parseErr != nil {
			err = parseErr
			continue
		}
		for _, decl := range s.syntax.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
				functions[funcName(f)] = Function{
					File: name, Line: s.fset.Position(f.Pos()).Line, Open: isOpen(f.Body),
					Signature: strings.Join(strings.Fields(s.between(f.Pos(), f.Body.Lbrace)), " "),
					Body:      s.between(f.Body.Lbrace, f.End()), text: s.between(f.Pos(), f.End()),
				}
			}
		}
	}
	return functions, err
}

// Solution returns the text of a task's function in the reference.
func (e *Exercise) Solution(t Task) (string, error) {
	files, err := Sources(e.Dir)
	if err != nil {
		return "", err
	}
	functions, err := Functions(files)
	return functions[t.Func].text + "\n", err
}
