package container

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/engine/image"
	"jocker/final/engine/volume"
)

// CreateOptions are what `create` and `run` are told.
type CreateOptions struct {
	Name    string // "" for one that is made up
	Config  Config
	Host    HostConfig
	Mounts  []MountPoint
	Command []string // the command line
	Place   Endpoint // what was asked for of the network that Host.NetworkMode names
}

// Create makes a container of an image. It is locked until the Lock is given back. If it fails nothing is left.
func (s *Store) Create(img *image.Image, o CreateOptions) (_ *Container, _ *Lock, err error) {
	if o.Name != "" {
		if err := CheckName(o.Name); err != nil {
			return nil, nil, err
		}
	}
	if _, err := findRuntime(o.Host.Runtime); err != nil {
		return nil, nil, err
	}
	shared, err := s.Images.Share() // until the container refers to it, nobody may remove the image
	if err != nil {
		return nil, nil, err
	}
	defer shared.Unlock()
	c := &Container{ID: newID(), Created: time.Now().UTC(), Name: o.Name, Image: string(img.ID), Manifest: img.Manifest.Digest,
		Config: o.Config, HostConfig: o.Host, Command: o.Command, store: s}
	done := s.explanation.step(6, "find the image's layers, unpacked; each is unpacked once, for all containers", "")
	c.Layers, err = s.Images.Unpack(img)
	if done(); err != nil {
		return nil, nil, err
	}
	if err := c.inherit(img); err != nil {
		return nil, nil, err
	}
	if err := c.setPlace(o.Place); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			c.dropVolumes()
		}
	}()
	if err = c.addMounts(img, o.Mounts); err != nil {
		return nil, nil, err
	}
	done = s.explanation.step(0, "make the container's directory in tmp/, locked, and move it to its place; then it gets a name", "mkdir(2); flock(2); rename(2); symlink(2)")
	lock, err := c.makeDir()
	done()
	if err != nil {
		return nil, nil, err
	}
	c.lock = lock.f
	if err = c.takeName(o.Name); err == nil {
		err = c.save()
	}
	if err != nil {
		c.discard(false)
		lock.Unlock()
		return nil, nil, err
	}
	c.Tell("create", c.labels()...)
	return c, lock, nil
}

// labels returns the labels as keys and values in turn.
func (c *Container) labels() (list []string) {
	for key, value := range c.Config.Labels {
		list = append(list, key, value)
	}
	return list
}

// inherit takes from the image what was not asked for.
func (c *Container) inherit(img *image.Image) error {
	from := img.Config.Config
	cfg := &c.Config
	if cfg.Entrypoint == nil {
		cfg.Entrypoint = from.Entrypoint
		if len(cfg.Cmd) == 0 {
			cfg.Cmd = from.Cmd
		}
	}
	program := append(append([]string{}, cfg.Entrypoint...), cfg.Cmd...)
	if len(program) == 0 || program[0] == "" {
		return errors.New("No command specified: the image names none, so it must stand behind the image's name")
	}
	c.Path, c.Args = program[0], program[1:]
	cfg.Env = MergeEnv(from.Env, cfg.Env)
	if cfg.User == "" {
		cfg.User = from.User
	}
	if cfg.WorkingDir == "" {
		cfg.WorkingDir = from.WorkingDir
	}
	if cfg.StopSignal == "" {
		cfg.StopSignal = from.StopSignal
	}
	if cfg.Hostname == "" && c.HostConfig.UTSMode != "host" && c.HostConfig.NetworkMode != "host" {
		cfg.Hostname = c.Short()
	}
	cfg.inheritHealth(img)
	for port := range from.ExposedPorts {
		if cfg.ExposedPorts == nil {
			cfg.ExposedPorts = map[string]struct{}{}
		}
		cfg.ExposedPorts[port] = struct{}{}
	}
	for key, value := range from.Labels {
		if _, ok := cfg.Labels[key]; !ok {
			if cfg.Labels == nil {
				cfg.Labels = map[string]string{}
			}
			cfg.Labels[key] = value
		}
	}
	return nil
}

