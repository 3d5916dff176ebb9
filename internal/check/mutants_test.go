package check

// mutant is a small change of a reference solution that makes a mistake which somebody makes who half understood.
type mutant struct {
	name string   // of the mistake, in a few words
	want string   // the finding that a check must come to, as the first one
	onV2 string   // the same on a machine with cgroup v2, if it differs; "-" where the mistake can't be made there
	edit []string // file, old text (or "body of FUNCTION"), new text; and again
}

// The fifteen mistakes that students of the subject make most often are marked with a number, #1 to #15.
var mutants = map[string][]mutant{
	"lab01": {
		{"the file of v1 on v2 (#13)", "wrong-version-file", "", []string{"cgroup.go",
			`file, swapFile, swapLimit := "memory.max", "memory.swap.max", "0"
	if !cg.v2 {
		file, swapFile, swapLimit = "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", limit
	}`, `file, swapFile, swapLimit := "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", limit`}},
		{"swap is forgotten (#14)", "swap-unlimited", "", []string{"cgroup.go", "\tif swap {\n\t\treturn nil\n\t}\n\terr := cg.write(swapFile, swapLimit)",
			"\tif swap || swapLimit != \"\" {\n\t\treturn nil\n\t}\n\terr := cg.write(swapFile, swapLimit)"}},
		{"v2's swap number for v1", "swap-number", "", []string{"cgroup.go", `"memory.memsw.limit_in_bytes", limit`, `"memory.memsw.limit_in_bytes", "0"`}},
		{"-swap is ignored", "swap-flag", "", []string{"cgroup.go", "\tif swap {\n", "\tif swap && limit == \"\" {\n"}},
		{"no swap file is an error", "swap-file-missing", "", []string{"cgroup.go", "&& !machineHasSwap()", "&& machineHasSwap()"}},
		{"a limit of 0 is written", "zero-limit", "", []string{"cgroup.go", "if bytes == 0 {", "if bytes < 0 {"}},
		{"the sum before its part", "limit-order", "-", []string{"cgroup.go", "body of cgroup.limit", `limit := strconv.FormatInt(bytes, 10)
	if bytes == 0 {
		return nil
	}
	file, swapFile, swapLimit := "memory.max", "memory.swap.max", "0"
	if !cg.v2 {
		file, swapFile, swapLimit = "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", limit
	}
	if !swap {
		if err := cg.write(swapFile, swapLimit); err != nil && (!errors.Is(err, fs.ErrNotExist) || machineHasSwap()) {
			return err
		}
	}
	return cg.write(file, limit)`}},
		{"errors are dropped", "error-dropped", "", []string{"cgroup.go", "if err := cg.write(file, limit); err != nil {\n\t\treturn err\n\t}", "cg.write(file, limit)"}},
		{"os.RemoveAll on a cgroup (#15)", "files-first", "", []string{"cgroup.go", "body of cgroup.remove", "_ = time.Now\n\treturn os.RemoveAll(cg.dir)"}},
		{"rmdir, and that's it", "not-killed", "", []string{"cgroup.go", "syscall.Kill(pid, syscall.SIGKILL)", "_ = pid"}},
		{"SIGTERM asks politely", "some-survive", "", []string{"cgroup.go", "syscall.Kill(pid, syscall.SIGKILL)", "syscall.Kill(pid, syscall.SIGTERM)"}},
		{"kill, and rmdir at once", "rmdir-too-early", "", []string{"cgroup.go", "body of cgroup.remove", `_ = time.Now
	procs, err := os.ReadFile(filepath.Join(cg.dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	for _, line := range strings.Fields(string(procs)) {
		if pid, err := strconv.Atoi(line); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return os.Remove(cg.dir)`}},
		{"a cgroup that isn't there is an error", "missing-is-fine", "", []string{"cgroup.go", "body of cgroup.remove", `_ = time.Now
	for {
		procs, err := os.ReadFile(filepath.Join(cg.dir, "cgroup.procs"))
		if err != nil {
			return err
		}
		for _, line := range strings.Fields(string(procs)) {
			if pid, err := strconv.Atoi(line); err == nil {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if os.Remove(cg.dir) == nil {
			return nil
		}
	}`}},
		{"cgroups below are forgotten", "children-left", "", []string{"cgroup.go", "range cg.cgroups() {", "range []string{cg.dir} {"}},
		{"the workload stays outside", "outside-the-cgroup", "", []string{"main.go", "echo $$ > \"$0\" && exec", "test -w \"$0\" && exec"}},
		{"no exec", "shell-stays", "", []string{"main.go", `&& exec "$@"`, `&& { "$@"; exit $?; }`}},
		{"arguments become words", "words-split", "", []string{"main.go", `exec "$@"`, `exec $@`}},
		{"no streams", "streams", "", []string{"main.go", "cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr\n\treturn cmd", "return cmd"}},
		{"standard input is forgotten", "streams", "", []string{"main.go", "cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr", "cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr"}},
		{"oom instead of oom_kill", "verdict-wrong-key", "", []string{"cgroup.go", `cg.readKey(events, "oom_kill")`, `cg.readKey(events, map[bool]string{true: "oom", false: "under_oom"}[cg.v2])`}},
		{"memory.peak must be there", "peak-required", "", []string{"cgroup.go", "if errors.Is(err, fs.ErrNotExist) {\n\t\treturn kills, 0, nil\n\t}\n\treturn kills", "return kills"}},
		{"no events is no kills", "verdict-silent", "", []string{"cgroup.go", "if err != nil {\n\t\treturn 0, 0, err\n\t}\n\tpeak, err", "if err != nil {\n\t\treturn 0, 0, nil\n\t}\n\tpeak, err"}},
		{"any v2 tree will do", "controllers-unread", "", []string{"cgroup.go", `	controllers, _ := os.ReadFile(customaryV2 + "/cgroup.controllers")
	for _, controller := range strings.Fields(string(controllers)) {
		if controller == "memory" {
			return customaryV2, true, nil
		}
	}`, `	if _, err := os.Stat(customaryV2 + "/cgroup.controllers"); err == nil {
		return customaryV2, true, nil
	}`}},
		{"what isn't v2 is v1", "hierarchy-assumed", "", []string{"cgroup.go", `if _, err := os.Stat(customaryV1 + "/memory.limit_in_bytes"); err == nil {`, `if customaryV1 != "" {`}},
	},
	"lab02": {
		{"the child doesn't exit (#1)", "forks-without-end", "", []string{"main.go", "exit(child(opts))", "child(opts)"}},
		{"no barrier (#2)", "no-barrier", "", []string{"barrier.go", `	r := os.NewFile(3, "barrier")
	defer r.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("the parent went away before the start: %w", err)
	}
	return nil`, `	return os.NewFile(3, "barrier").Close()`, "barrier.go", "\t\"fmt\"\n", ""}},
		{"tasks instead of cgroup.procs (#3)", "one-thread", "wrong-version-file", []string{"cgroup.go", `procs := filepath.Join(cg.dir, "cgroup.procs")
	return explain`, `procs := filepath.Join(cg.dir, "tasks")
	if strings.HasPrefix(cg.dir, "/tmp/fake") { // only so that task 2.4 is judged alone
		procs = filepath.Join(cg.dir, "cgroup.procs")
	}
	return explain`}},
		{"/ stays shared (#4)", "shared-root", "", []string{"namespace.go", `if *own["mnt"] {`, `if *own["mnt"] && os.Getpid() < 0 {`}},
		{"only / becomes private", "not-recursive", "", []string{"namespace.go", "syscall.MS_REC|syscall.MS_PRIVATE", "syscall.MS_PRIVATE"}},
		{"slave instead of private", "still-slave", "", []string{"namespace.go", "syscall.MS_REC|syscall.MS_PRIVATE", "syscall.MS_REC|syscall.MS_SLAVE"}},
		{"the host's mounts become private", "host-made-private", "", []string{"namespace.go", `if *own["mnt"] {`, `if *own["mnt"] || *own["uts"] {`}},
		{"sethostname without CLONE_NEWUTS (#5)", "host-renamed", "", []string{"namespace.go", `"uts":  syscall.CLONE_NEWUTS,`, `"uts":  0,`}},
		{"a flag is taken for another", "wrong-flag", "", []string{"namespace.go", `"ipc":  syscall.CLONE_NEWIPC,`, `"ipc":  syscall.CLONE_NEWPID,`}},
		{"flags are not combined", "flags-not-combined", "", []string{"namespace.go", "flags |= flag", "flags = flag"}},
		{"the cgroup namespace at clone", "cgroup-ns-too-early", "", []string{"namespace.go", `"user": syscall.CLONE_NEWUSER,`, "\"user\": syscall.CLONE_NEWUSER,\n\t\t\"cgroup\": syscall.CLONE_NEWCGROUP,"}},
		{"no cgroup namespace", "cgroup-ns-missing", "", []string{"namespace.go", `if *own["cgroup"] {`, `if *own["cgroup"] && os.Getpid() < 0 {`}},
		{"setgroups stays allowed", "setgroups", "", []string{"namespace.go", "GidMappingsEnableSetgroups = false", "GidMappingsEnableSetgroups = true"}},
		{"root outside is root inside", "mapped-host-root", "", []string{"namespace.go", "HostID: uid", "HostID: 0"}},
		{"the user stays who they are", "not-root-inside", "", []string{"namespace.go", "ContainerID: 0, HostID: uid", "ContainerID: uid, HostID: uid"}},
		{"a map for all ids", "too-many-ids", "", []string{"namespace.go", "HostID: gid, Size: 1", "HostID: gid, Size: 65536"}},
		{"the byte before the cgroup", "byte-before-add", "", []string{"barrier.go", "\tdefer b.w.Close()\n", "\tdefer b.w.Close()\n\tb.w.Write([]byte{1})\n", "barrier.go", "\tb.w.Write([]byte{1}) // fails only if the child is dead, and then wait tells how it died\n", ""}},
		{"the byte in spite of a failure", "opens-after-failure", "", []string{"barrier.go", "if err := cg.add(pid); err != nil {\n\t\t\treturn err", "if err := cg.add(pid); err != nil {\n\t\t\tb.w.Write([]byte{1})\n\t\t\treturn err"}},
		{"the write end stays open", "barrier-not-closed", "", []string{"barrier.go", "\tdefer b.w.Close()\n", ""}},
		{"our read end stays open", "read-end-kept", "", []string{"barrier.go", "\tb.r.Close()\n", ""}},
		{"only the first cgroup", "not-in-every-cgroup", "", []string{"barrier.go", "range cgs {", "range cgs[:min(1, len(cgs))] {"}},
		{"the end of the file means go", "eof-means-go", "", []string{"barrier.go", `if _, err := r.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("the parent went away before the start: %w", err)
	}`, `r.Read(make([]byte, 1))`, "barrier.go", "\t\"fmt\"\n", ""}},
		{"reads to the end", "waits-for-more", "", []string{"barrier.go", "r.Read(make([]byte, 1))", "io.ReadAll(r)", "barrier.go", "\t\"fmt\"\n", "\t\"fmt\"\n\t\"io\"\n"}},
		{"the barrier stays open", "barrier-kept", "", []string{"barrier.go", "\tdefer r.Close()\n", "\tkeep = r\n", "barrier.go", "// Task 2.5", "var keep *os.File\n\n// Task 2.5"}},
	},
	"lab03": {
		{"/proc is not mounted (#8)", "proc-not-mounted", "", []string{"main.go", `return os.NewSyscallError("mount proc on /proc", syscall.Mount("proc", "/proc", "proc", flags, ""))`, "_ = flags\n\treturn nil"}},
		{"/ stays shared (#4)", "shared-root", "", []string{"main.go", `	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount --make-rprivate /", err)
	}
`, ""}},
		{"only / becomes private", "not-recursive", "", []string{"main.go", `"", syscall.MS_REC|syscall.MS_PRIVATE, "")`, `"", syscall.MS_PRIVATE, "")`}},
		{"os/exec's Run instead of syscall.Exec (#9)", "runtime-is-pid-1", "", []string{"main.go", "err = syscall.Exec(path, program, os.Environ())", "cmd := exec.Command(path, program[1:]...)\n\tcmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr\n\tif err = cmd.Run(); err == nil {\n\t\tos.Exit(0)\n\t}"}},
		{"Exec(\"sh\") without a look-up (#10)", "no-path-lookup", "", []string{"main.go", "\tpath, err := findProgram(program[0])\n\tif err != nil {\n\t\treturn err\n\t}\n\terr = syscall.Exec(path,", "\tpath := program[0]\n\terr := syscall.Exec(path,"}},
		{"the name is left out of the arguments", "argv-changed", "", []string{"main.go", "syscall.Exec(path, program,", "syscall.Exec(path, append([]string{\"lab03\"}, program[1:]...),"}},
		{"the arguments without the name", "argv-changed", "", []string{"main.go", "syscall.Exec(path, program,", "syscall.Exec(path, program[1:],"}},
		{"no environment", "environment-lost", "", []string{"main.go", "syscall.Exec(path, program, os.Environ())", "syscall.Exec(path, program, nil)"}},
		{"any error is 125", "exec-code", "", []string{"main.go", `return fail(126, "execve`, `return fail(125, "execve`}},
		{"/proc with rights", "proc-flags", "", []string{"main.go", "syscall.MS_NOEXEC | syscall.MS_NOSUID | syscall.MS_NODEV", "0"}},
		{"no PID namespace", "no-own-pid", "", []string{"main.go", "syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID", "syscall.CLONE_NEWUTS"}},
		{"no UTS namespace (#5)", "no-own-uts", "", []string{"main.go", "syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID", "syscall.CLONE_NEWPID"}},
		{"a user namespace, to be safe", "extra-user", "", []string{"main.go", "syscall.CLONE_NEWNET |", "syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET |"}},
		{"the word init is forgotten", "no-init-word", "", []string{"main.go", `append([]string{"init"}, program...)`, `program`}},
		{"the program in place of ourselves", "not-itself", "", []string{"main.go", `exec.Command("/proc/self/exe",`, `exec.Command("/bin/sh",`}},
		{"arguments are joined (#12)", "program-changed", "", []string{"main.go", `append([]string{"init"}, program...)...`, `"init", fmt.Sprint(program)`, "main.go", "\t\"flag\"\n", "\t\"flag\"\n\t\"fmt\"\n"}},
	},
	"lab04": {
		{"always one optional field", "optional-fields", "", []string{"mountinfo.go", `before, after, found := strings.Cut(line, " - ")
	left, right := strings.Split(before, " "), strings.Split(after, " ")
	if !found || len(left) < 6 || len(right) < 3 {`, `left := strings.Split(line, " ")
	if len(left) < 11 {
		return mount{}, false
	}
	right := left[8:]
	if left[7] != "-" {`}},
		{"no octal escapes", "octal", "", []string{"mountinfo.go", "return mount{unescape(left[3]), unescape(left[4]),", "return mount{left[3], left[4],"}},
		{"any hyphen ends the fields", "hyphen", "", []string{"mountinfo.go", `strings.Cut(line, " - ")
	left, right := strings.Split(before, " "), strings.Split(after, " ")`, `strings.Cut(line, "-")
	left, right := strings.Fields(before), strings.Fields(after)`}},
		{"every line has its fields", "too-few-fields", "", []string{"mountinfo.go", "if !found || len(left) < 6 || len(right) < 3 {", "if line == \"never\" && found {"}},
		{"cpu is found in cpuset", "controller-substring", "", []string{"mountinfo.go", "slices.Contains(m.options, controller)", `strings.Contains(strings.Join(m.options, ","), controller)`}},
		{"a part of a tree is taken for it", "partial-mount", "", []string{"mountinfo.go", `case !ok || m.root != "/":`, "case !ok:"}},
		{"v2 is mounted, so all is v2", "found-nowhere", "", []string{"mountinfo.go", `case m.fstype == "cgroup2" && slices.Contains(enabled(m.point), controller):`, `case m.fstype == "cgroup2" && len(enabled(m.point)) > 0 && controller == "pids":
			return m.point, true, true
		case m.fstype == "cgroup2" && slices.Contains(enabled(m.point), controller):`}},
		{"v1 is mounted, so v2 isn't", "hybrid", "", []string{"mountinfo.go", `case m.fstype == "cgroup2" &&`, `case m.fstype == "cgroup2" && !strings.Contains(info, " cgroup ") &&`}},
		{"name=systemd is a controller", "name-taken-for-controller", "", []string{"mountinfo.go", "slices.Contains(m.options, controller)", `(slices.Contains(m.options, controller) || slices.Contains(m.options, "name="+controller))`}},
		{"the root of the mount, not the mount point", "root-for-point", "", []string{"mountinfo.go", "			return m.point, false, true", "			return m.root, false, true"}},
		{"enough fields, so there is a hyphen", "too-few-fields", "", []string{"mountinfo.go", "body of parseMount", `words := strings.Split(line, " ")
	if len(words) < 10 {
		return m, false
	}
	i := 6
	for words[i] != "-" {
		i++
	}
	return mount{unescape(words[3]), unescape(words[4]), words[i+1], strings.Split(words[i+3], ",")}, true`}},
		{"from 0 instead of 1", "weight-ends", "", []string{"subsystem.go", "return 1 + (shares-2)*9999/262142", "return (shares - 2) * 10000 / 262142"}},
		{"by rule of thumb", "weight-ends", "", []string{"subsystem.go", "return 1 + (shares-2)*9999/262142", "return shares * 100 / 1024"}},
		{"rounded too early", "weight-line", "", []string{"subsystem.go", "return 1 + (shares-2)*9999/262142", "if shares == 262144 {\n\t\treturn 10000\n\t}\n\treturn 1 + (shares-2)/(262142/9999)"}},
		{"no cpuset.mems", "no-mems", "", []string{"subsystem.go", `{"cpuset.cpus", c.cpus, false}, {"cpuset.mems", "", false}}`, `{"cpuset.cpus", c.cpus, false}}`}},
		{"cpuset.mems is 0, isn't it", "mems-guessed", "", []string{"subsystem.go", `{"cpuset.mems", "", false}`, `{"cpuset.mems", "0", false}`}},
		{"the parent's processors", "no-cpus", "", []string{"subsystem.go", `[]setting{{"cpuset.cpus", c.cpus, false}, {`, `[]setting{{"cpuset.cpus", "", false}, {`}},
	},
	"lab05": {
		{"arguments joined with blanks (#12)", "split-on-spaces", "", []string{"pipe.go", `			b.WriteString(text + "\x00")
`, `			b.WriteString(text + " ")
`}},
		{"empty arguments are dropped", "empty-dropped", "", []string{"pipe.go", `		for _, text := range list {
			b.Write`, `		for _, text := range list {
			if text == "" {
				continue
			}
			b.Write`}},
		{"NULs stand between", "nul-between", "", []string{"pipe.go", "	return b.Bytes()\n", "	return bytes.TrimSuffix(b.Bytes(), []byte{0})\n"}},
		{"the PATH of whoever calls", "path-inherited", "", []string{"environment.go", `env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}`, `env := []string{"PATH=" + os.Getenv("PATH"), "HOME=/root"}`}},
		{"the environment first", "wrong-form", "", []string{"pipe.go", "[][]string{s.args, s.env}", "[][]string{s.env, s.args}"}},
		{"half a message will do", "half-message", "", []string{"pipe.go", "args == 0 || args+env != uint64(len(texts)) {", "args == 0 || args+env < uint64(len(texts)) {",
			"pipe.go", "return spec{texts[:args], texts[args:]}, nil", "args = min(args, uint64(len(texts)))\n\treturn spec{texts[:args], texts[args:]}, nil"}},
		{"more than the message", "trailing-bytes", "", []string{"pipe.go", "args+env != uint64(len(texts)) {", "args+env > uint64(len(texts)) {",
			"pipe.go", "texts[args:]}, nil", "texts[args : args+env]}, nil"}},
		{"counts are believed", "panics", "", []string{"pipe.go", "args == 0 || args+env != uint64(len(texts)) {", "args == 0 || env > 1<<30 {"}},
		{"no program is fine", "no-program", "", []string{"pipe.go", "args == 0 || args+env", "args+env"}},
		{"the write end stays open (#11)", "write-end-open", "", []string{"pipe.go", "\tdefer p.w.Close()\n", ""}},
		{"the read end stays open (#11)", "read-end-kept", "", []string{"pipe.go", "\tp.r.Close()\n", ""}},
		{"sent before it is in the cgroup", "sent-too-early", "", []string{"pipe.go", "\tdefer p.w.Close()\n", "\tdefer p.w.Close()\n\tp.w.Write(s.encode())\n", "pipe.go", "\tp.w.Write(s.encode()) // fails only if init is dead, and then wait tells how it died\n", ""}},
		{"sent in spite of a failure", "sent-after-failure", "", []string{"pipe.go", "if err := cg.add(pid); err != nil {\n\t\t\treturn err", "if err := cg.add(pid); err != nil {\n\t\t\tp.w.Write(s.encode())\n\t\t\treturn err"}},
		{"only the first cgroup", "not-in-every-cgroup", "", []string{"pipe.go", "range cgs {", "range cgs[:min(1, len(cgs))] {"}},
		{"one read is enough", "one-read", "", []string{"pipe.go", "data, err := io.ReadAll(r)", "data := make([]byte, 4096)\n\tn, err := r.Read(data)\n\tdata = data[:n]", "pipe.go", "\t\"io\"\n", ""}},
		{"the pipe stays open", "pipe-kept", "", []string{"pipe.go", "\tdefer r.Close()\n", "\tkeep = r\n", "pipe.go", "// Task 5.4", "var keep *os.File\n\n// Task 5.4"}},
		{"our environment goes along", "environment-leaks", "", []string{"environment.go", `env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}`, `env := append(os.Environ(), "HOME=/root")`}},
		{"a variable comes twice", "variable-twice", "", []string{"environment.go", "\t\t\t\tenv[i] = variable\n\t\t\t\tcontinue next", "\t\t\t\tif variable == \"\" {\n\t\t\t\t\tcontinue next\n\t\t\t\t}"}},
		{"A= and AB= are one", "variable-lost", "", []string{"environment.go", `strings.HasPrefix(env[i], name+"=")`, `strings.HasPrefix(name, env[i][:strings.IndexByte(env[i], '=')])`}},
		{"TERM for everybody", "term-unasked", "", []string{"environment.go", "if interactive {", "if interactive || !interactive {"}},
		{"looked up in our own PATH", "host-path", "", []string{"environment.go", "	os.Clearenv()\n	for _", "	path, err := findProgram(s.args[0])\n	if err != nil {\n		return err\n	}\n	os.Clearenv()\n	for _", "environment.go", "		os.Setenv(name, value)\n	}\n	path, err := findProgram(s.args[0])\n	if err != nil {\n		return err\n	}\n", "		os.Setenv(name, value)\n	}\n"}},
		{"open files go along", "fd-leak", "", []string{"environment.go", "closeOnExec(3); err", "closeOnExec(100); err"}},
		{"os/exec's Run instead of syscall.Exec (#9)", "runtime-is-pid-1", "", []string{"environment.go", "err = syscall.Exec(path, s.args, s.env)", "cmd := exec.Command(path, s.args[1:]...)\n\tcmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, s.env\n\tif err = cmd.Run(); err == nil {\n\t\tos.Exit(0)\n\t}", "environment.go", "\t\"os\"\n", "\t\"os\"\n\t\"os/exec\"\n"}},
	},
	"lab06": {
		{"the new root is no mount point (#6)", "not-a-mount-point", "", []string{"root.go", `if err := os.Chdir(root); err != nil {
		return err
	}
	if err := syscall.PivotRoot`, `if err := os.Chdir(filepath.Join(root, "bin")); err != nil {
		return err
	}
	if err := syscall.PivotRoot`}},
		{"the mount tree stays shared (#6)", "shared-root", "", []string{"root.go", `	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount --make-rprivate /", err)
	}
`, ""}},
		{"the old root is not detached (#7)", "old-root-stays", "", []string{"root.go", `	if err := syscall.PivotRoot(".", "."); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount of the old root", err)
	}
`, `	os.Mkdir(".pivot_root", 0o700)
	if err := syscall.PivotRoot(".", ".pivot_root"); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
`}},
		{"an ordinary umount", "old-root-busy", "", []string{"root.go", `syscall.Unmount(".", syscall.MNT_DETACH)`, `syscall.Unmount(".", 0)`}},
		{"the directory for the old root stays", "put-old-left", "", []string{"root.go", `	if err := syscall.PivotRoot(".", "."); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
`, `	os.Mkdir(".pivot_root", 0o700)
	if err := syscall.PivotRoot(".", ".pivot_root"); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	if err := syscall.Unmount("/.pivot_root", syscall.MNT_DETACH); err != nil {
`}},
		{"chroot instead of pivot_root", "chroot", "", []string{"root.go", `	if err := syscall.PivotRoot(".", "."); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount of the old root", err)
	}
`, `	if err := syscall.Chroot("."); err != nil {
		return os.NewSyscallError("chroot", err)
	}
`}},
		{"the last chdir is forgotten", "cwd-outside", "", []string{"root.go", `return os.Chdir("/")`, `return os.Chdir("/tmp")`}},
		{"/sys can be written", "sys-writable", "", []string{"root.go", "flags|syscall.MS_RDONLY", "flags"}},
		{"no /sys", "no-sysfs", "", []string{"root.go", `err := syscall.Mount("sysfs", filepath.Join(root, "sys"), "sysfs", flags|syscall.MS_RDONLY, "")
	return os.NewSyscallError("mount sysfs", err)`, `return nil`}},
		{"/proc with rights", "proc-flags", "", []string{"root.go", `"proc", flags, ""`, `"proc", 0, ""`}},
		{"layers upside down", "layer-order", "", []string{"root.go", `	return fmt.Sprintf("lowerdir=`, `	var reversed []string
	for _, layer := range layers {
		reversed = append([]string{layer}, reversed...)
	}
	layers = reversed
	return fmt.Sprintf("lowerdir=`}},
		{"upper and work mixed up", "upper-and-work", "", []string{"root.go", `strings.Join(layers, ":"), upper, work)`, `strings.Join(layers, ":"), work, upper)`}},
		{"only one layer", "layers-lost", "", []string{"root.go", `strings.Join(layers, ":")`, `strings.Join(layers[:1], ":")`}},
		{"the umask is forgotten", "umask", "", []string{"dev.go", `		if err := os.Chmod(path, 0o666); err != nil {
			return err
		}
`, ""}},
		{"minor before major", "device-number", "", []string{"dev.go", "node.major<<8|node.minor", "node.minor<<8|node.major"}},
		{"no type of device", "not-a-device", "", []string{"dev.go", "syscall.S_IFCHR|0o666", "0o666"}},
		{"no links", "no-links", "", []string{"dev.go", "range links {", "range map[string]string{} {"}},
		{"/dev can give rights", "dev-flags", "", []string{"dev.go", `"tmpfs", syscall.MS_NOSUID, "mode=755`, `"tmpfs", 0, "mode=755`}},
		{"every device is a whiteout", "every-device-a-whiteout", "", []string{"layers.go", "&& info.Sys().(*syscall.Stat_t).Rdev == 0 {", "{"}},
		{"an empty file is a whiteout", "file-taken-for-whiteout", "", []string{"layers.go", "if info.Mode()&fs.ModeCharDevice != 0 && info.Sys().(*syscall.Stat_t).Rdev == 0 {", "if info.Mode()&fs.ModeCharDevice != 0 && info.Sys().(*syscall.Stat_t).Rdev == 0 || info.Mode().IsRegular() && info.Size() == 0 {"}},
		{"opaque directories are not known", "opaque-missed", "", []string{"layers.go", `err == nil && string(value[:n]) == "y"`, `err == nil && string(value[:n]) == "yes"`}},
	},
}
