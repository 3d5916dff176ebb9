package container

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/engine/inroot"
	"jocker/final/engine/network"
	"jocker/final/engine/shim"
	"jocker/final/engine/volume"
	"jocker/final/runtime/fail"
)

// A StartError says why a container could not be started. Code is Docker's exit code for it: 125, 126 or 127.
type StartError struct {
	Code int
	Text string
}

func (e *StartError) Error() string { return e.Text }

// A StartOptions is what a start can be told.
type StartOptions struct {
	Warn          func(text string) // tells the user; nil: nobody listens
	Rows, Columns uint16            // the size of the terminal; 0 if unknown
}

// Start starts a container that does not run. The caller holds its lock. It returns a connection to the shim, which has been
// attached to all output from the first byte on. A container that runs already is none: nil is returned.
func (c *Container) Start(o StartOptions) (*shim.Conn, error) {
	status, err := c.Status()
	if err != nil {
		return nil, err
	}
	if status.Active() {
		return nil, nil
	}
	runtime, err := findRuntime(c.HostConfig.Runtime)
	if err != nil {
		return nil, err
	}
	if err := c.deleteRemains(runtime); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.RunDir(), 0o700); err != nil {
		return nil, err
	}
	// The name space needs time, and so does what comes below.
	net := make(chan netResult, 1)
	go func() { net <- c.connect() }()
	ours, theirs, err := shim.Pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	err = c.inMountNamespace(func() error {
		root, err := inroot.Open(c.Dir() + "/rootfs")
		if err != nil {
			return err
		}
		defer root.Close()
		got := <-net
		net <- got
		if got.err != nil {
			return got.err
		}
		l := launch{root: root, rows: o.Rows, columns: o.Columns}
		if l.netns, err = c.mountNetwork(got); err != nil {
			return err
		}
		done := c.store.explanation.step(5, "write what the runtime is told: config.json, and the container's hosts and resolv.conf", "")
		err = c.prepare(l, got)
		if done(); err != nil {
			return err
		}
		defer c.store.explanation.step(3, "start the shim, which stays with the container", "clone(CLONE_VFORK); execve(\"jocker-shim\")")()
		options := c.shimOptions(runtime, status)
		options.Held, options.Cables = len(got.held), got.cables
		return c.startShim(options, append([]*os.File{theirs, c.lock}, got.held...))
	})
	got := <-net
	closeAll(got.held) // the shim has them
	if got.warning != "" && o.Warn != nil {
		o.Warn(got.warning)
	}
	if got.ns != nil {
		got.ns.Close() // the shim's mount holds it
	}
	if err != nil && got.address.IsValid() { // there is no shim that would do it
		for _, a := range got.addresses {
			network.Unplug(a)
		}
		Sweep(c.store.Root)
	}
	if err == nil {
		theirs.Close()
		err = c.started(ours)
	}
	if err != nil {
		ours.Close()
		c.deleteRemains(runtime)
		return nil, err
	}
	return ours, nil
}

// deleteRemains has the runtime forget a container whose shim was killed before it could do so.
func (c *Container) deleteRemains(runtime string) error {
	if _, err := os.Stat(filepath.Join(c.runtimeRoot(runtime), c.ID)); err != nil {
		return nil
	}
	return c.runtimeCommand("delete", "--force", c.ID)
}

// started waits for the shim's word.
func (c *Container) started(conn *shim.Conn) error {
	kind, data, err := conn.Receive(make([]byte, shim.MaxData+1))
	switch {
	case err != nil:
		words, _ := os.ReadFile(c.RunDir() + "/shim.log")
		return &StartError{125, fmt.Sprintf("the container's shim ended unexpectedly (%v): %.2000s", err, words)}
	case kind == shim.Failed && len(data) > 1:
		return &StartError{int(data[0]), string(data[1:])}
	case kind != shim.Started:
		return &StartError{125, fmt.Sprintf("the shim said %q, which is not understood; are jocker and jocker-shim of one version?", kind)}
	}
	return nil
}

