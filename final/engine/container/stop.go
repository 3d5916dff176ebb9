package container

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jocker/final/engine/image"
	"jocker/final/engine/shim"
)

// dial connects to the container's shim.
func (c *Container) dial(want byte) (*shim.Conn, error) {
	conn, err := shim.Dial(c.RunDir(), "shim.sock")
	if err != nil {
		return nil, err
	}
	if err := conn.Send(shim.Hello, want); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// Attach connects to a running container's input and output.
func (c *Container) Attach() (*shim.Conn, error) {
	return c.dial(shim.WantOutput | shim.WantInput)
}

// Signal sends a signal to the container's first process. With halt it is not restarted afterwards.
func (c *Container) Signal(signal unix.Signal, halt bool) error {
	status, err := c.Status()
	if err != nil {
		return err
	}
	if !status.Active() {
		return fmt.Errorf("container %s is not running", c.Name)
	}
	c.Tell("kill", "signal", strconv.Itoa(int(signal)))
	if status.ShimLost {
		return c.runtimeCommand("kill", c.ID, strconv.Itoa(int(signal)))
	}
	conn, err := c.dial(0)
	if err != nil {
		return fmt.Errorf("container %s is not running (%w)", c.Name, err) // it has ended in between
	}
	defer conn.Close()
	if halt {
		if err := conn.Send(shim.Halt); err != nil {
			return err
		}
	}
	if status.Paused && signal == unix.SIGKILL {
		if err := c.Unpause(); err != nil { // a frozen process does not even die, on cgroup v1
			return err
		}
	}
	return conn.Send(shim.Signal, byte(signal))
}

// StopWay returns how the container is stopped if nothing else is said: the signal, and how long it has then; a negative time is
// for ever.
func (c *Container) StopWay() (unix.Signal, time.Duration, error) {
	signal, patience := unix.SIGTERM, 10*time.Second
	if t := c.Config.StopTimeout; t != nil {
		patience = time.Duration(*t) * time.Second
	}
	if c.Config.StopSignal == "" {
		return signal, patience, nil
	}
	signal, err := ParseSignal(c.Config.StopSignal)
	return signal, patience, err
}

// Stop asks the container to end, and kills it after a time. A negative time is for ever.
func (c *Container) Stop(signal unix.Signal, patience time.Duration) error {
	status, err := c.Status()
	if err != nil || !status.Active() {
		return err
	}
	if status.Paused {
		if err := c.Unpause(); err != nil {
			return err
		}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := c.Wait(true)
		ended <- err
	}()
	if err := c.Signal(signal, true); err != nil {
		select {
		case <-ended: // by itself
			return nil
		case <-time.After(time.Second):
			return err
		}
	}
	var timeout <-chan time.Time
	if patience >= 0 {
		timeout = time.After(patience)
	}
	select {
	case err := <-ended:
		return err
	case <-timeout:
	}
	if err := c.Signal(unix.SIGKILL, true); err != nil && len(ended) == 0 {
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(10 * time.Second):
		return fmt.Errorf("container %s was sent SIGKILL and has not ended after 10 seconds: a process of it hangs in the kernel (state D in ps)", c.Name)
	}
}

// Wait waits for the end of the container and returns its exit code. With gone it also waits until the shim has cleaned up and
// will not restart it. One that does not run is not waited for.
func (c *Container) Wait(gone bool) (code int, err error) {
	status, err := c.Status()
	if err != nil {
		return 0, err
	}
	if !status.Active() {
		return status.ExitCode, nil
	}
	if status.ShimLost {
		return c.waitLost(status)
	}
	conn, err := c.dial(0)
	if err != nil {
		return c.ended(err)
	}
	defer conn.Close()
	for {
		kind, data, err := conn.Receive(make([]byte, 16))
		if err != nil {
			return c.ended(err)
		}
		if kind == shim.Exit && len(data) == 2 && (data[1] == 0 || !gone) {
			return int(data[0]), nil
		}
	}
}

// ended returns the exit code of a container whose shim does not answer.
func (c *Container) ended(cause error) (int, error) {
	for i := 0; i < 100; i++ {
		status, err := c.Status()
		if err != nil {
			return 0, err
		}
		if !status.Active() {
			return status.ExitCode, nil
		}
		if status.ShimLost {
			return c.waitLost(status)
		}
		time.Sleep(10 * time.Millisecond) // it starts, or ends
	}
	return 0, fmt.Errorf("the shim of container %s does not answer: %w", c.Name, cause)
}

// waitLost waits for a process whose parent we are not.
func (c *Container) waitLost(status *Status) (int, error) {
	fd, err := unix.PidfdOpen(status.Pid, 0)
	if err == nil {
		defer unix.Close(fd)
		for {
			if !shim.Alive(status.Pid, status.PidStart) {
				break
			}
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000); err != nil && err != unix.EINTR {
				return 0, err
			}
		}
	}
	c.runtimeCommand("delete", "--force", c.ID)
	Sweep(c.store.Root) // as its shim would have done; what still can't go will with the next
	return 255, nil
}

