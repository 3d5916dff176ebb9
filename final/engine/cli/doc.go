// Package cli is the command line of jocker: Docker's commands, flags, columns and exit codes, as far as jocker has them.
//
// A command is a function that returns a cobra.Command. Only the one that was asked for is made, because making all sixty with their
// flags would take longer than everything else that `jocker ps` does.
//
//	main.go      global flags, the list of commands, errors and exit codes
//	format.go    tables and --format
//	run.go       run and create; flags.go: their flags; values.go, modes.go, mounts.go, ports.go, health.go: what these mean; book.go
//	attach.go    between a terminal and a container
//	life.go      start, stop, restart, kill, rm, wait, pause, rename
//	ps.go logs.go inspect.go exec.go update.go cp.go place.go
//	stats.go events.go anatomy.go svg.go
//	images.go    images, rmi, tag, history, init-image; archive.go: save, load, import, export, commit
//	registry.go  pull, push, login, logout: by jocker-registry; build.go: by jocker-build
//	volume.go system.go disk.go prune.go completion.go
package cli
