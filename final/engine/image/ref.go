package image

import (
	"fmt"
	"strings"
)

// A Ref is the name of an image: DOMAIN/PATH:TAG or DOMAIN/PATH@DIGEST.
type Ref struct {
	Domain string // "docker.io", "127.0.0.1:5000"
	Path   string // "library/busybox"
	Tag    string // "latest"; "" if there is a digest
	Digest string // "sha256:..."; "" if there is none
}

const (
	defaultDomain = "docker.io"
	officialRepo  = "library/"
	maxName       = 255
	maxTag        = 128
)

// ParseRef reads a name as people write it. What is left out is Docker's: busybox is docker.io/library/busybox:latest.
func ParseRef(text string) (Ref, error) {
	bad := func(why string) (Ref, error) {
		return Ref{}, fmt.Errorf("invalid reference format: %.300q: %s", text, why)
	}
	var r Ref
	rest, digest, hasDigest := strings.Cut(text, "@")
	if hasDigest {
		if !IsDigest(digest) {
			return bad("a digest is sha256: and 64 hexadecimal digits")
		}
		r.Digest = digest
	}
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		if r.Tag, rest = rest[i+1:], rest[:i]; !isTag(r.Tag) {
			return bad("a tag has letters, digits, _ . and -, 128 of them at most, and begins with none of . and -")
		}
	} else if !hasDigest {
		r.Tag = "latest"
	}
	r.Domain, r.Path = defaultDomain, rest
	if first, more, ok := strings.Cut(rest, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost" || first != strings.ToLower(first)) {
		r.Domain, r.Path = first, more
	}
	if r.Domain == "index.docker.io" {
		r.Domain = defaultDomain
	}
	if r.Domain == defaultDomain && !strings.Contains(r.Path, "/") {
		r.Path = officialRepo + r.Path
	}
	switch {
	case rest == "" || len(r.Domain)+1+len(r.Path) > maxName:
		return bad("the name is empty or longer than 255 characters")
	case !isDomain(r.Domain):
		return bad("the part before the first / is not a host name, with or without :PORT")
	case r.Path != strings.ToLower(r.Path):
		return bad("repository name must be lowercase")
	}
	for _, part := range strings.Split(r.Path, "/") {
		if !isPathPart(part) {
			return bad("each part of the name has small letters and digits, and between them single . or _, two _, or any number of -")
		}
	}
	if len(rest) == 64 && isHex(rest) {
		return bad("a name can't look like an image's ID")
	}
	return r, nil
}

// Repo returns the name without tag and digest, as short as Docker prints it: busybox, 127.0.0.1:5000/web.
func (r Ref) Repo() string {
	if r.Domain != defaultDomain {
		return r.Domain + "/" + r.Path
	}
	return strings.TrimPrefix(r.Path, officialRepo)
}

// String returns the name as Docker prints it: busybox:latest.
func (r Ref) String() string {
	s := r.Repo()
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}

// IsDigest says whether s is a SHA-256 digest as blobs are named.
func IsDigest(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(hex) == 64 && isHex(hex)
}

func isHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return s != ""
}

func isAlnum(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' }

func isTag(s string) bool {
	if s == "" || len(s) > maxTag || s[0] == '.' || s[0] == '-' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !(isAlnum(c) || c >= 'A' && c <= 'Z' || c == '_' || c == '.' || c == '-') {
			return false
		}
	}
	return true
}

func isDomain(s string) bool {
	host, port, hasPort := strings.Cut(s, ":")
	if hasPort && (port == "" || strings.Trim(port, "0123456789") != "" || len(port) > 5) {
		return false
	}
	for _, part := range strings.Split(host, ".") {
		low := strings.ToLower(part)
		if part == "" || !isAlnum(low[0]) || !isAlnum(low[len(low)-1]) || strings.Trim(low, "-0123456789abcdefghijklmnopqrstuvwxyz") != "" {
			return false
		}
	}
	return true
}

func isPathPart(s string) bool {
	if s == "" || !isAlnum(s[0]) || !isAlnum(s[len(s)-1]) {
		return false
	}
	for i := 0; i < len(s); {
		if isAlnum(s[i]) {
			i++
			continue
		}
		j := i
		for !isAlnum(s[j]) { // the last is
			j++
		}
		if sep := s[i:j]; sep != "." && sep != "_" && sep != "__" && strings.Trim(sep, "-") != "" {
			return false
		}
		i = j
	}
	return true
}