// Remove removes a container that does not run; the caller holds its lock. With volumes those that were made for it go too.
func (c *Container) Remove(volumes bool) error {
	status, err := c.Status()
	if err != nil {
		return err
	}
	if status.Active() {
		return fmt.Errorf("You cannot remove a %s container %s. Stop the container before attempting removal or force remove", status.Word(), c.ID)
	}
	if runtime, err := findRuntime(c.HostConfig.Runtime); err == nil {
		if err := c.deleteRemains(runtime); err != nil {
			return err
		}
	}
	if err := c.discard(volumes); err != nil {
		return err
	}
	c.Tell("destroy", c.labels()...)
	return nil
}

// discard removes the container's files. First they vanish together; what is then left if we are killed is swept up with tmp/.
func (c *Container) discard(volumes bool) error {
	shared, err := c.store.Images.Share() // or a prune takes the directory in tmp/ for one of a dead command
	if err != nil {
		return err
	}
	defer shared.Unlock()
	temp, err := c.store.Images.Temp()
	if err != nil {
		return err
	}
	if err := os.Rename(c.Dir(), temp+"/container"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	c.store.dropName(c.Name, c.ID)
	if volumes {
		c.dropVolumes()
	}
	os.RemoveAll(c.RunDir())
	return os.RemoveAll(temp)
}

// Rename gives the container another name; the caller holds its lock.
func (c *Container) Rename(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	old := c.Name
	if err := c.store.takeName(name, c.ID); err != nil {
		return err
	}
	c.Name = name
	if err := c.save(); err != nil {
		c.store.dropName(name, c.ID)
		return err
	}
	c.store.dropName(old, c.ID)
	c.tellShim(shim.Rename, name)
	c.Tell("rename", "oldName", "/"+old)
	return nil
}

// tellShim tells the shim, if there is one, what has changed. It learns it from the disk otherwise, at the next start.
func (c *Container) tellShim(kind byte, text string) {
	if conn, err := c.dial(0); err == nil {
		conn.Send(kind, []byte(text)...)
		conn.Close()
	}
}

// runtimeCommand executes the OCI runtime that the container has. The error is what it says.
func (c *Container) runtimeCommand(args ...string) error {
	runtime, err := findRuntime(c.HostConfig.Runtime)
	if err != nil {
		return err
	}
	out, err := exec.Command(runtime, append([]string{"--root", c.runtimeRoot(runtime)}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("OCI runtime %s failed: %s", args[0], strings.TrimSpace(string(out)))
	}
	return nil
}

func (c *Container) runtimeRoot(runtime string) string {
	return filepath.Join(c.store.State, "runtime", filepath.Base(runtime))
}

// Diff returns the directory of the container's changes.
func (c *Container) Diff() string { return c.Dir() + "/diff" }

// BaseImage returns the container's image, also if it has lost all its names.
func (c *Container) BaseImage() (*image.Image, error) {
	return c.store.Images.Find(c.Image)
}
