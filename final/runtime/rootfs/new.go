package rootfs

import (
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// This file mounts file systems (not binds): proc, tmpfs, overlay and so on.
//
// mount(2) does it in one call, with one number to say that any of twenty things went wrong. The
// newer calls take it apart: fsopen(2) makes a context, fsconfig(2) gives it one option after
// another, and says which one it does not like; fsmount(2) returns the mount as a descriptor, with
// no place in the tree; move_mount(2) gives it one. The context also keeps a log of what went
// wrong, in words, which mount(2) could only write to the kernel's own.

// The longest value that fsconfig(2) takes.
const longestValue = 255

// doNew mounts a file system of this type.
func (m *mount) doNew(r *Rootfs, kind string) error {
	place, existed, err := r.target(m, true)
	if err != nil {
		return err
	}
	if m.tooLong() {
		return m.doOld(r, kind, place)
	}
	data := m.data
	if kind == "tmpfs" && existed {
		data = withMode(place, data)
	}
	tree, err := newMount(kind, m.Source, m.superNow(kind), r.labelled(kind, data), m.setNow(kind))
	if err != nil {
		if tree = m.instead(r, kind, err); tree < 0 {
			unix.Close(place)
			return err
		}
	}
	if m.copyUp && existed {
		if err := fill(place, tree); err != nil {
			closeAll(place, tree)
			return err
		}
	}
	return m.arrive(r, tree, place)
}

// arrive attaches a new mount and closes what is not needed any more.
func (m *mount) arrive(r *Rootfs, tree, place int) error {
	if err := m.attach(tree, place); err != nil {
		unix.Close(tree)
		return err
	}
	if m.late() {
		r.late = append(r.late, tree)
		return nil
	}
	unix.Close(tree)
	return nil
}

// late says whether the mount becomes read-only only at the end, because there are things to be put in it:
// devices into /dev, and places for other mounts into any tmpfs.
func (m *mount) late() bool {
	return m.set&unix.MOUNT_ATTR_RDONLY != 0 && !m.bind && !m.remount && (m.Type == "tmpfs" || m.dest == "/dev")
}

// setNow returns the attributes that the mount has from the beginning.
func (m *mount) setNow(kind string) uint64 {
	if m.late() {
		return m.set &^ unix.MOUNT_ATTR_RDONLY
	}
	return m.set
}

// superNow is the same for the file system.
func (m *mount) superNow(kind string) []string {
	if !m.late() {
		return m.super
	}
	var words []string
	for _, word := range m.super {
		if word != "ro" {
			words = append(words, word)
		}
	}
	return words
}

// newMount makes a mount without a place, and returns it as a descriptor. set are its attributes.
func newMount(kind, source string, super, data []string, set uint64) (tree int, err error) {
	context, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fail.Call("fsopen("+quote(kind)+")", err, fsopenCause(kind, err))
	}
	defer unix.Close(context)
	if err := configure(context, kind, source, super, data); err != nil {
		return -1, err
	}
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, fail.Call("fsconfig("+quote(kind)+", FSCONFIG_CMD_CREATE)", err, createCause(context, kind, source, data, err))
	}
	tree, err = unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, int(set))
	if err != nil {
		return -1, fail.Call("fsmount("+quote(kind)+", "+attributeNames(set, 0)+")", err, fsmountCause(kind, err))
	}
	return tree, nil
}

// configure gives a context its options, each by itself.
func configure(context int, kind, source string, super, data []string) error {
	if source != "" {
		if err := unix.FsconfigSetString(context, "source", source); err != nil {
			return fail.Call("fsconfig("+quote(kind)+", \"source\", "+quote(source)+")", err, logOf(context))
		}
	}
	for _, word := range super {
		if err := unix.FsconfigSetFlag(context, word); err != nil {
			return optionError(context, kind, word, err)
		}
	}
	for _, word := range data {
		key, value, hasValue := strings.Cut(word, "=")
		var err error
		if hasValue {
			err = unix.FsconfigSetString(context, key, value)
		} else {
			err = unix.FsconfigSetFlag(context, key)
		}
		if err != nil {
			return optionError(context, kind, word, err)
		}
	}
	return nil
}

