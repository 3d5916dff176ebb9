package container

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"jocker/final/engine/network"
)

// setPlace decides on the network that the container begins with. where says what was asked for beside its name.
func (c *Container) setPlace(where Endpoint) error {
	mode := &c.HostConfig.NetworkMode
	if *mode == "" || *mode == "default" {
		*mode = "bridge"
	}
	where.Network = *mode
	switch {
	case !c.networkOwn() && where.MacAddress != "":
		return fmt.Errorf("conflicting options: mac-address and the network mode %s", *mode)
	case (!c.networkOwn() || *mode == "bridge") && where.IPAddress != "":
		return errors.New("user specified IP address is supported on user defined networks only (jocker network create)")
	case (!c.networkOwn() || *mode == "bridge") && len(where.Aliases) > 0:
		return errors.New("network-scoped alias is supported only for containers in user defined networks (jocker network create)")
	case !c.networkOwn():
		return nil
	}
	c.Endpoints = []Endpoint{where}
	_, err := c.endpoint(where, "eth0")
	return err
}

// Connect puts the container into a further network, at once if it runs. The caller holds its lock.
func (c *Container) Connect(where Endpoint) error {
	if !c.networkOwn() {
		return fmt.Errorf("container %s has the network mode %s, which leaves no place for another network", c.Name, c.HostConfig.NetworkMode)
	}
	for _, p := range c.places() {
		if p.Network == where.Network {
			return fmt.Errorf("endpoint with name %s already exists in network %s", c.Name, where.Network)
		}
	}
	status, err := c.Status()
	if err != nil {
		return err
	}
	n := c.Network()
	device := 0
	for used := true; used; {
		used = false
		for _, p := range n.Networks {
			used = used || status.Running() && p.Device == "eth"+strconv.Itoa(device)
		}
		if used {
			device++
		}
	}
	e, err := c.endpoint(where, "eth"+strconv.Itoa(device))
	if err != nil {
		return err
	}
	before := c.Endpoints
	c.Endpoints = append(append([]Endpoint{}, c.places()...), where)
	if status.Running() {
		ns, err := os.Open("/proc/" + strconv.Itoa(status.Pid) + "/ns/net")
		if err != nil {
			return err
		}
		defer ns.Close()
		if err := network.Plug(ns, c.ID, e); err != nil {
			return err
		}
		if n.Networks == nil {
			n.Networks = map[string]*Place{}
		}
		n.add(e)
		if err := c.saveNetwork(n); err != nil {
			return err
		}
	}
	if err := c.save(); err != nil {
		c.Endpoints = before
		return err
	}
	return nil
}

// Disconnect takes the container out of a network, at once if it runs. The caller holds its lock.
func (c *Container) Disconnect(name string) error {
	var left []Endpoint
	for _, p := range c.places() {
		if p.Network != name {
			left = append(left, p)
		}
	}
	if len(left) == len(c.places()) {
		return fmt.Errorf("container %s is not connected to network %s", c.Name, name)
	}
	status, err := c.Status()
	if err != nil {
		return err
	}
	n := c.Network()
	if p := n.Networks[name]; p != nil && status.Running() {
		address, err := netip.ParseAddr(p.IPAddress)
		if err != nil {
			return err
		}
		if err := network.UnplugOf(c.ID, address); err != nil {
			return err
		}
		if d, err := network.Find(c.store.Root, name); err == nil {
			names, _ := filepath.Glob(filepath.Join(c.store.State, "names", d.ID, "*@"+p.IPAddress))
			for _, path := range names {
				os.Remove(path)
			}
		}
		delete(n.Networks, name)
		if name == "bridge" {
			n.IPAddress, n.IPPrefixLen, n.Gateway, n.MacAddress = "", 0, "", ""
		}
		if err := c.saveNetwork(n); err != nil {
			return err
		}
	}
	if len(left) == 0 {
		c.HostConfig.NetworkMode = "none"
	}
	c.Endpoints = left
	return c.save()
}

// NetworkNames are the networks that the container is in, or will be when it runs.
func (c *Container) NetworkNames() []string {
	if !c.networkOwn() {
		return []string{c.HostConfig.NetworkMode}
	}
	var list []string
	for _, p := range c.places() {
		list = append(list, p.Network)
	}
	return list
}
