package check

func init() {
	for id, list := range extraMutants {
		mutants[id] = list
	}
}

// extraMutants are mistakes in the extra exercises: two or more each.
var extraMutants = map[string][]mutant{
	"lab01-pids": {
		{"os.WriteFile creates", "creates-files", "", []string{"main.go", "body of limit", `if n < 1 {
		return fmt.Errorf("-n %d", n)
	}
	return os.WriteFile(filepath.Join(dir, "pids.max"), []byte(strconv.Itoa(n)), 0o644)`}},
		{"0 is a number", "zero-allowed", "", []string{"main.go", "if n < 1 {", "if n < 0 {"}},
		{"the first line is it", "events-misread", "", []string{"main.go", `strings.CutPrefix(line, "max ")`, `strings.CutPrefix(line, strings.Fields(line)[0]+" ")`}},
		{"no file, no event", "events-silent", "", []string{"main.go", "return 0, err\n", "return 0, nil\n"}},
	},
	"lab01-nest": {
		{"files first", "files-first", "", []string{"main.go", "\t\tif e.IsDir() {\n", "\t\tif e.IsDir() || os.Remove(filepath.Join(dir, e.Name())) != nil && e.Name() == \"cgroup.procs\" {\n", "main.go", "if err != nil && !errors.Is(err, fs.ErrNotExist) {\n\t\treturn err", "if err != nil && !errors.Is(err, fs.ErrNotExist) {\n\t\treturn os.Remove(dir)"}},
		{"the outermost first", "children-left", "", []string{"main.go", "body of removeAll", "var _ = errors.Is\n\treturn syscall.Rmdir(dir)"}},
		{"no cleaning up", "leaves-parts", "", []string{"main.go", "\t\t\tremoveAll(parent)\n", ""}},
		{"the limit in a child", "parent-unlimited", "", []string{"main.go", "[]byte(limit), 0)", "[]byte(\"67108864\"), 0)"}},
		{"the controller isn't handed on", "-", "not-handed-on", []string{"main.go", `"cgroup.subtree_control"), []byte("+memory"), 0)`, `"cgroup.subtree_control"), []byte(""), 0)`}},
	},
	"lab02-robind": {
		{"one call", "still-writable", "", []string{"main.go", "body of bindReadOnly", "return os.NewSyscallError(\"mount\", syscall.Mount(folder, place, \"\", syscall.MS_BIND|syscall.MS_REC|syscall.MS_RDONLY|syscall.MS_NOSUID|syscall.MS_NODEV, \"\"))"}},
		{"the other flags are forgotten", "flags-lost", "", []string{"main.go", " | syscall.MS_NOSUID | syscall.MS_NODEV", ""}},
		{"not recursive", "not-recursive", "", []string{"main.go", `syscall.MS_BIND|syscall.MS_REC, "")`, `syscall.MS_BIND, "")`}},
		{"the whole file system", "file-system-read-only", "", []string{"main.go", "syscall.MS_REMOUNT | syscall.MS_BIND | syscall.MS_RDONLY", "syscall.MS_REMOUNT | syscall.MS_RDONLY"}},
	},
	"lab02-enter": {
		{"root is shared", "shares-its-root", "", []string{"main.go", "syscall.Unshare(syscall.CLONE_FS)", "syscall.Unshare(0)"}},
		{"the host name's is forgotten", "not-entered-uts", "", []string{"main.go", "\t\tif err := setns(f", "\t\tif kinds[i].name == \"uts\" {\n\t\t\tcontinue\n\t\t}\n\t\tif err := setns(f"}},
		{"our own namespaces", "wrong-namespaces", "", []string{"main.go", "strconv.Itoa(pid), \"ns\"", "\"self\", \"ns\""}},
		{"the PID namespace is forgotten", "not-entered-pid", "", []string{"main.go", "		if err := setns(f", "		if kinds[i].name == \"pid\" {\n\t\t\tcontinue\n\t\t}\n		if err := setns(f"}},
	},
	"lab03-reap": {
		{"waits for the program only", "zombies-left", "", []string{"main.go", "syscall.Wait4(-1,", "syscall.Wait4(pid,"}},
		{"any child's end", "ends-too-early", "", []string{"main.go", "		case got == pid:\n", "		case got > 0:\n"}},
		{"a signal is no code", "signal-lost", "", []string{"main.go", "128 + int(status.Signal())", "int(status.Signal())"}},
		{"signals are eaten", "signal-not-forwarded", "", []string{"main.go", "		syscall.Kill(pid, s.(syscall.Signal))\n", "\t\t_, _ = pid, s\n"}},
		{"always SIGTERM", "another-signal", "", []string{"main.go", "		syscall.Kill(pid, s.(syscall.Signal))\n", "\t\t_ = s\n\t\tsyscall.Kill(pid, syscall.SIGTERM)\n"}},
		{"one signal", "only-one-signal", "", []string{"main.go", "		syscall.Kill(pid, s.(syscall.Signal))\n", "		syscall.Kill(pid, s.(syscall.Signal))\n\t\tif s == syscall.SIGHUP {\n\t\t\tsignals = nil\n\t\t\tbreak\n\t\t}\n"}},
	},
	"lab03-caps": {
		{"0 is the end", "wrong-count", "", []string{"main.go", "if _, errno := prctl(prCapBsetRead, n); errno == syscall.EINVAL {", "if have, _ := prctl(prCapBsetRead, n); have != 1 {"}},
		{"the new ones stay", "not-dropped", "", []string{"main.go", "c < known(); c++", "c < 32; c++"}},
		{"those to keep go", "too-much-dropped", "", []string{"main.go", "have == 0 || kept[c] {", "have == 0 {"}},
	},
	"lab04-throttle": {
		{"period and quota swapped", "quota-and-period-swapped", "", []string{"main.go", `quota + " " + strconv.Itoa(period)`, `strconv.Itoa(period) + " " + quota`}},
		{"v2's file on v1", "wrong-version-file", "", []string{"main.go", "	if v2 {\n		return map", "	if quota != \"\" {\n		return map"}},
		{"a prefix is the word", "stat-misread", "", []string{"main.go", `		switch key {
`, `		if strings.HasPrefix(key, "nr_throttled") {
			key = "nr_throttled"
		}
		switch key {
`}},
	},
	"lab04-into": {
		{"a number without the flag", "not-born-there", "", []string{"main.go", "	cmd.SysProcAttr.UseCgroupFD = true\n", ""}},
		{"closed at once", "closed-too-early", "", []string{"main.go", "return func() { f.Close() }, nil", "f.Close()\n\treturn func() {}, nil"}},
		{"a new struct", "settings-lost", "", []string{"main.go", "	if cmd.SysProcAttr == nil {", "	if cmd != nil {"}},
		{"a part of the tree", "partial-mount", "", []string{"main.go", `fields[3] == "/" && `, ""}},
		{"the word anywhere", "wrong-mount", "", []string{"main.go", `strings.HasPrefix(right, "cgroup2 ")`, `strings.Contains(right, "cgroup2")`}},
	},
	"lab05-errpipe": {
		{"not close-on-exec", "not-close-on-exec", "", []string{"main.go", "	syscall.CloseOnExec(int(w.Fd()))\n", ""}},
		{"the reason is dropped", "errno-lost", "", []string{"main.go", "errno = syscall.Exec(path, program, os.Environ()).(syscall.Errno)", "syscall.Exec(path, program, os.Environ())"}},
		{"any number of bytes", "half-a-message", "", []string{"main.go", "case err != nil || len(data) != 4:", "case err != nil:", "main.go", "return syscall.Errno(binary", "data = append(data, 0, 0, 0, 0)\n\treturn syscall.Errno(binary"}},
		{"an error is the end", "read-error-is-success", "", []string{"main.go", "case err == nil && len(data) == 0:", "case len(data) == 0:"}},
	},
	"lab05-fdpass": {
		{"the number as text", "no-rights", "", []string{"main.go", "syscall.UnixRights(fd), nil, 0", "nil, nil, 0*fd"}},
		{"an empty message", "empty-name", "", []string{"main.go", `	if name == "" {`, `	if fd < 0 {`}},
		{"marked later", "not-close-on-exec", "", []string{"main.go", "syscall.MSG_CMSG_CLOEXEC)", "0)"}},
		{"the end is a message", "end-is-no-message", "", []string{"main.go", "		return -1, \"\", io.EOF\n", "		return -1, \"\", errors.New(\"nothing\")\n"}},
		{"the others stay open", "descriptor-leak", "", []string{"main.go", "			syscall.Close(other)\n", "			_ = other\n", "main.go", "syscall.CmsgSpace(4))", "syscall.CmsgSpace(8))"}},
	},
	"lab06-whiteout": {
		{"an empty file", "still-seen", "", []string{"main.go", "syscall.Mknod(path, syscall.S_IFCHR, 0)", "syscall.Mknod(path, syscall.S_IFREG, 0)"}},
		{"only what the layer has", "not-opaque", "", []string{"main.go", `[]byte("y"), 0)`, `[]byte("1"), 0)`}},
		{"a whiteout for a directory", "directory-gone", "", []string{"main.go", "	err := syscall.Setxattr(", "	os.Remove(path)\n	if err := syscall.Mknod(path, syscall.S_IFCHR, 0); err == nil {\n		return nil\n	}\n	err := syscall.Setxattr("}},
	},
	"lab06-volume": {
		{"path.Join", "outside-the-root", "", []string{"main.go", "openat2(int(dir.Fd()), path, openHow{flags: oPath | syscall.O_DIRECTORY | syscall.O_CLOEXEC, resolve: resolveInRoot})", "syscall.Open(root+\"/\"+path, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)"}},
		{"the root stays open", "descriptor-leak", "", []string{"main.go", "	defer dir.Close()\n", "	keep = dir\n", "main.go", "// Task volume.1", "var keep *os.File\n\n// Task volume.1"}},
		{"not recursive", "not-recursive", "", []string{"main.go", "target, \"\", syscall.MS_BIND|syscall.MS_REC,", "target, \"\", syscall.MS_BIND,"}},
		{"the path, not the descriptor", "outside-the-root", "", []string{"main.go", `target := fmt.Sprintf("/proc/self/fd/%d", f.Fd())`, `target := root + "/" + place`}},
	},
}
