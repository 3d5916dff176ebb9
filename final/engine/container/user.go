package container

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"jocker/final/engine/inroot"
)

// The kernel knows users by number, and a runtime wants numbers. Names are a matter of the container's own etc/passwd and
// etc/group, which a stranger wrote: they are opened in the container's root and read up to a limit, and lines that
// make no sense are passed over.

const maxUserFile = 1 << 20

// findUser returns who is meant by USER or USER:GROUP, names or numbers, and further groups, and the user's home directory.
func findUser(root *inroot.Dir, text string, groups []string) (user specs.User, home string, err error) {
	passwd, err := readUsers(root, "etc/passwd")
	if err != nil {
		return user, "", err
	}
	group, err := readUsers(root, "etc/group")
	if err != nil {
		return user, "", err
	}
	name, groupName, hasGroup := strings.Cut(text, ":")
	if name == "" {
		name = "0"
	}
	home = "/"
	id, isNumber := number(name)
	found := false
	login := name
	for _, f := range passwd {
		uid, ok1 := number(field(f, 2))
		gid, ok2 := number(field(f, 3))
		if !ok1 || !ok2 || !(field(f, 0) == name || isNumber && uid == id) {
			continue
		}
		found, user.UID, user.GID, login = true, uid, gid, field(f, 0)
		if dir := field(f, 5); dir != "" {
			home = dir
		}
		break
	}
	if !found {
		if !isNumber {
			return user, "", fmt.Errorf("unable to find user %s: no matching entries in passwd file", name)
		}
		user.UID = id
	}
	if hasGroup {
		if user.GID, err = findGroup(group, groupName); err != nil {
			return user, "", err
		}
	} else if found {
		for _, f := range group { // also the groups that list the user as a member
			if gid, ok := number(field(f, 2)); ok && slices.Contains(strings.Split(field(f, 3), ","), login) {
				user.AdditionalGids = append(user.AdditionalGids, gid)
			}
		}
	}
	// The own group is listed as well: or a program that a setgid bit gave another could leave the own one behind, and a file that
	// is closed to just this group would be open to it (CVE-2022-36109).
	user.AdditionalGids = append([]uint32{user.GID}, user.AdditionalGids...)
	for _, g := range groups {
		gid, err := findGroup(group, g)
		if err != nil {
			return user, "", err
		}
		user.AdditionalGids = append(user.AdditionalGids, gid)
	}
	return user, home, nil
}

func findGroup(group [][]string, name string) (uint32, error) {
	for _, f := range group {
		if gid, ok := number(field(f, 2)); ok && field(f, 0) == name {
			return gid, nil
		}
	}
	if gid, ok := number(name); ok {
		return gid, nil
	}
	return 0, fmt.Errorf("Unable to find group %s: no matching entries in group file", name)
}

// readUsers reads a file of lines of fields with colons between them. If there is none it is as if it were empty.
func readUsers(root *inroot.Dir, path string) (lines [][]string, err error) {
	data, err := root.ReadFile(path, maxUserFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("the container's %s: %w", path, err)
	}
	for _, line := range bytes.Split(data, []byte("\n")) {
		lines = append(lines, strings.Split(string(line), ":"))
	}
	return lines, nil
}

func field(f []string, i int) string {
	if i < len(f) {
		return f[i]
	}
	return ""
}

// number reads an ID. -1, which means "leave it as it is" to the kernel, is none.
func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n != 1<<32-1
}

// Owner returns the user and group that USER or USER:GROUP means, names or numbers, in a root. Without a group, that is the user's own
// if it has a name, or else the number is the same.
func Owner(root *inroot.Dir, text string) (uid, gid uint32, err error) {
	user, _, err := findUser(root, text, nil)
	if _, _, ok := strings.Cut(text, ":"); !ok && err == nil && user.GID == 0 {
		if n, isNumber := number(text); isNumber {
			user.GID = n
		}
	}
	return user.UID, user.GID, err
}
