package rootfs

import (
	"os"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/step"
)

// A Rootfs is a plan for a container's files. Both processes make it from the same Config; each
// makes the steps that are its own. Its methods that return steps do nothing yet.
type Rootfs struct {
	cfg    *Config
	mounts []mount

	root  int        // init's: the container's root directory, from the first step on
	files []*os.File // what the runtime opened for init, in the order of the mounts that need it
	late  []int      // places that become read-only when all has been put in them
}

// New makes the plan. Nothing is touched. An error says which line of config.json cannot work.
func New(cfg *Config) (*Rootfs, error) {
	r := &Rootfs{cfg: cfg, root: -1}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	fromHost := 0
	r.mounts = make([]mount, len(cfg.Mounts))
	for i := range cfg.Mounts {
		if err := r.mounts[i].plan(cfg, i); err != nil {
			return nil, err
		}
		if r.mounts[i].needsHost(cfg) {
			r.mounts[i].host = fromHost
			fromHost++
		}
	}
	return r, nil
}

// Mount returns init's steps up to the moment at which hooks run: the tree is complete, but the
// host's is still there too.
func (r *Rootfs) Mount() []step.Step {
	if !r.cfg.has("mount") {
		return nil
	}
	steps := make([]step.Step, 0, len(r.mounts)+8)
	add := func(lab int, do func() error, say func() (what, call string)) {
		steps = append(steps, step.Step{Actor: step.Init, Stage: "mounts", Lab: lab, Do: do, Say: say})
	}
	add(6, r.isolate, r.sayIsolate)
	add(6, r.bindRoot, r.sayBindRoot)
	for i := range r.mounts {
		m := &r.mounts[i]
		add(m.lab(), func() error { return m.do(r) }, func() (what, call string) { return m.say(r.cfg) })
	}
	if r.ownDev() {
		add(6, r.makeDevices, r.sayDevices)
		add(6, r.makeLinks, r.sayLinks)
	}
	return steps
}

// Enter returns init's steps that make the tree its root, after which nothing of the host's is left.
func (r *Rootfs) Enter() []step.Step {
	steps := make([]step.Step, 0, 4)
	add := func(do func() error, say func() (what, call string)) {
		steps = append(steps, step.Step{Actor: step.Init, Stage: "root", Lab: 6, Do: do, Say: say})
	}
	switch {
	case !r.cfg.has("mount"):
		add(r.chroot, r.sayChroot)
	case r.cfg.NoPivot:
		add(r.moveRoot, r.sayMoveRoot)
	default:
		add(r.pivot, r.sayPivot)
	}
	if r.cfg.Propagation != "" {
		add(r.propagateRoot, r.sayPropagateRoot)
	}
	if r.cfg.has("mount") && r.ownDev() {
		add(r.ownNull, r.sayOwnNull)
	}
	return steps
}

// Protect returns init's steps that take away what the container may not change or see. They come
// after Enter and the console, and before the process lowers its rights.
func (r *Rootfs) Protect() []step.Step {
	steps := make([]step.Step, 0, 4)
	add := func(stage string, do func() error, say func() (what, call string)) {
		steps = append(steps, step.Step{Actor: step.Init, Stage: stage, Do: do, Say: say})
	}
	if len(r.cfg.Sysctl) > 0 {
		add("sysctl", r.writeSysctl, r.saySysctl)
	}
	if len(r.cfg.ReadonlyPaths) > 0 {
		add("masks", r.protectPaths, r.sayProtectPaths)
	}
	if len(r.cfg.MaskedPaths) > 0 {
		add("masks", r.maskPaths, r.sayMaskPaths)
	}
	if r.anyLate() {
		add("masks", r.finish, r.sayFinish)
	}
	return steps
}

// closeAll closes those of the descriptors that are open.
func closeAll(fds ...int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
