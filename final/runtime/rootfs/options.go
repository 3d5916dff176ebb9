package rootfs

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Options are what the option words of one mount mean.
//
// A mount has two halves: the file system itself, called its superblock, which may be mounted at
// several places, and the place. "sync" is a word about the file system, "nosuid" one about the
// place, "ro" is about both. Words about places are bits of mount_setattr(2), which can change them
// for one place or for all that is mounted below it ("rro"). What is no known word is for the
// file system's own code, such as "size=64m".
type options struct {
	set, clear       uint64 // MOUNT_ATTR_ bits of the place
	setRec, clearRec uint64 // the same, of the place and all places below
	propagation      []uint64
	super            []string // words about the file system that all file systems know
	data             []string // words for the file system's own code

	bind, recursive bool
	remount         bool
	copyUp          bool // tmpcopyup: a tmpfs begins with what the image has at its place
	idmap           idmap
}

// An idmap says which mounts of a bind get their owners' ids translated.
type idmap uint8

const (
	noIdmap        idmap = iota
	idmapTop             // the mount only
	idmapRecursive       // and all below
)

// An attribute is a word about a place, and the word that takes it back.
type attribute struct {
	on, off string
	bit     uint64
}

// The words about places that are a bit each.
var attributes = [...]attribute{
	{"ro", "rw", unix.MOUNT_ATTR_RDONLY},
	{"nosuid", "suid", unix.MOUNT_ATTR_NOSUID},
	{"nodev", "dev", unix.MOUNT_ATTR_NODEV},
	{"noexec", "exec", unix.MOUNT_ATTR_NOEXEC},
	{"nodiratime", "diratime", unix.MOUNT_ATTR_NODIRATIME},
	{"nosymfollow", "symfollow", unix.MOUNT_ATTR_NOSYMFOLLOW},
}

// The time of last access is no set of bits but one of three ways; the words in off go back to the
// usual one, relatime. The kernel wants the whole field cleared when it is set (mount_setattr(2)).
var accessTimes = [...]attribute{
	{"relatime", "norelatime", unix.MOUNT_ATTR_RELATIME},
	{"noatime", "atime", unix.MOUNT_ATTR_NOATIME},
	{"strictatime", "nostrictatime", unix.MOUNT_ATTR_STRICTATIME},
}

// parseOptions reads the option words of a mount (mount(8); config-linux.md of the OCI runtime
// specification, "Linux mount options"). Of words that contradict each other the last counts.
func parseOptions(words []string) (o options, err error) {
	for _, word := range words {
		if strings.IndexByte(word, 0) >= 0 {
			return o, fmt.Errorf("the option %q has a zero byte in it", word)
		}
		if !o.place(word) && !o.whole(word) && !o.propagate(word) && word != "" {
			o.data = append(o.data, word)
		}
	}
	return o, nil
}

// place takes a word about the place: "nosuid", or "rnosuid" for all below too.
func (o *options) place(word string) bool {
	if bitsOf(word, &o.set, &o.clear) {
		switch word {
		case "ro", "rw": // of the file system as well
			o.super = append(o.super, word)
		}
		return true
	}
	return len(word) > 1 && word[0] == 'r' && bitsOf(word[1:], &o.setRec, &o.clearRec)
}

// bitsOf changes set and clear as a word says.
func bitsOf(word string, set, clear *uint64) bool {
	for i := range attributes {
		switch a := &attributes[i]; word {
		case a.on:
			*set, *clear = *set|a.bit, *clear&^a.bit
			return true
		case a.off:
			*set, *clear = *set&^a.bit, *clear|a.bit
			return true
		}
	}
	for i := range accessTimes {
		switch a := &accessTimes[i]; word {
		case a.on:
			*set, *clear = *set&^unix.MOUNT_ATTR__ATIME|a.bit, *clear|unix.MOUNT_ATTR__ATIME
			return true
		case a.off:
			*set, *clear = *set&^unix.MOUNT_ATTR__ATIME, *clear|unix.MOUNT_ATTR__ATIME
			return true
		}
	}
	return false
}

// whole takes a word about the file system, or about how the mount is made.
func (o *options) whole(word string) bool {
	switch word {
	case "sync", "async", "dirsync", "mand", "nomand", "lazytime", "nolazytime":
		o.super = append(o.super, word)
	case "bind":
		o.bind = true
	case "rbind":
		o.bind, o.recursive = true, true
	case "remount":
		o.remount = true
	case "tmpcopyup":
		o.copyUp = true
	case "idmap":
		o.idmap = idmapTop
	case "ridmap":
		o.idmap = idmapRecursive
	case "defaults", "silent", "loud": // fsopen(2) never writes to the kernel's log
	default:
		return false
	}
	return true
}

// propagate takes a word about what happens when something is mounted below later.
func (o *options) propagate(word string) bool {
	flags, ok := propagationFlags(word)
	if ok {
		o.propagation = append(o.propagation, flags)
	}
	return ok
}

// propagationFlags returns MS_SHARED and its like for a word, with MS_REC for "rshared".
func propagationFlags(word string) (flags uint64, ok bool) {
	if strings.HasPrefix(word, "r") {
		flags, word = unix.MS_REC, word[1:]
	}
	switch word {
	case "private":
		flags |= unix.MS_PRIVATE
	case "shared":
		flags |= unix.MS_SHARED
	case "slave":
		flags |= unix.MS_SLAVE
	case "unbindable":
		flags |= unix.MS_UNBINDABLE
	default:
		return 0, false
	}
	return flags, true
}