// reconfigure changes the options of a file system that is mounted (the option remount).
func (m *mount) reconfigure(place int) error {
	context, err := unix.Fspick(place, "", unix.FSPICK_CLOEXEC|unix.FSPICK_EMPTY_PATH)
	if err != nil {
		return fail.Call("fspick("+quote(m.dest)+")", err, notMounted(err))
	}
	defer unix.Close(context)
	if err := configure(context, m.dest, "", m.super, m.data); err != nil {
		return err
	}
	if err := unix.FsconfigReconfigure(context); err != nil {
		return fail.Call("fsconfig("+quote(m.dest)+", FSCONFIG_CMD_RECONFIGURE)", err, createCause(context, m.Type, m.Source, m.data, err))
	}
	return nil
}

// withMode adds the mode of the directory that a tmpfs will cover, if the options do not name one:
// /tmp stays a directory for everybody.
func withMode(place int, data []string) []string {
	for _, word := range data {
		if strings.HasPrefix(word, "mode=") {
			return data
		}
	}
	var st unix.Stat_t
	if unix.Fstat(place, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return data
	}
	return append([]string{"mode=" + octal(st.Mode&0o7777)}, data...)
}

// labelled adds the SELinux label of mounts. The file systems of the kernel's own have labels of their own.
func (r *Rootfs) labelled(kind string, data []string) []string {
	if r.cfg.MountLabel == "" || kind == "proc" || kind == "sysfs" || strings.HasPrefix(kind, "cgroup") {
		return data
	}
	return append(data[:len(data):len(data)], "context="+r.cfg.MountLabel)
}

// tooLong says whether an option has a value that fsconfig(2) would not take: the list of an
// overlay's layers often is.
func (m *mount) tooLong() bool {
	for _, word := range m.data {
		if _, value, _ := strings.Cut(word, "="); len(value) > longestValue {
			return true
		}
	}
	return false
}

// doOld is for such mounts: mount(2), which takes up to a page of options. The place is named by ".",
// that is, by the descriptor.
func (m *mount) doOld(r *Rootfs, kind string, place int) error {
	defer unix.Close(place)
	data := strings.Join(r.labelled(kind, m.data), ",")
	call := "mount(" + quote(m.Source) + ", " + quote(m.dest) + ", " + quote(kind) + ", " + quote(data) + ")"
	var flags uintptr
	for _, word := range m.superNow(kind) {
		switch word {
		case "ro":
			flags |= unix.MS_RDONLY
		case "sync":
			flags |= unix.MS_SYNCHRONOUS
		case "dirsync":
			flags |= unix.MS_DIRSYNC
		case "mand":
			flags |= unix.MS_MANDLOCK
		case "lazytime":
			flags |= unix.MS_LAZYTIME
		}
	}
	if err := unix.Fchdir(place); err != nil {
		return fail.Call("fchdir("+quote(m.dest)+")", err, "it is not a directory that can be entered")
	}
	if err := unix.Mount(m.Source, ".", kind, flags, data); err != nil {
		return fail.Call(call, err, mountCause(kind, m.Source, data, err))
	}
	tree, err := r.open(m.dest, unix.O_DIRECTORY)
	if err != nil {
		return r.openError(m.dest, err)
	}
	defer unix.Close(tree)
	o := m.options
	o.set = m.setNow(kind)
	if err := o.attributes(tree); err != nil {
		return err
	}
	for _, flags := range m.propagation {
		if err := propagate(tree, flags); err != nil {
			return fail.Call("mount_setattr("+quote(m.dest)+", "+propagationName(flags)+")", err, "")
		}
	}
	return nil
}
