// Package engines has no code but tests: Docker, containerd and Podman run their containers with our runtime, and a
// user must not notice.
//
// An OCI runtime is rarely called by people. It is called by an engine, in the engine's own way: dockerd through
// containerd and its shim, Podman through conmon, each with its own flags, files and expectations of what is printed
// when something fails. The specification says little about that, so it is tried out: the tests start the engines of
// Debian's packages, with all of their files in a folder of their own, and use them as a user would.
//
//	engine_test.go      the engines (package peers starts them), with our runtime as their default
//	docker_test.go      docker run, exec, stop, kill, pause, update ...
//	limits_test.go      what docker sets: limits, seccomp, capabilities, users, volumes
//	containerd_test.go  ctr run --runc-binary
//	podman_test.go      podman --runtime
//	systemd_test.go     --systemd-cgroup, by hand and under Docker's systemd driver; where systemd is PID 1
//
// The engines run in network and mount namespaces of their own: their bridges, firewall rules and mounts are not the
// machine's. What remains are cgroups, which the tests remove.
//
// OCITEST_RUNTIME=/usr/bin/runc tries another runtime in place of ours: so the tests themselves can be tested.
// LABTEST_FULL=1 repeats what is a matter of luck.
package engines
