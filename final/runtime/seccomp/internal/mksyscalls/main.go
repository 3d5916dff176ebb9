// Mksyscalls writes zsyscalls.go: the number of every system call on every architecture that the
// package compiles for.
//
//	apt-get install linux-libc-dev linux-libc-dev-{arm64,armhf,riscv64,s390x,ppc64el,mips64el,hppa}-cross
//	go generate ./final/runtime/seccomp
//
// A system call has a number per architecture, and the kernel's own headers are where the numbers
// are written down: asm/unistd*.h, as `#define __NR_read 0`. The headers are full of #if, so the C
// preprocessor reads them, and reads them twice: first for the names (-dM lists every macro), then
// for their values.
//
// With -root DIR the headers are looked for below DIR, for packages that were unpacked there with
// dpkg-deb -x and not installed.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// source is one architecture's headers.
type source struct {
	dirs   []string // include directories, below -root
	header string   // what to include
	define []string // what a compiler for the architecture would define
}

// columns are the architectures of the table, in the order of the constants in arch.go.
var columns = []source{
	{[]string{"usr/include/x86_64-linux-gnu", "usr/include"}, "asm/unistd_64.h", nil},
	{[]string{"usr/include/x86_64-linux-gnu", "usr/include"}, "asm/unistd_x32.h", []string{"__X32_SYSCALL_BIT=0"}},
	{[]string{"usr/include/x86_64-linux-gnu", "usr/include"}, "asm/unistd_32.h", nil},
	{[]string{"usr/aarch64-linux-gnu/include"}, "asm/unistd.h", []string{"__aarch64__"}},
	{[]string{"usr/arm-linux-gnueabihf/include"}, "asm/unistd.h", []string{"__arm__", "__ARM_EABI__"}},
}

// others are architectures of which only the names are kept: a profile may list them, and they are
// no spelling mistakes.
var others = []source{
	{[]string{"usr/riscv64-linux-gnu/include"}, "asm/unistd.h", []string{"__riscv", "__LP64__"}},
	{[]string{"usr/s390x-linux-gnu/include"}, "asm/unistd_64.h", nil},
	{[]string{"usr/s390x-linux-gnu/include"}, "asm/unistd_32.h", nil},
	{[]string{"usr/powerpc64le-linux-gnu/include"}, "asm/unistd_64.h", nil},
	{[]string{"usr/powerpc64le-linux-gnu/include"}, "asm/unistd_32.h", nil},
	{[]string{"usr/mips64el-linux-gnuabi64/include"}, "asm/unistd_n64.h", []string{"__NR_Linux=0"}},
	{[]string{"usr/mips64el-linux-gnuabi64/include"}, "asm/unistd_o32.h", []string{"__NR_Linux=0"}},
	{[]string{"usr/hppa-linux-gnu/include"}, "asm/unistd_64.h", nil},
	{[]string{"usr/hppa-linux-gnu/include"}, "asm/unistd_32.h", nil},
}

// newer are the system calls that Linux got after the headers of Debian 12, which are those of 6.1.
// Since 5.1 a new call gets one number for all architectures.
var newer = []struct {
	name  string
	nr    int
	since string
	skip  string // columns without it, as "01001"
}{
	{"cachestat", 451, "6.5", "00000"},
	{"fchmodat2", 452, "6.6", "00000"},
	{"map_shadow_stack", 453, "6.6", "01000"},
	{"futex_wake", 454, "6.7", "00000"},
	{"futex_wait", 455, "6.7", "00000"},
	{"futex_requeue", 456, "6.7", "00000"},
	{"statmount", 457, "6.8", "00000"},
	{"listmount", 458, "6.8", "00000"},
	{"lsm_get_self_attr", 459, "6.8", "00000"},
	{"lsm_set_self_attr", 460, "6.8", "00000"},
	{"lsm_list_modules", 461, "6.8", "00000"},
	{"mseal", 462, "6.10", "00000"},
	{"setxattrat", 463, "6.13", "00000"},
	{"getxattrat", 464, "6.13", "00000"},
	{"listxattrat", 465, "6.13", "00000"},
	{"removexattrat", 466, "6.13", "00000"},
	{"open_tree_attr", 467, "6.15", "00000"},
	{"file_getattr", 468, "6.17", "00000"},
	{"file_setattr", 469, "6.17", "00000"},
	{"uretprobe", 335, "6.11", "01111"},
	{"uprobe", 336, "6.18", "01111"},
}

// newerElsewhere are calls of the other architectures that came after 6.1.
var newerElsewhere = []string{"riscv_hwprobe"}

