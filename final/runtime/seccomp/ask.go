package seccomp

import (
	"golang.org/x/sys/unix"

	"jocker/final/runtime/seccomp/internal/bpf"
)

// Ask runs the program without the kernel: it returns the answer, SECCOMP_RET_* with its data
// (seccomp(2)), that the filter gives for a call of the native architecture by name. known is false
// if the architecture has no such call.
//
// So a runtime can find out beforehand whether the profile forbids what it has yet to do when the
// filter is loaded, execve above all. The filter must come from Compile or CompileFor.
func (f *Filter) Ask(name string, args ...uint64) (ret uint32, known bool) {
	row := lookup(name)
	if row == nil || row.nr[f.column] < 0 {
		return 0, false
	}
	d := bpf.Data{Nr: row.nr[f.column], Arch: f.native.audit}
	copy(d.Args[:], args)
	ret, _ = bpf.Run(f.Program, d)
	return ret, true
}

// Allows says whether the filter lets a call of the native architecture happen: the answer is allow
// or log. A call that the architecture does not have is not allowed.
func (f *Filter) Allows(name string, args ...uint64) bool {
	ret, known := f.Ask(name, args...)
	return known && (ret == unix.SECCOMP_RET_ALLOW || ret == unix.SECCOMP_RET_LOG)
}
