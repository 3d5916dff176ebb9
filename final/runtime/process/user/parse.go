package user

import (
	"fmt"
	"strings"
)

// A Request is a user, and perhaps a group, as somebody asked for them: by number or by name.
type Request struct {
	User  Who
	Group *Who // nil if none was named
}

// A Who is the name or the number of a user or a group. Name is empty if it is the number.
type Who struct {
	Name string
	ID   uint32
}

// String returns the name or the number.
func (w Who) String() string {
	if w.Name != "" {
		return w.Name
	}
	return fmt.Sprint(w.ID)
}

// String writes the request as it is typed.
func (r Request) String() string {
	if r.Group == nil {
		return r.User.String()
	}
	return r.User.String() + ":" + r.Group.String()
}

// Parse reads USER or USER:GROUP, where each is a number from 0 to 4294967294, in decimal digits and
// without leading zeros, or a name. Nothing else is taken: no sign, no space, no empty part.
func Parse(text string) (r Request, err error) {
	user, group, both := strings.Cut(text, ":")
	if r.User, err = parseWho(user); err != nil {
		return Request{}, fmt.Errorf("user %q: the user is not valid: %w", text, err)
	}
	if both {
		g, err := parseWho(group)
		if err != nil {
			return Request{}, fmt.Errorf("user %q: the group is not valid: %w", text, err)
		}
		r.Group = &g
	}
	return r, nil
}

// maxName is the longest name that is looked for (LOGIN_NAME_MAX of limits.h).
const maxName = 256

func parseWho(text string) (Who, error) {
	switch {
	case text == "":
		return Who{}, fmt.Errorf("it is empty; write USER or USER:GROUP")
	case isDigits(text):
		id, ok := number(text)
		if !ok {
			return Who{}, fmt.Errorf("a number is at most 4294967294 and has no leading zeros")
		}
		return Who{ID: id}, nil
	case len(text) > maxName:
		return Who{}, fmt.Errorf("a name has at most %d bytes", maxName)
	case '0' <= text[0] && text[0] <= '9' || strings.ContainsRune("+-", rune(text[0])):
		return Who{}, fmt.Errorf("it begins like a number, but is none; a name does not begin so")
	}
	for i := 0; i < len(text); i++ {
		if c := text[i]; c <= ' ' || c == 0x7f || strings.IndexByte(":,/", c) >= 0 {
			return Who{}, fmt.Errorf("a name has no %q in it", c)
		}
	}
	return Who{Name: text}, nil
}

func isDigits(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// number reads a user or group id. The greatest of 32 bits is none: to the kernel it is -1, "leave it".
func number(digits string) (uint32, bool) {
	if !isDigits(digits) || len(digits) > 10 || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	n := uint64(0)
	for i := 0; i < len(digits); i++ {
		n = n*10 + uint64(digits[i]-'0')
	}
	return uint32(n), n < 1<<32-1
}
