// Package rootfs makes a container's files: mounts, devices, a root of its own, and masks over what
// stays the host's. See Rootfs for the order.
package rootfs
