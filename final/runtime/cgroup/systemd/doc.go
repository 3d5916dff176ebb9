// Package systemd asks systemd for a container's cgroup: a transient scope, with the limits as its properties.
//
// systemd does not read cgroup files to find out what limits there are. It has its own list of each unit's limits, and now and
// then, at every daemon-reload for instance, writes it down again. A limit that only stands in a file is then
// overwritten. So each limit that systemd knows is told to it, as a property in its own words (properties.go), and the
// runtime writes the files besides, for there are limits that systemd doesn't know. Delegate=yes says that what is
// below the scope is the container's business.
//
// An engine may have properties of its own for the scope: it writes them as annotations into config.json (annotations.go).
//
// Only the command jocker-systemd links this package: see ../systemd.go.
//
// Sources: org.freedesktop.systemd1(5), systemd.resource-control(5), and "Control Group APIs and Delegation" of systemd's documentation.
package systemd
