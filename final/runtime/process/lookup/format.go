package lookup

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A file is a program that is being looked at.
type file int

// open opens a regular file; nil if it is none, or may not be read.
func open(path string) *file {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	f := file(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		f.close()
		return nil
	}
	return &f
}

func (f *file) close() { unix.Close(int(*f)) }

// at returns up to n bytes from an offset on.
func (f *file) at(offset int64, n int) []byte {
	if offset < 0 {
		return nil
	}
	buf := make([]byte, n)
	n, _ = unix.Pread(int(*f), buf, offset)
	return buf[:max(n, 0)]
}

// head returns the beginning of the file, as much as the kernel looks at to tell what it is
// (BINPRM_BUF_SIZE of linux/binfmts.h).
func (f *file) head() []byte { return f.at(0, 256) }

// magics are the first bytes of files that people take for programs.
var magics = [...]struct{ bytes, what string }{
	{"MZ", "a program for Windows"},
	{"\xcf\xfa\xed\xfe", "a program for macOS"},
	{"\xce\xfa\xed\xfe", "a program for macOS"},
	{"\xca\xfe\xba\xbe", "a program for macOS, or a Java class"},
	{"\x00asm", "a WebAssembly module"},
	{"PK\x03\x04", "a zip or jar archive"},
	{"\x1f\x8b", "compressed by gzip"},
	{"BZh", "compressed by bzip2"},
	{"\xfd7zXZ", "compressed by xz"},
	{"\x28\xb5\x2f\xfd", "compressed by zstd"},
	{"!<arch>\n", "a library of object files"},
}

// byteOrderMark is what some editors put at the beginning of a text in UTF-8.
const byteOrderMark = "\xef\xbb\xbf"

// whyFormat explains ENOEXEC.
func whyFormat(path string) string {
	f := open(path)
	if f == nil {
		return "the kernel does not know the file's format"
	}
	defer f.close()
	head := f.head()
	if e, ok := parseELF(f.at); ok {
		return e.why()
	}
	for _, m := range magics {
		if strings.HasPrefix(string(head), m.bytes) {
			return "it is " + m.what + ", which Linux does not execute"
		}
	}
	if cause := whyNoScript(head); cause != "" {
		return cause
	}
	switch {
	case len(head) == 0:
		return "the file is empty; was it copied whole?"
	case strings.HasPrefix(string(head), "\x7fELF"):
		return "it is a program, but the file ends too early; was it copied whole?"
	case isText(head):
		return fmt.Sprintf("it is a text without a #! line, which would name what runs it; "+
			"begin it with #!/bin/sh, say, or run it by name: sh %s", path)
	}
	return "the kernel does not know the file's format"
}

// isText says whether there is nothing but printable characters.
func isText(head []byte) bool {
	for _, c := range head {
		if c < ' ' && !bytes.ContainsRune([]byte("\t\n\r\f"), rune(c)) {
			return false
		}
	}
	return true
}
