// Package engine is the half of Jocker that knows many containers: images, containers, volumes and a
// network on one host, with the commands of `docker`. This file is the tour; the code is in the packages below.
//
// # No daemon
//
// Docker's command line is a thin client: `docker run` asks a daemon, and the daemon does the work. It owns
// all containers, so it has to be there before the first and must not die before the last. Jocker has none.
// Each command is a process that does its work on files and ends. What must go on after that, because a
// container goes on, is one small process per container, the shim:
//
//	jocker run -d web            the command: makes the files, the mounts and the network, starts a shim, ends
//	jocker-shim -id 4f5e... DIR  keeps the container's output, waits for its end, starts it again if told to
//	 ├─ jocker-runtime create    makes the container (namespaces, cgroup, root, seccomp) and ends
//	 ├─ jocker-runtime start     lets it go, and ends
//	 └─ httpd                    the container's first process; the shim is its parent, since it is a subreaper
//
// So a command that is killed harms no container, a shim that is killed harms one, and an upgrade none. The
// price is that nobody keeps things in memory: the truth about a container is what the disk and the kernel
// say, and every command asks them (package container).
//
// # One direction
//
// main -> engine -> (exec) -> shim -> (exec) -> runtime. The engine writes an OCI bundle, a config.json and a
// root file system, and the shim executes an OCI runtime on it by the command line that all of them have:
// create, start, kill, delete. Ours is the default; --runtime runc or crun does as well. The engine links none of the
// runtime's code, with two small exceptions: Docker's seccomp profile, as data, and the form of errors.
//
// The shim links nothing of the engine but packages shim and event, the few words both have in common: it has to be
// small, as there are as many of it as containers. What speaks HTTP, to registries, is a program of its own, too
// (cmd/jocker-registry, executed by `jocker pull` and `jocker push`): thousands of files of other people's code
// need a millisecond to start up, which each `jocker run` would pay; and code that parses what strangers send is
// better off in a process of its own.
//
// # On disk
//
//	/var/lib/jocker/                  --root
//	  oci-layout  index.json  blobs/  an OCI image layout as the specification has it: `skopeo inspect oci:/var/lib/jocker:busybox`
//	  layers/CHAIN/fs                 a layer, unpacked: a lower directory of overlayfs. CHAIN is the layer's chain id, of 32 digits
//	  layers/CHAIN/size               how many bytes its files have
//	  containers/ID/                  a container; also its OCI bundle
//	    container.json                what it was created with, in Docker's words (written by commands)
//	    state.json                    what has become of it (written by its shim)
//	    probe.json  health.json       the probe of its health, and the last answers
//	    config.json                   what the runtime is told (written at each start)
//	    rootfs/                       mount point: overlay of the layers and diff/
//	    diff/  work/                  what the container changed; overlayfs's scratch
//	    network.json                  what it was given of networks at its last start
//	    log  log.1                    its output, a line each: time, stdout or stderr, F(ull) or P(artial), text
//	    hosts  hostname  resolv.conf  mounted into it
//	    lock                          flock(2): held by a command that changes the container, and by its shim until it runs
//	  names/NAME                      a symlink whose text is the ID; names/ is flock(2)ed while one is taken or given back
//	  networks/NAME.json              a network that was made: its addresses, and the name of its bridge
//	  volumes/NAME/_data              a volume
//	  cache/KEY                       a step of a build: KEY is what was done to what, the text is the manifest that came out
//	  tmp/                            what is being made; renamed into place when it is whole
//	  lock                            flock(2): shared while something new refers to images, exclusive while unused blobs go
//	/run/jocker/                      --state; gone after a reboot, as everything that it tells about
//	  runtime/                        the runtime's --root
//	  containers/ID/shim.sock         attach, resize, wait: speaks packets, to root only (package shim)
//	  containers/ID/netns             the container's network namespace, mounted (see below)
//	  names/NETWORK/NAME@ADDRESS      an empty file for each name that a container has in a network that was made
//	  events  events.1                what happened, a line each (package event)
//
// Two rules make this safe against other commands and against kill -9. A thing appears under its name by one
// rename, link or symlink, when all of it is there, so that whoever finds it may use it. And what one start must
// not disturb another with takes no common lock: creating and starting a container locks that container only.
//
// # Where the mounts are
//
// The overlay and the network namespace of a container are mounted in a mount namespace of its shim's: the command
// unshares one, mounts, and starts the shim from there. No other process sees these mounts, so the host's mount
// table stays as short as it was (with 500 containers it would have a thousand lines, and everything that reads it
// would slow down), and when the last process of a container has died the kernel unmounts all of it, even if
// everybody was killed at once.
//
// # The packages, in reading order
//
//	inroot      files in a directory whose links must not lead out: openat2(RESOLVE_IN_ROOT)
//	event       what happened, for those who look on
//	layer       a tar to a directory and back: whiteouts, hard links, hostile entries
//	image       the store: blobs, names, layers; archives; an image from this machine's busybox
//	container   a container's files; its life: create, start, stop, remove; the OCI configuration
//	shim        what the engine and the shim say to each other
//	network     bridges, veth, addresses, NAT, published ports; names (cmd/jocker-resolver)
//	volume      named directories that outlive containers
//	registry    pull and push (linked by cmd/jocker-registry only)
//	build       images from Dockerfiles (linked by cmd/jocker-build only)
//	cli         the commands, their flags and their output
package engine