// prepare writes what the runtime will read, into the bundle and into the container's root.
func (c *Container) prepare(l launch, net netResult) error {
	if err := c.writeFiles(net); err != nil {
		return err
	}
	if dir := c.Config.WorkingDir; dir != "" && dir != "/" {
		made, err := l.root.MkdirAll(dir)
		if err != nil {
			return fmt.Errorf("the working directory %s: %w", dir, err)
		}
		made.Close()
	}
	spec, err := c.spec(l)
	if err != nil {
		return err
	}
	data, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	if err := c.writeProbe(l); err != nil {
		return err
	}
	return os.WriteFile(c.Dir()+"/config.json", data, 0o600)
}

// shimOptions are what the shim is told.
func (c *Container) shimOptions(runtime string, status *Status) *shim.Options {
	h := &c.HostConfig
	o := &shim.Options{ID: c.ID, Dir: c.Dir(), RunDir: c.RunDir(), Runtime: runtime,
		Root: c.runtimeRoot(runtime),
		TTY:  c.Config.Tty, Stdin: c.Config.OpenStdin, StdinOnce: c.Config.StdinOnce,
		Restart: h.RestartPolicy.Name, MaxRetries: h.RestartPolicy.MaximumRetryCount,
		Explain: c.store.explanation.file(), Name: c.Name, Image: c.Config.Image, Events: string(c.store.Events()), Health: c.shimHealth()}
	signal, patience, err := c.StopWay()
	if err != nil {
		signal = unix.SIGTERM // the image has named one that there is not
	}
	o.StopSignal, o.StopTimeout = int(signal), int(patience.Seconds())
	if o.Restart == "no" {
		o.Restart = ""
	}
	o.LogSize, _ = ParseSize(h.LogConfig.Config["max-size"])
	o.LogFiles, _ = strconv.Atoi(h.LogConfig.Config["max-file"])
	if h.AutoRemove {
		o.Remove, o.Trash = c.belongings(), filepath.Join(c.store.Root, "tmp")
	}
	self, _ := os.Executable()
	o.Engine = []string{self, "--root", c.store.Root, "--state", c.store.State, "sweep"}
	return o
}

// belongings are the paths that go when the container is removed, besides its directory.
func (c *Container) belongings() []string {
	paths := []string{c.store.namePath(c.Name)}
	for _, m := range c.Mounts {
		if m.Anonymous {
			if v, err := volume.Get(c.store.Root, m.Name); err == nil {
				paths = append(paths, filepath.Dir(v.Mountpoint))
			}
		}
	}
	return paths
}

// startShim starts the shim, in the mount name space of the calling thread. It belongs to no terminal and no session but its own.
// It holds the container's lock, too, until the container runs: if we are killed meanwhile nobody removes it under the shim's hands.
func (c *Container) startShim(o *shim.Options, files []*os.File) error {
	program, err := FindProgram("jocker-shim")
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	words, err := os.Create(c.RunDir() + "/shim.log") // our standard error may be a pipe whose reader waits for its end
	if err != nil {
		return err
	}
	defer words.Close()
	process, err := os.StartProcess(program, append([]string{"jocker-shim"}, o.Args()...), &os.ProcAttr{
		Dir: c.Dir(), Env: os.Environ(), Files: append([]*os.File{null, null, words}, files...), Sys: &unix.SysProcAttr{Setsid: true}})
	if err != nil {
		return fmt.Errorf("starting the shim: %w", err)
	}
	return process.Release()
}

// FindProgram finds a program of ours: beside this one, or in PATH.
func FindProgram(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		path := filepath.Join(filepath.Dir(self), name)
		if unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if filepath.IsAbs(path) && unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	hint := ""
	if strings.HasPrefix(name, "jocker-") {
		hint = "; `make build` makes it"
	}
	return "", fmt.Errorf("%s is neither beside this program nor in PATH%s", name, hint)
}

// findRuntime finds the OCI runtime that is meant by a name or path.
func findRuntime(name string) (string, error) {
	if name == "" {
		name = "jocker-runtime"
	}
	if strings.Contains(name, "/") {
		if err := unix.Access(name, unix.X_OK); err != nil {
			return "", fail.Call("access("+name+", X_OK)", err, "the OCI runtime can't be executed")
		}
		return filepath.Abs(name)
	}
	path, err := FindProgram(name)
	if err != nil {
		return "", fmt.Errorf("unknown or invalid runtime name: %s: %w", name, err)
	}
	return path, nil
}
