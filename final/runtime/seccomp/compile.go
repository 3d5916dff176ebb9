package seccomp

import (
	"fmt"
	"runtime"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// MaxInstructions is the length of the longest program that the kernel takes (BPF_MAXINSNS of
// linux/bpf_common.h).
const MaxInstructions = 4096

// A Filter is a compiled profile.
type Filter struct {
	// Program is for Load. It is plain data, and can be sent to the process that loads it.
	Program []unix.SockFilter
	// Flags are SECCOMP_FILTER_FLAG_* bits for Load. NEW_LISTENER is among them if a rule has the
	// action SCMP_ACT_NOTIFY.
	Flags uint
	// ListenerPath and ListenerMetadata are those of the profile: to whom the file descriptor that
	// Load returns for NEW_LISTENER is to be sent, and what is to be said (config-linux.md,
	// "listenerPath" and "The Container Process State"). Empty if no rule notifies.
	ListenerPath, ListenerMetadata string
	// Unknown has the names in the profile that are a system call of no architecture. Their rules
	// are left out. Names of calls that only another architecture has are not in it.
	Unknown []string

	native *arch
	column int
}

// Compile compiles a profile, config.json's linux.seccomp, for the architecture that this program
// was built for. A wrong profile gives an error of one sentence that begins with the field, such as
// "linux.seccomp.syscalls[3].args[0].op".
//
// The filter answers as one made by runc with libseccomp does; the comments on the parts say what
// that means. Briefly: a foreign architecture kills the thread; a call newer than any that the
// profile names gets ENOSYS; a rule without conditions goes before rules with conditions; a rule
// that repeats the default is no rule.
func Compile(p *specs.LinuxSeccomp) (*Filter, error) {
	native, known := Native()
	if !known {
		return nil, fmt.Errorf("linux.seccomp: this runtime has no system call table for %s", runtime.GOARCH)
	}
	return CompileFor(native, p)
}

// CompileFor is Compile for another architecture: one of x86_64, x86, aarch64 and arm.
//
// Architectures in the profile that a kernel of the native one cannot run are left out: their calls
// do not occur.
func CompileFor(native specs.Arch, p *specs.LinuxSeccomp) (*Filter, error) {
	c := compiler{}
	if err := c.read(native, p); err != nil {
		return nil, err
	}
	f := &Filter{Flags: c.flags, Unknown: c.unknown, native: c.list[0].arch, column: c.list[0].column}
	f.Program = assemble(c.graph())
	if len(f.Program) > MaxInstructions {
		c.memory = memory{plain: true}
		f.Program = assemble(c.graph())
	}
	if len(f.Program) > MaxInstructions {
		return nil, fmt.Errorf("linux.seccomp.syscalls: the filter has %d instructions, the kernel takes %d at most: "+
			"there are too many rules with arguments", len(f.Program), MaxInstructions)
	}
	if c.notify {
		f.ListenerPath, f.ListenerMetadata = p.ListenerPath, p.ListenerMetadata
	}
	return f, nil
}

// A compiler works on one profile.
type compiler struct {
	deflt   uint32   // the default action
	list    []*sheet // native first
	notify  bool     // a rule notifies
	flags   uint
	unknown []string
	memory  memory
}

// read checks the profile and takes it in.
func (c *compiler) read(native specs.Arch, p *specs.LinuxSeccomp) error {
	var err error
	c.deflt, err = answer(p.DefaultAction, p.DefaultErrnoRet, -1)
	if err != nil {
		return err
	}
	if p.DefaultAction == specs.ActNotify {
		return fmt.Errorf("linux.seccomp.defaultAction: %s cannot be the default, "+
			"for the process would have to ask before it can hand over whom to ask", specs.ActNotify)
	}
	if err := c.architectures(native, p.Architectures); err != nil {
		return err
	}
	if err := c.sheets(p); err != nil {
		return err
	}
	for i := range p.Syscalls {
		c.notify = c.notify || p.Syscalls[i].Action == specs.ActNotify
	}
	if c.notify && p.ListenerPath == "" {
		return fmt.Errorf("linux.seccomp.listenerPath: is empty, but a rule has %s and somebody must answer", specs.ActNotify)
	}
	if p.ListenerMetadata != "" && p.ListenerPath == "" {
		return fmt.Errorf("linux.seccomp.listenerMetadata: is set without a listenerPath to send it to")
	}
	c.flags, err = parseFlags(p.Flags, c.notify)
	return err
}

// architectures makes a sheet for each architecture. The native one is always among them.
func (c *compiler) architectures(native specs.Arch, also []specs.Arch) error {
	first := columnOf(native)
	if first < 0 || first == x32 {
		return fmt.Errorf("linux.seccomp: cannot compile for %q", native)
	}
	var have [columns]bool
	include := func(column int) {
		if column >= 0 && related(first, column) && !have[column] {
			have[column] = true
			c.list = append(c.list, &sheet{arch: &archs[column], column: column, newest: -1})
		}
	}
	include(first)
	for i, a := range also {
		if !validArch(a) {
			return fmt.Errorf("linux.seccomp.architectures[%d]: %q is not an architecture of the OCI specification", i, a)
		}
		include(columnOf(a))
	}
	return nil
}

// graph makes the whole filter: a question for each architecture, and behind it the tree of its
// system calls. What comes from another architecture kills.
func (c *compiler) graph() *node {
	var withX32 *sheet
	for _, s := range c.list {
		if s.column == x32 {
			withX32 = s
		}
	}
	root := c.memory.ret(retKillThread)
	for i := len(c.list) - 1; i >= 0; i-- {
		s := c.list[i]
		if s.column == x32 {
			continue
		}
		calls, _ := tree(c.spans(s, withX32), 1<<32-1)
		root = &node{offset: archOffset, kind: equal, k: s.audit, yes: calls, no: root}
	}
	return root
}
