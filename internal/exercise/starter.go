package exercise

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Starter returns the files that a student begins with: the reference with the bodies of its own tasks cut out.
func (e *Exercise) Starter() (map[string]string, error) {
	return e.cut(func(string) bool { return true })
}

// Without returns the reference with the body of one task cut out.
func (e *Exercise) Without(number string) (map[string]string, error) {
	return e.cut(func(n string) bool { return n == number })
}

func (e *Exercise) cut(wanted func(number string) bool) (map[string]string, error) {
	files, err := Sources(e.Dir)
	if err != nil {
		return nil, err
	}
	for name, text := range files {
		s, err := parse(name, text)
		if err != nil {
			return nil, err
		}
		if files[name], err = s.cut(func(n string) bool { return e.own(n) && wanted(n) }); err != nil {
			return nil, fmt.Errorf("starter of %s: %w", name, err)
		}
	}
	return files, nil
}

// edit replaces a part of a text.
type edit struct {
	from, to int
	text     string
}

// cut replaces the bodies of tasks by a panic, and prunes the imports.
func (s *source) cut(wanted func(number string) bool) (string, error) {
	var edits []edit
	var removed []*ast.BlockStmt
	used := s.used(nil)
	for _, t := range s.tasks() {
		if wanted(t.number) {
			removed = append(removed, t.decl.Body)
		}
	}
	left := s.used(removed)
	pruned := func(block *ast.BlockStmt) (names []string) {
		for imported := range s.usedIn(block) {
			if used[imported] && !left[imported] {
				names = append(names, imported)
			}
		}
		slices.Sort(names)
		return names
	}
	for _, t := range s.tasks() {
		if !wanted(t.number) {
			continue
		}
		body := "{\n"
		if names := pruned(t.decl.Body); len(names) > 0 {
			body += "// You may want to import " + strings.Join(names, ", ") + " again.\n"
		}
		body += fmt.Sprintf("panic(%q)\n}", openText(t.number)+t.decl.Name.Name)
		edits = append(edits, edit{s.offset(t.decl.Body.Lbrace), s.offset(t.decl.Body.End()), body})
	}
	for _, decl := range s.syntax.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.IMPORT {
			continue
		}
		var gone []edit
		for _, spec := range d.Specs {
			if i := spec.(*ast.ImportSpec); used[importPath(i)] && !left[importPath(i)] {
				from, to := s.offset(i.Pos()), s.offset(i.End())
				if strings.HasPrefix(s.text[to:], "\n") && strings.HasSuffix(strings.TrimRight(s.text[:from], " \t"), "\n") {
					to++ // alone on its line: no empty line stays
				}
				gone = append(gone, edit{from, to, ""})
			}
		}
		if len(gone) == len(d.Specs) {
			gone = []edit{{s.offset(d.Pos()), s.offset(d.End()), ""}}
		}
		edits = append(edits, gone...)
	}
	slices.SortFunc(edits, func(a, b edit) int { return b.from - a.from }) // from the end, so that offsets stay true
	text := s.text
	for _, e := range edits {
		text = text[:e.from] + e.text + text[e.to:]
	}
	out, err := format.Source([]byte(text))
	return string(out), err
}

// openText begins what a function panics with that isn't written yet.
func openText(number string) string { return "task " + number + " is yours: " }

// isOpen says whether a body is still the starter's.
func isOpen(body *ast.BlockStmt) bool {
	if len(body.List) != 1 {
		return false
	}
	statement, ok := body.List[0].(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := statement.X.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return false
	}
	name, _ := call.Fun.(*ast.Ident)
	text, _ := call.Args[0].(*ast.BasicLit)
	return name != nil && name.Name == "panic" && text != nil && strings.Contains(text.Value, " is yours: ")
}

// used says which imports the file uses, apart from the given blocks.
func (s *source) used(without []*ast.BlockStmt) map[string]bool {
	found := map[string]bool{}
	for _, decl := range s.syntax.Decls {
		ast.Inspect(decl, func(n ast.Node) bool {
			if block, ok := n.(*ast.BlockStmt); ok && slices.Contains(without, block) {
				return false
			}
			s.note(n, found)
			return true
		})
	}
	return found
}

func (s *source) usedIn(block *ast.BlockStmt) map[string]bool {
	found := map[string]bool{}
	ast.Inspect(block, func(n ast.Node) bool { s.note(n, found); return true })
	return found
}

// note adds the import that a node such as os.Open uses. A variable of the same name would count as well, which
// leaves an import too many, and the compiler would say so: the starters are compiled by tests.
func (s *source) note(n ast.Node, found map[string]bool) {
	selector, ok := n.(*ast.SelectorExpr)
	if !ok {
		return
	}
	name, ok := selector.X.(*ast.Ident)
	if !ok {
		return
	}
	for _, i := range s.syntax.Imports {
		if i.Name != nil && i.Name.Name == name.Name || i.Name == nil && path.Base(importPath(i)) == name.Name {
			found[importPath(i)] = true
		}
	}
}

func importPath(i *ast.ImportSpec) string {
	p, _ := strconv.Unquote(i.Path.Value)
	return p
}
