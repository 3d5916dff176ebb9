package container

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"

	"jocker/final/engine/shim"
)

// Update gives the container other limits, at once if it runs, and another restart policy; nil is the one it has. The caller
// holds its lock. If the kernel refuses the limits the container keeps those it had.
func (c *Container) Update(r Resources, policy *RestartPolicy) error {
	if err := r.Check(); err != nil {
		return err
	}
	if policy != nil && policy.Name != "no" && c.HostConfig.AutoRemove {
		return errors.New("Restart policy cannot be updated because AutoRemove is enabled for the container")
	}
	status, err := c.Status()
	if err != nil {
		return err
	}
	if status.Running() && r != c.HostConfig.Resources {
		if err := c.updateLimits(r); err != nil {
			return fmt.Errorf("Cannot update container %s: %w", c.ID, err)
		}
	}
	c.HostConfig.Resources = r
	if policy != nil {
		c.HostConfig.RestartPolicy = *policy
	}
	if err := c.save(); err != nil {
		return err
	}
	if policy != nil {
		text := policy.Name + ":" + strconv.Itoa(policy.MaximumRetryCount)
		if policy.Name == "no" {
			text = ""
		}
		c.tellShim(shim.Policy, text)
	}
	c.Tell("update")
	return nil
}

// updateLimits lets the runtime write the limits.
func (c *Container) updateLimits(r Resources) error {
	runtime, err := findRuntime(c.HostConfig.Runtime)
	if err != nil {
		return err
	}
	data, err := json.Marshal(r.Spec())
	if err != nil {
		return err
	}
	cmd := exec.Command(runtime, "--root", c.runtimeRoot(runtime), "update", "--resources", "-", c.ID)
	cmd.Stdin = bytes.NewReader(data)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("OCI runtime update failed: %s", bytes.TrimSpace(out))
	}
	return nil
}
