package lookup

import (
	"bytes"
	"encoding/binary"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// makeELF makes a header of a program, with a loader if that is not empty.
func makeELF(kind, machine uint16, loader string) string {
	var b bytes.Buffer
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	segments := uint16(0)
	if loader != "" {
		segments = 1
	}
	b.WriteString("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	put([]uint16{kind, machine})
	put(uint32(1))
	put([]uint64{0, 64, 0}) // entry, segments at, sections at
	put(uint32(0))
	put([]uint16{64, 56, segments, 64, 0, 0})
	if loader != "" {
		put([]uint32{segmentInterpreter, 4})
		put([]uint64{120, 0, 0, uint64(len(loader)) + 1, uint64(len(loader)) + 1, 1})
		b.WriteString(loader + "\x00")
	}
	return b.String()
}

// Each of these programs can't be executed, and the whole error is compared.
func TestWhy(t *testing.T) {
	here, _ := native()
	foreign, machine, image := uint16(183), "x86_64", "linux/amd64"
	foreignName, glibc := "aarch64", "/lib64/ld-linux-x86-64.so.2"
	if runtime.GOARCH == "arm64" {
		foreign, machine, image, foreignName, glibc = 62, "aarch64", "linux/arm64", "x86_64", "/lib/ld-linux-aarch64.so.1"
	}
	long := strings.Repeat("x", 300)
	for name, test := range map[string]struct {
		files tree
		modes map[string]os.FileMode
		try   try
		want  string
	}{
		"missing": {
			try:  try{Args: []string{"/nonexist"}},
			want: `exec: "/nonexist": stat /nonexist: no such file or directory (ENOENT): the container has no such file`,
		},
		"missing directory": {
			try:  try{Args: []string{"/opt/app/bin/run"}},
			want: `exec: "/opt/app/bin/run": stat /opt/app/bin/run: no such file or directory (ENOENT): the container has no /opt`,
		},
		"relative": {
			try:  try{Args: []string{"./run"}},
			want: `exec: "./run": stat ./run: no such file or directory (ENOENT): the container has no such file`,
		},
		"dangling link": {
			files: tree{"run": "-> /usr/bin/busybox"},
			try:   try{Args: []string{"/run"}},
			want:  `exec: "/run": stat /run: no such file or directory (ENOENT): it is a symbolic link to /usr/bin/busybox, which the container does not have`,
		},
		"circle": {
			files: tree{"run": "-> /run"},
			try:   try{Args: []string{"/run"}},
			want:  `exec: "/run": stat /run: too many levels of symbolic links (ELOOP): symbolic links that lead in a circle, or a script whose #! line leads to more than 5 other scripts`,
		},
		"not in PATH": {
			try:  try{Args: []string{"nonexist"}, Env: []string{"PATH=/usr/bin:/bin"}},
			want: `exec: "nonexist": executable file not found in $PATH: no directory of PATH=/usr/bin:/bin has it`,
		},
		"no PATH": {
			files: tree{"bin/sh": "x"},
			try:   try{Args: []string{"sh"}},
			want:  `exec: "sh": executable file not found in $PATH: process.env sets no PATH; set it, or name the program by its whole path`,
		},
		"one string": {
			try:  try{Args: []string{"echo hello"}, Env: []string{"PATH=/bin"}},
			want: `exec: "echo hello": executable file not found in $PATH: no directory of PATH=/bin has it; it has a space in it: were the program's arguments meant to be strings of their own?`,
		},
		"empty name": {
			try:  try{Args: []string{""}, Env: []string{"PATH=/bin"}},
			want: `exec: "": executable file not found in $PATH: process.args[0] is empty`,
		},
		"in PATH, but not executable": {
			files: tree{"bin/run": "x", "sbin/run/": ""}, modes: map[string]os.FileMode{"bin/run": 0o644},
			try:  try{Args: []string{"run"}, Env: []string{"PATH=/sbin:/bin"}},
			want: `exec: "run": executable file not found in $PATH: /bin/run is there, but can't be executed: nobody may execute it (mode 0644); set its x bit with chmod +x`,
		},
		"not executable": {
			files: tree{"run": "x"}, modes: map[string]os.FileMode{"run": 0o644},
			try:  try{Args: []string{"/run"}},
			want: `exec: "/run": permission denied (EACCES): nobody may execute it (mode 0644); set its x bit with chmod +x`,
		},
		"not for this user": {
			files: tree{"run": "x"}, modes: map[string]os.FileMode{"run": 0o750},
			try:  try{Args: []string{"/run"}, UID: 1000},
			want: `exec: "/run": permission denied (EACCES): user 1000 of group 1000 may not execute it (mode 0750, owner 0:0); change its mode or its owner`,
		},
		"not below this directory": {
			files: tree{"root/bin/run": "x"}, modes: map[string]os.FileMode{"root": 0o700},
			try:  try{Args: []string{"/root/bin/run"}, UID: 1000},
			want: `exec: "/root/bin/run": permission denied (EACCES): user 1000 of group 1000 may not enter the directory /root (mode 0700, owner 0:0)`,
		},
		"noexec": {
			files: tree{"opt/run": "x"},
			try:   try{Args: []string{"/opt/run"}, NoExec: true},
			want:  `exec: "/opt/run": permission denied (EACCES): it is on a file system mounted noexec, at /; take that option out of the mount, or put the program elsewhere`,
		},
		"directory": {
			files: tree{"etc/": ""},
			try:   try{Args: []string{"/etc"}},
			want:  `exec: "/etc": is a directory (EISDIR): name a program in it`,
		},
		"below a file": {
			files: tree{"etc/passwd": "x"},
			try:   try{Args: []string{"/etc/passwd/run"}},
			want:  `exec: "/etc/passwd/run": stat /etc/passwd/run: not a directory (ENOTDIR): /etc/passwd is a file`,
		},
		"interpreter missing": {
			files: tree{"run": "#!/bin/bash -e\ntrue\n", "bin/sh": "x"},
			try:   try{Args: []string{"/run"}},
			want:  `execve("/run"): no such file or directory (ENOENT): its #! line names the interpreter /bin/bash, which the container does not have; install it, or name another (/bin/sh is there)`,
		},
		"no shell at all": {
			files: tree{"run": "#! /bin/sh\ntrue\n"},
			try:   try{Args: []string{"/run"}},
			want:  `execve("/run"): no such file or directory (ENOENT): its #! line names the interpreter /bin/sh, which the container does not have; install it, or name another`,
		},
		"interpreter of the interpreter missing": {
			files: tree{"run": "#!/bin/first\n", "bin/first": "#!/bin/second\n"},
			try:   try{Args: []string{"/run"}},
			want: `execve("/run"): no such file or directory (ENOENT): its #! line names the interpreter /bin/first, and of that: ` +
				`its #! line names the interpreter /bin/second, which the container does not have; install it, or name another`,
		},
		"loader of the interpreter missing": {
			files: tree{"run": "#!/bin/python\n", "bin/python": makeELF(kindShared, here, glibc), "bin/sh": "x"},
			try:   try{Args: []string{"/run"}},
			want: `execve("/run"): no such file or directory (ENOENT): its #! line names the interpreter /bin/python, and of that: ` +
				`it needs the loader ` + glibc + `, which the container does not have: it was linked with glibc; link it statically, or take an image with glibc`,
		},
		"interpreter not executable": {
			files: tree{"run": "#!/bin/sh\n", "bin/sh": "x"}, modes: map[string]os.FileMode{"bin/sh": 0o644},
			try: try{Args: []string{"/run"}},
			want: `execve("/run"): permission denied (EACCES): its #! line names the interpreter /bin/sh, and of that: ` +
				`nobody may execute it (mode 0644); set its x bit with chmod +x`,
		},
		"lines of Windows": {
			files: tree{"run": "#!/bin/sh\r\necho hello\r\n", "bin/sh": "x"},
			try:   try{Args: []string{"/run"}},
			want: `execve("/run"): no such file or directory (ENOENT): its first line is "#!/bin/sh\r": the lines end as on Windows, ` +
				`and the kernel looks for a file whose name ends with \r; convert the file, with dos2unix or sed -i 's/\r$//' /run`,
		},
		"glibc on musl": {
			files: tree{"run": makeELF(kindShared, here, glibc), "lib/ld-musl-x86_64.so.1": "x"},
			try:   try{Args: []string{"/run"}},
			want: `execve("/run"): no such file or directory (ENOENT): it needs the loader ` + glibc + `, which the container does not have: ` +
				`it was linked with glibc, and this is a musl system (/lib/ld-musl-x86_64.so.1); link it statically, or take an image with glibc`,
		},
		"musl elsewhere": {
			files: tree{"run": makeELF(kindShared, here, "/lib/ld-musl-x86_64.so.1")},
			try:   try{Args: []string{"/run"}},
			want: `execve("/run"): no such file or directory (ENOENT): it needs the loader /lib/ld-musl-x86_64.so.1, which the container does not have: ` +
				`it was linked with musl; link it statically, or take an image with musl, such as Alpine's`,
		},
		"loader not executable": {
			files: tree{"run": makeELF(kindShared, here, "/lib/ld.so"), "lib/ld.so": "x"}, modes: map[string]os.FileMode{"lib/ld.so": 0o644},
			try: try{Args: []string{"/run"}},
			want: `execve("/run"): permission denied (EACCES): it needs the loader /lib/ld.so, and of that: ` +
				`nobody may execute it (mode 0644); set its x bit with chmod +x`,
		},
		"another machine": {
			files: tree{"run": makeELF(kindProgram, foreign, "")},
			try:   try{Args: []string{"/run"}},
			want: `execve("/run"): exec format error (ENOEXEC): it is a program for ` + foreignName + `, and this machine is ` + machine + `; ` +
				`take the image for ` + image + `, or let qemu-user run it, by way of binfmt_misc`,
		},
		"object file": {
			files: tree{"run": makeELF(1, here, "")},
			try:   try{Args: []string{"/run"}},
			want:  `execve("/run"): exec format error (ENOEXEC): it is an object file or a core dump, and not a linked program`,
		},
		"no segments": {
			files: tree{"run": makeELF(kindProgram, here, "")},
			try:   try{Args: []string{"/run"}},
			want:  `execve("/run"): exec format error (ENOEXEC): it is a program for this machine, but a broken one; was it copied whole?`,
		},
		"header cut off": {
			files: tree{"run": makeELF(kindProgram, here, "")[:20]},
			try:   try{Args: []string{"/run"}},
			want:  `execve("/run"): exec format error (ENOEXEC): it is a program, but the file ends too early; was it copied whole?`,
		},
		"empty": {
			files: tree{"run": ""},
			try:   try{Args: []string{"/run"}},
			want:  `execve("/run"): exec format error (ENOEXEC): the file is empty; was it copied whole?`,
		},
		"text": {
			files: tree{"run": "echo hello\n"},
			try:   try{Args: []string{"/run"}},
			want: `execve("/run"): exec format error (ENOEXEC): it is a text without a #! line, which would name what runs it; ` +
				`begin it with #!/bin/sh, say, or run it by name: sh /run`,
		},
		"byte-order mark": {
			files: tree{"run": byteOrderMark + "#!/bin/sh\n", "bin/sh": "x"},
			try:   try{Args: []string{"/run"}},
			want:  `execve("/run"): exec format error (ENOEXEC): there is a byte-order mark before the #! of its first line; save it as UTF-8 without one`,
		},
		"blank line first": {
			files: tree{"run": "\n  #!/bin/sh\n", "bin/sh": "x"},
			try:   try{Args: []string{"/run"}},
			want:  `execve("/run"): exec format error (ENOEXEC): its #! must be the very first two characters, and blanks stand before it; take them out`,
		},
		"no interpreter named": {
			files: tree{"run": "#!\necho hello\n"},
			try:   try{Args: []string{"/run"}},
			want:  `execve("/run"): exec format error (ENOEXEC): its #! line names no interpreter; write #!/bin/sh, say`,
		},
		"interpreter's name too long": {
			files: tree{"run": "#!/" + long + "\n"},
			try:   try{Args: []string{"/run"}},
			want:  `execve("/run"): exec format error (ENOEXEC): its #! line is longer than the 255 bytes that the kernel reads`,
		},
		"Windows": {
			files: tree{"run.exe": "MZ\x90\x00"},
			try:   try{Args: []string{"/run.exe"}},
			want:  `execve("/run.exe"): exec format error (ENOEXEC): it is a program for Windows, which Linux does not execute`,
		},
		"long argument": {
			files: tree{"run": "x"},
			try:   try{Args: []string{"/run"}, Long: 200000, Many: 1},
			want: `execve("/run"): argument list too long (E2BIG): process.args[1] has 200000 bytes, and one argument has at most 131071; ` +
				`pass it in a file`,
		},
		"many arguments": {
			files: tree{"run": "x"},
			try:   try{Args: []string{"/run"}, Long: 131000, Many: 60},
			want: `execve("/run"): argument list too long (E2BIG): arguments and environment have 7860553 bytes together, and may have 2097152: ` +
				`a quarter of RLIMIT_STACK, but at most 6 MiB; shorten them, or raise that limit`,
		},
		"long variable": {
			files: tree{"run": "x"},
			try:   try{Args: []string{"/run"}, Long: 131070, Env: []string{"PATH=/bin", "A="}},
			want: `execve("/run"): argument list too long (E2BIG): process.env[1], A, has 131072 bytes, and one variable has at most 131071; ` +
				`pass it in a file`,
		},
		"unknown": {
			files: tree{"run": "\x01\x02\x03\x04"},
			try:   try{Args: []string{"/run"}},
			want:  `execve("/run"): exec format error (ENOEXEC): the kernel does not know the file's format`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.try.Root = test.files.make(t, test.modes)
			got := test.try.run(t)
			require.Equal(t, test.want, got)
			require.Equal(t, shellCode(got), engineCode(got), "an engine takes the words of the explanation for the error")
		})
	}
}

// shellCode is the exit code that a shell has for the error, by its number; 0 if it does not matter.
func shellCode(text string) int {
	switch {
	case strings.Contains(text, "(ENOENT)"), strings.Contains(text, errNotFound.Error()):
		return 127
	case strings.Contains(text, "(EACCES)"), strings.Contains(text, "(EISDIR)"):
		return 126
	}
	return 0
}

// engineCode is the exit code that Docker (daemon/errors.go) and Podman make of the text.
func engineCode(text string) (code int) {
	if strings.Contains(text, "executable file not found") || strings.Contains(text, "no such file or directory") {
		code = 127
	}
	if strings.Contains(text, "permission denied") || strings.Contains(text, "is a directory") || strings.Contains(text, "operation not permitted") {
		code = 126
	}
	return code
}

// What is found is what execve takes.
func TestFound(t *testing.T) {
	sh := shell(t)
	for name, test := range map[string]struct {
		files tree
		modes map[string]os.FileMode
		try   try
	}{
		"path":             {tree{"bin/busybox": sh}, nil, try{Args: []string{"/bin/busybox", "echo", "here"}}},
		"second directory": {tree{"bin/busybox": sh, "sbin/busybox/": ""}, nil, try{Args: []string{"busybox", "echo", "here"}, Env: []string{"PATH=/sbin:/none:/bin"}}},
		"after one that may not be executed": {tree{"bin/busybox": sh, "sbin/busybox": "x"}, map[string]os.FileMode{"sbin/busybox": 0o644},
			try{Args: []string{"busybox", "echo", "here"}, Env: []string{"PATH=/sbin:/bin"}}},
		"working directory": {tree{"busybox": sh}, nil, try{Args: []string{"busybox", "echo", "here"}, Env: []string{"PATH=/bin:"}}},
		"relative":          {tree{"bin/busybox": sh}, nil, try{Args: []string{"bin/busybox", "echo", "here"}}},
		"link":              {tree{"bin/busybox": sh, "bin/echo": "-> busybox"}, nil, try{Args: []string{"/bin/echo", "here"}}},
		"as a user":         {tree{"bin/busybox": sh}, map[string]os.FileMode{"bin/busybox": 0o111}, try{Args: []string{"/bin/busybox", "echo", "here"}, UID: 1000}},
	} {
		t.Run(name, func(t *testing.T) {
			test.try.Root = test.files.make(t, test.modes)
			require.Equal(t, "here\n", test.try.run(t))
		})
	}
}
