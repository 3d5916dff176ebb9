// Package volume knows volumes: directories with a name that outlive containers.
//
// A volume is volumes/NAME with a directory _data, which containers see, and volume.json. It is made in tmp/ and renamed, so
// that of two who make the same one succeeds and the other finds it whole.
package volume

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"

	"golang.org/x/sys/unix"
)

// A Volume is what `volume inspect` prints.
type Volume struct {
	CreatedAt  time.Time
	Driver     string
	Labels     map[string]string
	Mountpoint string
	Name       string
	Options    map[string]string
	Scope      string
	Anonymous  bool `json:",omitempty"` // made for one container, without being asked for by name
}

// ErrNotFound is wrapped by the error for a volume that is not there. Its words are Docker's.
var ErrNotFound = errors.New("No such volume")

func dir(root, name string) string { return filepath.Join(root, "volumes", name) }

// Get returns the volume with this name. root is the store's.
func Get(root, name string) (*Volume, error) {
	data, err := os.ReadFile(dir(root, name) + "/volume.json")
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
	} else if err != nil {
		return nil, err
	}
	v := &Volume{}
	if err := json.Unmarshal(data, v); err != nil {
		return nil, fmt.Errorf("volume %s: %w", name, err)
	}
	v.Mountpoint = dir(root, name) + "/_data"
	return v, nil
}

// Create makes a volume, or returns the one that has the name already. The name must have been checked.
func Create(root, name string, labels map[string]string, anonymous bool) (*Volume, error) {
	if v, err := Get(root, name); err == nil || !errors.Is(err, ErrNotFound) {
		return v, err
	}
	v := &Volume{CreatedAt: time.Now().UTC(), Driver: "local", Labels: labels, Name: name, Scope: "local", Anonymous: anonymous}
	temp, err := os.MkdirTemp(filepath.Join(root, "tmp"), "volume-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	data, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(temp+"/volume.json", data, 0o600)
	}
	if err == nil {
		err = os.Mkdir(temp+"/_data", 0o755)
	}
	if err == nil {
		err = os.Rename(temp, dir(root, name))
	}
	if err != nil && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("making the volume %s: %w", name, err)
	}
	return Get(root, name)
}

// List returns all volumes, by name.
func List(root string) ([]*Volume, error) {
	entries, err := os.ReadDir(filepath.Join(root, "volumes"))
	if err != nil {
		return nil, err
	}
	var all []*Volume
	for _, e := range entries {
		if v, err := Get(root, e.Name()); err == nil {
			all = append(all, v)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all, nil
}

// Remove removes a volume and all that is in it. Whether it is in use the caller has to know.
func Remove(root, name string) error {
	if _, err := Get(root, name); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Join(root, "tmp"), "volume-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	return os.Rename(dir(root, name), temp+"/gone") // nobody sees half of it
}