// notCalls matches macros that look like a system call and are none.
var notCalls = regexp.MustCompile(`^(syscalls|arch_specific_syscall|.*BASE|SYSCALL_MASK|.*Linux(_syscalls)?|(unused|reserved)\d+)$`)

var root = flag.String("root", "/", "where the headers' packages are unpacked")

func main() {
	log.SetFlags(0)
	log.SetPrefix("mksyscalls: ")
	out := flag.String("o", "zsyscalls.go", "file to write")
	flag.Parse()

	table := map[string][]int{}
	at := func(name string) []int {
		if table[name] == nil {
			table[name] = []int{-1, -1, -1, -1, -1}
		}
		return table[name]
	}
	for i, column := range columns {
		for name, nr := range column.read() {
			at(name)[i] = nr
		}
	}
	for _, n := range newer {
		for i := range columns {
			if n.skip[i] == '0' {
				at(n.name)[i] = n.nr
			}
		}
	}
	foreign := map[string]bool{}
	for _, other := range others {
		for name := range other.read() {
			foreign[name] = table[name] == nil
		}
	}
	for _, name := range newerElsewhere {
		foreign[name] = table[name] == nil
	}
	if err := os.WriteFile(*out, render(table, foreign), 0o644); err != nil {
		log.Fatal(err)
	}
}

var macro = regexp.MustCompile(`(?m)^#define __(?:ARM_)?NR_(\w+) `)

// read returns the architecture's calls and their numbers.
func (s source) read() map[string]int {
	var ask strings.Builder
	fmt.Fprintf(&ask, "#include <%s>\n", s.header)
	for _, m := range macro.FindAllStringSubmatch(s.preprocess(ask.String(), "-dM"), -1) {
		if name := m[1]; !notCalls.MatchString(name) {
			fmt.Fprintf(&ask, "#ifdef __NR_%s\nCALL %q __NR_%s\n#else\nCALL %q __ARM_NR_%s\n#endif\n", name, name, name, name, name)
		}
	}
	calls := map[string]int{}
	for _, line := range strings.Split(s.preprocess(ask.String(), "-P"), "\n") {
		word := strings.SplitN(line, " ", 3)
		if word[0] != "CALL" || strings.Contains(word[2], "NR_") {
			continue
		}
		calls[strings.Trim(word[1], `"`)] = sum(word[2])
	}
	if len(calls) < 200 {
		log.Fatalf("%s has %d system calls only: are the headers there?", s.header, len(calls))
	}
	return calls
}

// preprocess hands C text to the preprocessor.
func (s source) preprocess(text, mode string) string {
	args := []string{"-E", "-undef", "-nostdinc", mode}
	for _, d := range s.define {
		args = append(args, "-D"+d)
	}
	for _, dir := range s.dirs {
		args = append(args, "-I"+filepath.Join(*root, dir))
	}
	cc := exec.Command("cc", append(args, "-x", "c", "-")...)
	cc.Stdin = strings.NewReader(text)
	cc.Stderr = os.Stderr
	out, err := cc.Output()
	if err != nil {
		log.Fatalf("cc -E %s: %v", s.header, err)
	}
	return string(out)
}

// sum evaluates what the headers write for a number: 17, (0 + 17), ((0x0f0000)+5).
func sum(expression string) int {
	total := 0
	for _, term := range strings.Split(expression, "+") {
		n, err := strconv.ParseInt(strings.Trim(term, "() "), 0, 32)
		if err != nil {
			log.Fatalf("cannot evaluate %q", expression)
		}
		total += int(n)
	}
	return total
}

// render writes the Go file.
func render(table map[string][]int, foreign map[string]bool) []byte {
	var b bytes.Buffer
	b.WriteString(`// Code generated by internal/mksyscalls from the kernel's headers. DO NOT EDIT.

package seccomp

// table has every system call's number by architecture, sorted by name. The columns are x86_64, x32
// (without bit 30), x86, aarch64 and arm; -1 is a call that the architecture lacks.
var table = [...]call{
`)
	for _, name := range sorted(table) {
		nr := table[name]
		fmt.Fprintf(&b, "{%q, [...]int32{%d, %d, %d, %d, %d}},\n", name, nr[0], nr[1], nr[2], nr[3], nr[4])
	}
	b.WriteString(`}

// foreign has the names that only other architectures know.
const foreign = ` + "`")
	line := ""
	for _, name := range sorted(foreign) {
		if !foreign[name] {
			continue
		}
		if len(line)+len(name) > 96 {
			b.WriteString(strings.TrimSpace(line) + "\n")
			line = ""
		}
		line += name + " "
	}
	b.WriteString(strings.TrimSpace(line) + "`\n")
	text, err := format.Source(b.Bytes())
	if err != nil {
		log.Fatal(err)
	}
	return text
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
