package exercise

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Progress is what a student has done: work/progress.json, by the number of the task. It is theirs to look at, and to
// delete.
type Progress struct {
	file  string
	Tasks map[string]*Done `json:"tasks"`
}

// Done is the state of one task.
type Done struct {
	Passed bool `json:"passed"`          // at the last check
	Failed int  `json:"failed"`          // how many checks of an attempt have failed
	Hints  int  `json:"hints,omitempty"` // how many hints were taken
	Shown  bool `json:"shown,omitempty"` // whether the solution was shown
}

// ReadProgress reads the progress in a folder of work; none at all is the beginning.
func ReadProgress(work string) (*Progress, error) {
	p := &Progress{file: filepath.Join(work, "progress.json"), Tasks: map[string]*Done{}}
	data, err := os.ReadFile(p.file)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(data, p)
	}
	if err != nil {
		return nil, fmt.Errorf("%s can't be read (remove it to begin anew): %w", p.file, err)
	}
	return p, nil
}

// Of returns the state of a task, to be read or changed.
func (p *Progress) Of(number string) *Done {
	if p.Tasks[number] == nil {
		p.Tasks[number] = &Done{}
	}
	return p.Tasks[number]
}

// Save writes the progress back. What root writes belongs to the owner of the folder nevertheless.
func (p *Progress) Save() error {
	dir := filepath.Dir(p.file)
	if _, err := os.Stat(dir); err != nil {
		return nil // no work, no progress
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.file+".new", append(data, '\n'), 0o644); err != nil {
		return err
	}
	if info, err := os.Stat(dir); err == nil && os.Geteuid() == 0 {
		owner := info.Sys().(*syscall.Stat_t)
		os.Chown(p.file+".new", int(owner.Uid), int(owner.Gid))
	}
	return os.Rename(p.file+".new", p.file)
}
