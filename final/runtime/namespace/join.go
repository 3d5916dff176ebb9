package namespace

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// An opened is a namespace to be joined, held open.
type opened struct {
	Join
	fd   int
	late bool // it belongs to the user namespace that is joined, so it comes after that one
}

// openAll opens what is to be joined and looks that it is what it should be. A namespace that the
// runtime is in already is left out: there is nothing to do, and setns(2) refuses to enter the user
// namespace that one is in.
func openAll(joins []Join) (list []opened, err error) {
	defer func() {
		if err != nil {
			closeAll(list)
			list = nil
		}
	}()
	user, userID := -1, id{}
	for _, j := range joins {
		fd, err := unix.Open(j.Path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return list, fail.Call(fmt.Sprintf("open(%q)", j.Path), err, openCause(j, err))
		}
		list = append(list, opened{Join: j, fd: fd})
		is, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
		if err != nil {
			return list, fmt.Errorf("linux.namespaces: %q is not a namespace; the path of a %s namespace is a file like /proc/PID/ns/%s, or one that it is bind-mounted to",
				j.Path, kindOf(j.Flag).spec, kindOf(j.Flag).file)
		}
		if uintptr(is) != j.Flag {
			return list, fmt.Errorf("linux.namespaces: %q is a %s namespace, and given as %s", j.Path, kindOf(uintptr(is)).spec, kindOf(j.Flag).spec)
		}
		there, err := idOf(fd)
		if err != nil {
			return list, err
		}
		here, err := idAt("/proc/self/ns/" + kindOf(j.Flag).file)
		if err != nil {
			return list, err
		}
		switch {
		case here == there:
			unix.Close(fd)
			list = list[:len(list)-1]
		case j.Flag == unix.CLONE_NEWUSER:
			user, userID = len(list)-1, there
		}
	}
	if user < 0 {
		return list, nil
	}
	// A process has no rights over the namespaces of the user namespace that it leaves, and as a rule
	// it has none yet over those of the one that it enters.
	for i := range list {
		if i != user {
			list[i].late = ownedBy(list[i].fd, userID)
		}
	}
	return list, nil
}

func closeAll(list []opened) {
	for _, o := range list {
		unix.Close(o.fd)
	}
}

// order calls f for each namespace in the order in which they are joined.
func order(list []opened, f func(*opened)) {
	for pass := 0; pass < 3; pass++ {
		for i := range list {
			o := &list[i]
			user := o.Flag == unix.CLONE_NEWUSER
			if pass == 0 && !user && !o.late || pass == 1 && user || pass == 2 && o.late {
				f(o)
			}
		}
	}
}

// An id is what tells namespaces apart (ioctl_ns(2), namespaces(7)).
type id struct{ dev, ino uint64 }

func idAt(path string) (id, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return id{}, fail.Call(fmt.Sprintf("stat(%q)", path), err, "is /proc mounted?")
	}
	return id{uint64(st.Dev), st.Ino}, nil
}

func idOf(fd int) (id, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return id{}, fail.Call(fmt.Sprintf("fstat(%d)", fd), err, "")
	}
	return id{uint64(st.Dev), st.Ino}, nil
}

// ownedBy tells whether a namespace belongs to a user namespace. If that is not to be known, it is
// one that we have no rights over.
func ownedBy(fd int, user id) bool {
	owner, err := unix.IoctlRetInt(fd, unix.NS_GET_USERNS)
	if err != nil {
		return false
	}
	defer unix.Close(owner)
	is, err := idOf(owner)
	return err == nil && is == user
}
