package rootfs

import (
	"errors"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
	"jocker/final/runtime/step"
)

// This file is the runtime's half: it opens what init could not.
//
// Root of a user namespace is nobody special on the host: a directory that only the host's root may
// enter is closed to it. And only who has rights over a file system, which is the host's, may mount a
// view of it with other ids. So with a user namespace, and for views with other ids, the runtime
// makes the views of the sources, and hands them to init as descriptors.

// Sources returns the runtime's steps, which come before init needs the files. Files has them afterwards.
func (r *Rootfs) Sources() (steps []step.Step) {
	for i := range r.mounts {
		m := &r.mounts[i]
		if m.host < 0 {
			continue
		}
		steps = append(steps, step.Step{Actor: step.Runtime, Stage: "sources", Lab: 6,
			Do: func() error { return r.openSource(m) },
			Say: func() (what, call string) {
				call = "open_tree(" + quote(m.Source) + ", OPEN_TREE_CLONE)"
				if m.idmap != noIdmap {
					call += "; mount_setattr(MOUNT_ATTR_IDMAP)"
				}
				return "open " + m.Source + " for " + m.dest, call
			}})
	}
	return steps
}

// Files returns what Sources opened. The runtime sends the files to init, and closes them.
func (r *Rootfs) Files() []*os.File { return r.files }

// Take gives init the files that the runtime sent. Mount's steps close them.
func (r *Rootfs) Take(files []*os.File) { r.files = files }

// openSource makes a view for init.
func (r *Rootfs) openSource(m *mount) error {
	tree, err := m.clone()
	if err != nil {
		return err
	}
	// The view would belong to the host's group of mounts; init's own are what isolate made them.
	flags, _ := r.cfg.propagation()
	if flags&unix.MS_SHARED == 0 {
		if err := propagate(tree, flags|unix.MS_REC); err != nil {
			unix.Close(tree)
			return fail.Call("mount_setattr("+quote(m.Source)+", "+propagationName(flags|unix.MS_REC)+")", err, "")
		}
	}
	if m.idmap != noIdmap {
		if err := r.mapIDs(m, tree); err != nil {
			unix.Close(tree)
			return err
		}
	}
	r.files = append(r.files, os.NewFile(uintptr(tree), m.Source))
	return nil
}

// fromHost returns the view that the runtime sent.
func (r *Rootfs) fromHost(m *mount) (tree int, err error) {
	if m.host >= len(r.files) {
		return -1, errors.New("the runtime has not sent the source " + m.Source)
	}
	// A number of its own, for the file closes its number when it is collected.
	tree, err = unix.FcntlInt(r.files[m.host].Fd(), unix.F_DUPFD_CLOEXEC, 3)
	r.files[m.host].Close()
	if err != nil {
		return -1, fail.Call("fcntl(F_DUPFD_CLOEXEC)", err, "")
	}
	return tree, nil
}

// needsHost says whether the runtime opens the source.
func (m *mount) needsHost(cfg *Config) bool {
	return m.bind && !m.remount && (m.idmap != noIdmap || cfg.has(specs.UserNamespace) && !cfg.Rootless)
}
