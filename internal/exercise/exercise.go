package exercise

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Exercise is a program that a student writes: a lab, or an extra exercise of one.
type Exercise struct {
	Lab   string // "03"
	Name  string // of an extra exercise, "reap"; "" for the lab itself
	Level string // of an extra exercise: easy, medium or hard
	Title string // "run and init", from the guide or the package comment
	Dir   string // the folder of the reference solution
	Tasks []Task // in order
}

// Task is one function to write.
type Task struct {
	Number string // "3.2", "reap.1"
	Func   string // "mountProc", "cpuset.v1" for a method
	Title  string // the first sentence of the doc comment, without the number
	Doc    string // the whole doc comment as text, without the directive
	File   string // "main.go"
}

// ID is the name of the exercise's folder in work/, and of its program: "lab03", "lab03-reap".
func (e *Exercise) ID() string {
	if e.Name == "" {
		return "lab" + e.Lab
	}
	return "lab" + e.Lab + "-" + e.Name
}

// Make is how an exercise is named on make's command line: "LAB=03", "LAB=03 EX=reap".
func (e *Exercise) Make() string {
	if e.Name == "" {
		return "LAB=" + e.Lab
	}
	return "LAB=" + e.Lab + " EX=" + e.Name
}

// Task returns a task by its number, "3.2", or by the last part of it, "2".
func (e *Exercise) Task(number string) (Task, error) {
	var numbers []string
	for _, t := range e.Tasks {
		if t.Number == number || t.Number[strings.IndexByte(t.Number, '.')+1:] == number {
			return t, nil
		}
		numbers = append(numbers, t.Number)
	}
	return Task{}, fmt.Errorf("%s has no task %q: its tasks are %s", e.ID(), number, strings.Join(numbers, ", "))
}

// NeedsImage says whether the exercise's program wants lab06's image busybox.
func (e *Exercise) NeedsImage() bool { return e.Lab == "06" && e.Name == "" }

// own says whether a task's number belongs to the exercise, and not to an earlier lab.
func (e *Exercise) own(number string) bool {
	prefix := strings.TrimPrefix(e.Lab, "0")
	if e.Name != "" {
		prefix = e.Name
	}
	return strings.HasPrefix(number, prefix+".")
}

var labForm = regexp.MustCompile(`^(?:lab)?0?([1-9])$`)

// Find finds a lab ("03", "3", "lab03"), or an extra exercise of one by its name, in the repository at root.
func Find(root, lab, name string) (*Exercise, error) {
	m := labForm.FindStringSubmatch(lab)
	if m == nil {
		return nil, fmt.Errorf("which lab? LAB=03, for example, not %q", lab)
	}
	number := "0" + m[1]
	found, _ := filepath.Glob(filepath.Join(root, "lab"+number+"-*"))
	if len(found) != 1 {
		return nil, fmt.Errorf("there is no lab %s in %s", number, root)
	}
	e := &Exercise{Lab: number, Name: name, Dir: found[0]}
	if name != "" {
		e.Dir = filepath.Join(e.Dir, "exercises", name)
		if info, err := os.Stat(e.Dir); err != nil || !info.IsDir() || strings.ContainsAny(name, "/.") {
			return nil, fmt.Errorf("lab %s has no exercise %q: it has %s", number, name, strings.Join(extras(found[0]), ", "))
		}
	}
	return e, e.load()
}

// All returns the labs, each followed by its extra exercises.
func All(root string) ([]*Exercise, error) {
	var all []*Exercise
	labs, _ := filepath.Glob(filepath.Join(root, "lab[0-9][0-9]-*"))
	for _, dir := range labs {
		for _, name := range append([]string{""}, extras(dir)...) {
			e, err := Find(root, filepath.Base(dir)[3:5], name)
			if err != nil {
				return nil, err
			}
			all = append(all, e)
		}
	}
	return all, nil
}

// extras lists the names of a lab's extra exercises.
func extras(labDir string) (names []string) {
	found, _ := filepath.Glob(filepath.Join(labDir, "exercises", "*", "main.go"))
	for _, file := range found {
		names = append(names, filepath.Base(filepath.Dir(file)))
	}
	return names
}

var titleEnd = regexp.MustCompile("[.:] ")

var levelForm = regexp.MustCompile(`(?m)^Level: (easy|medium|hard)\.`)

// load reads the tasks, and the title.
func (e *Exercise) load() error {
	files, err := Sources(e.Dir)
	if err != nil {
		return err
	}
	for name, text := range files {
		f, err := parse(name, text)
		if err != nil {
			return err
		}
		for _, task := range f.tasks() {
			if e.own(task.number) {
				e.Tasks = append(e.Tasks, newTask(name, task))
			}
		}
		if doc := f.syntax.Doc.Text(); doc != "" && e.Name != "" {
			if m := levelForm.FindStringSubmatch(doc); m != nil {
				e.Level = m[1]
			}
			e.Title = titleEnd.Split(strings.ReplaceAll(doc, "\n", " "), 2)[0]
		}
	}
	if e.Name == "" {
		guide, _ := os.ReadFile(filepath.Join(e.Dir, "README.md"))
		heading, _, _ := strings.Cut(string(guide), "\n")
		e.Title = strings.TrimPrefix(heading, "# Lab "+e.Lab+": ")
	}
	if len(e.Tasks) == 0 {
		return fmt.Errorf("%s has no function with the directive //lab:task", e.Dir)
	}
	slices.SortFunc(e.Tasks, func(a, b Task) int { return strings.Compare(a.Number, b.Number) })
	return nil
}

func newTask(file string, t taskFunc) Task {
	doc := strings.TrimSpace(t.decl.Doc.Text())
	_, text, _ := strings.Cut(doc, ": ")
	title, _, _ := strings.Cut(strings.ReplaceAll(text, "\n", " "), ". ")
	return Task{Number: t.number, Func: funcName(t.decl), Title: strings.TrimSuffix(title, "."), Doc: doc, File: file}
}

// funcName is "find", or "cpuset.v1" for a method.
func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if ident, ok := typ.(*ast.Ident); ok {
		return ident.Name + "." + d.Name.Name
	}
	return d.Name.Name
}
