// Package cgroup puts a container into cgroups, and limits what it can use of the machine.
package cgroup
