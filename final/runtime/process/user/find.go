package user

import (
	"bytes"
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// The files of the container; init looks when its root is the container's.
const (
	passwd = "/etc/passwd"
	group  = "/etc/group"
)

// Find turns a request into numbers.
//
// What the request does not say comes from before, the user that the container's configuration names.
// A user by number changes the uid alone, as runc's `exec --user` does; a group, by number or name,
// changes the gid. A user by name is looked up in the container's /etc/passwd, and brings the group
// from there and, if the request names none, as supplementary groups those of /etc/group that list
// the name, as Docker has it. The group itself is among the supplementary ones, for else a program
// could leave it, and with it the reach of a file's mode that keeps the group out (CVE-2022-36109).
func (r Request) Find(before specs.User) (specs.User, error) { return r.find(before, passwd, group) }

func (r Request) find(u specs.User, passwd, group string) (specs.User, error) {
	u.UID = r.User.ID
	if r.User.Name != "" {
		e, found, err := find(passwd, func(e *entry) bool { return e.name == r.User.Name })
		if err != nil {
			return u, err
		}
		if !found {
			return u, fmt.Errorf("user %q: the container's %s has no user %q; name one that it has, or give a number", r, passwd, r.User.Name)
		}
		u.UID, u.GID = e.uid, e.gid
		if r.Group == nil {
			u.AdditionalGids, err = groupsOf(e, group)
			return u, err
		}
	}
	if r.Group == nil {
		return u, nil
	}
	var err error
	if u.GID, err = r.gid(group); err != nil {
		return u, err
	}
	if r.User.Name != "" {
		u.AdditionalGids = []uint32{u.GID}
	}
	return u, nil
}

// gid returns the number of the group that the request names.
func (r Request) gid(group string) (gid uint32, err error) {
	if r.Group.Name == "" {
		return r.Group.ID, nil
	}
	found := false
	err = lines(group, func(line []byte) bool {
		name, _, id, ok := parseGroup(line)
		found = ok && string(name) == r.Group.Name
		if found {
			gid = id
		}
		return !found
	})
	if err == nil && !found {
		err = fmt.Errorf("user %q: the container's %s has no group %q; name one that it has, or give a number", r, group, r.Group.Name)
	}
	return gid, err
}

// find returns the first entry of passwd for which match says so.
func find(passwd string, match func(e *entry) bool) (e entry, found bool, err error) {
	err = lines(passwd, func(line []byte) bool {
		var ok bool
		e, ok = parsePasswd(line)
		found = ok && match(&e)
		return !found
	})
	return e, found, err
}

// maxGroups is how many supplementary groups a process can have (NGROUPS_MAX of linux/limits.h).
const maxGroups = 65536

// groupsOf returns a user's own group, and those that list the user as a member.
func groupsOf(e entry, group string) (gids []uint32, err error) {
	gids = []uint32{e.gid}
	err = lines(group, func(line []byte) bool {
		_, members, gid, ok := parseGroup(line)
		for ok && len(members) > 0 {
			var member []byte
			member, members, _ = bytes.Cut(members, []byte{','})
			if string(member) == e.name && gid != e.gid {
				gids = append(gids, gid)
				break
			}
		}
		return len(gids) < maxGroups
	})
	return gids, err
}

// Home returns the home directory of a user by number, from the container's /etc/passwd: the first
// entry counts. It is "/" if the file does not tell, and then err may say why it could not.
func Home(uid uint32) (dir string, err error) { return home(uid, passwd) }

func home(uid uint32, passwd string) (string, error) {
	e, found, err := find(passwd, func(e *entry) bool { return e.uid == uid })
	if !found || e.home == "" {
		return "/", err
	}
	return e.home, nil
}