// MergeEnv returns what both lists of NAME=VALUE say; more has the last word.
func MergeEnv(base, more []string) []string {
	env := append([]string{}, base...)
	at := map[string]int{}
	for i, e := range env {
		name, _, _ := strings.Cut(e, "=")
		at[name] = i
	}
	for _, e := range more {
		name, _, _ := strings.Cut(e, "=")
		if i, ok := at[name]; ok {
			env[i] = e
		} else {
			at[name] = len(env)
			env = append(env, e)
		}
	}
	return env
}

// addMounts adds what was asked for, and the volumes that the image wants.
func (c *Container) addMounts(img *image.Image, mounts []MountPoint) error {
	used := map[string]bool{}
	for _, m := range mounts {
		if used[m.Destination] {
			return fmt.Errorf("Duplicate mount point: %s", m.Destination)
		}
		used[m.Destination] = true
	}
	var own []string
	for path := range img.Config.Config.Volumes {
		if path = filepath.Clean("/" + path); !used[path] {
			own = append(own, path)
		}
	}
	sort.Strings(own)
	for _, path := range own {
		mounts = append(mounts, MountPoint{Type: "volume", Destination: path, RW: true})
	}
	for _, m := range mounts {
		if m.Type == "volume" {
			m.Anonymous = m.Name == ""
			if m.Anonymous {
				m.Name = newID()
			}
			v, err := volume.Create(c.store.Root, m.Name, nil, m.Anonymous)
			if err != nil {
				return err
			}
			m.Source = v.Mountpoint
		}
		c.Mounts = append(c.Mounts, m)
	}
	return nil
}

// dropVolumes removes the volumes that go with the container.
func (c *Container) dropVolumes() {
	for _, m := range c.Mounts {
		if m.Anonymous {
			volume.Remove(c.store.Root, m.Name)
		}
	}
}

// makeDir makes the container's directory, locked from its first moment.
func (c *Container) makeDir() (*Lock, error) {
	temp, err := c.store.Images.Temp()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"/rootfs", "/diff", "/work"} {
		if err == nil {
			err = os.Mkdir(temp+name, 0o755)
		}
	}
	var lock *Lock
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(temp+"/lock", os.O_RDWR|os.O_CREATE, 0o600); err == nil {
			lock = &Lock{f}
			err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		}
	}
	if err == nil {
		err = os.Rename(temp, c.Dir())
	}
	if err != nil {
		lock.Unlock()
		os.RemoveAll(temp)
		return nil, err
	}
	return lock, nil
}

// takeName gives the container a name: the one asked for, or the first free one that comes to mind.
func (c *Container) takeName(name string) error {
	if name != "" {
		c.Name = name
		return c.store.takeName(name, c.ID)
	}
	for tries := 0; ; tries++ {
		c.Name = adjectives[rand.IntN(len(adjectives))] + "_" + people[rand.IntN(len(people))]
		if tries > 0 {
			c.Name += fmt.Sprint(rand.IntN(10 * tries))
		}
		err := c.store.takeName(c.Name, c.ID)
		if err == nil || tries == 20 {
			return err
		}
	}
}

// Names that are made up: people who built what containers are made of, and how one feels about it.
var (
	adjectives = []string{"able", "agile", "bold", "brave", "bright", "calm", "clever", "cosy", "curious", "daring", "eager", "fair", "fast",
		"gentle", "happy", "honest", "jolly", "keen", "kind", "lively", "lucky", "merry", "neat", "nimble", "open", "patient", "plain",
		"proud", "quick", "quiet", "sharp", "sober", "sturdy", "sunny", "swift", "tidy", "witty", "wise"}
	people = []string{"allman", "biederman", "corbato", "cox", "dijkstra", "drewry", "emelyanov", "goldberg", "griesemer", "hamilton", "heo",
		"hopper", "hykes", "jacobson", "kamp", "kay", "kerrisk", "knuth", "lampson", "liskov", "lovelace", "mccanne", "menage", "mcilroy",
		"ossanna", "perlman", "pike", "popek", "postel", "ritchie", "russell", "saltzer", "szeredi", "tanenbaum", "thompson", "torvalds",
		"turing", "viro", "wheeler", "wirth"}
)
