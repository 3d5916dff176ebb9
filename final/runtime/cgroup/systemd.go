package cgroup

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/fail"
)

// On a machine that runs systemd, systemd holds the cgroups: it has made all of them, for its units, and regards
// what it didn't make as none of its business or, after a daemon-reload, as a mistake. With --systemd-cgroup the runtime
// asks it for the container's: a transient unit of the kind scope, with the limits as its properties.
//
// Asking means D-Bus, and a library for that costs more to start than all of the rest of the runtime. So a command of its own does it,
// jocker-systemd. It is the scope's first process, for a scope cannot be empty; then init is born into the scope as into any
// cgroup, and the command ends. Should the runtime be killed, the command ends, too, and systemd removes the scope.

// A Unit is the systemd unit that has the container's cgroup.
type Unit struct {
	Name  string `json:"name"`  // "docker-abc.scope"
	Slice string `json:"slice"` // "system.slice"
	User  bool   `json:"user"`  // of the user's own manager

	Properties map[string]string `json:"properties,omitempty"` // that config.json's annotations add
}

// PropertyPrefix begins the name of an annotation that is a property of the unit, as in runc: with "org.systemd.property.TimeoutStopUSec"
// an engine says how long systemd waits for the container at a shutdown.
const PropertyPrefix = "org.systemd.property."

// Annotate takes over what annotations say of the unit. Names are checked; values are, when systemd is asked for the unit.
func (u *Unit) Annotate(annotations map[string]string) error {
	for _, key := range keys(annotations) {
		name, ok := strings.CutPrefix(key, PropertyPrefix)
		if !ok {
			continue
		}
		if strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" || name == "" {
			return fmt.Errorf("annotation %q: the name of a systemd property has letters only, as org.systemd.property.TimeoutStopUSec", key)
		}
		if u.Properties == nil {
			u.Properties = map[string]string{}
		}
		u.Properties[name] = annotations[key]
	}
	return nil
}

// helperName is the command that talks to systemd, in the same directory as the runtime.
const helperName = "jocker-systemd"

// A Request is what jocker-systemd reads from its standard input, as JSON. It answers with a line: "ok", or what is wrong.
type Request struct {
	Do          string                `json:"do"` // "start", "set" or "stop"
	Unit        Unit                  `json:"unit"`
	Description string                `json:"description,omitempty"`
	V2          bool                  `json:"v2"`
	Resources   *specs.LinuxResources `json:"resources,omitempty"`
}

// LocateSystemd is Locate for a container that systemd makes the cgroup for. cgroupsPath is "slice:prefix:name", as in
// runc: the unit is prefix-name.scope in that slice, by default system.slice, or user.slice of the user's own manager.
func LocateSystemd(cgroupsPath, id string) (*Group, error) {
	unit, err := parseUnit(cgroupsPath, id)
	if err != nil {
		return nil, err
	}
	above := ""
	if unit.User = unix.Geteuid() != 0; unit.User {
		if above, err = userManager(); err != nil {
			return nil, err
		}
	}
	path, err := slicePath(unit.Slice)
	if err != nil {
		return nil, err
	}
	g, err := Locate(above+path+"/"+unit.Name, id)
	if err == nil {
		g.Unit = unit
	}
	return g, err
}

// parseUnit takes "slice:prefix:name" apart.
func parseUnit(cgroupsPath, id string) (*Unit, error) {
	if cgroupsPath == "" {
		cgroupsPath = ":jocker:" + id
	}
	parts := strings.Split(cgroupsPath, ":")
	if len(parts) != 3 {
		return nil, fmt.Errorf("linux.cgroupsPath %q: with --systemd-cgroup it has the form slice:prefix:name, \"system.slice:docker:box\" for example", cgroupsPath)
	}
	u := &Unit{Slice: parts[0], Name: parts[2] + ".scope"}
	if u.Slice == "" {
		u.Slice = "system.slice"
		if unix.Geteuid() != 0 {
			u.Slice = "user.slice"
		}
	}
	if parts[1] != "" {
		u.Name = parts[1] + "-" + u.Name
	}
	for _, c := range []byte(u.Name) { // systemd.unit(5)
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(":-_.\\@", c) >= 0) {
			return nil, fmt.Errorf("linux.cgroupsPath %q: %q cannot be in the name of a systemd unit", cgroupsPath, c)
		}
	}
	if parts[2] == "" || len(u.Name) > 255 || strings.HasSuffix(parts[2], ".slice") {
		return nil, fmt.Errorf("linux.cgroupsPath %q: its third part is the container's name, not empty, not too long and not a slice", cgroupsPath)
	}
	return u, nil
}

// slicePath returns the path of a slice's cgroup. A hyphen says that a slice is within another: "a-b.slice" is /a.slice/a-b.slice.
func slicePath(slice string) (string, error) {
	name, ok := strings.CutSuffix(slice, ".slice")
	switch {
	case ok && name == "-":
		return "", nil
	case !ok, name == "", strings.Contains(name, "/"), strings.Contains("-"+name+"-", "--"):
		return "", fmt.Errorf("linux.cgroupsPath: %q is not the name of a systemd slice; one is called system.slice, for example", slice)
	}
	path := ""
	for i := 0; i <= len(name); i++ {
		if i == len(name) || name[i] == '-' {
			path += "/" + name[:i] + ".slice"
		}
	}
	return path, nil
}

// userManager returns the cgroup of the user's own systemd, as seen from the root of the hierarchy.
func userManager() (string, error) {
	own, err := read("/proc/self/cgroup")
	if err != nil {
		return "", fail.Call(`read("/proc/self/cgroup")`, err, "")
	}
	path, _ := membership(own, "")
	if i := strings.Index(path, "/user@"); i >= 0 {
		end := strings.IndexByte(path[i+1:], '/')
		if end < 0 {
			return path, nil
		}
		return path[:i+1+end], nil
	}
	uid := unix.Geteuid()
	return fmt.Sprintf("/user.slice/user-%d.slice/user@%d.service", uid, uid), nil
}

// A helper is a jocker-systemd that runs.
type helper struct {
	pid     int
	in, out int
}

// ask starts the command with a request and waits for the answer. The command goes on until release.
func ask(r *Request) (*helper, error) {
	path, err := helperPath()
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var in, out [2]int
	if err := unix.Pipe2(in[:], unix.O_CLOEXEC); err != nil {
		return nil, fail.Call("pipe2(O_CLOEXEC)", err, "")
	}
	if err := unix.Pipe2(out[:], unix.O_CLOEXEC); err != nil {
		unix.Close(in[0])
		unix.Close(in[1])
		return nil, fail.Call("pipe2(O_CLOEXEC)", err, "")
	}
	h := &helper{in: in[1], out: out[0]}
	h.pid, err = syscall.ForkExec(path, []string{helperName}, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{uintptr(in[0]), uintptr(out[1]), 2}})
	unix.Close(in[0])
	unix.Close(out[1])
	if err != nil {
		unix.Close(h.in)
		unix.Close(h.out)
		return nil, fail.Call(fmt.Sprintf("execve(%q)", path), err, "--systemd-cgroup needs this command beside the runtime")
	}
	// A line is a message; a pipe that nobody reads any more says EPIPE, and the answer says why.
	_, _ = unix.Write(h.in, append(data, '\n'))
	answer := make([]byte, 0, 4096)
	for len(answer) < cap(answer) && !strings.Contains(string(answer), "\n") {
		n, err := unix.Read(h.out, answer[len(answer):cap(answer)])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			break
		}
		answer = answer[:len(answer)+n]
	}
	if text := strings.TrimSpace(string(answer)); text != "ok" {
		h.release()
		if text == "" {
			text = path + " has ended without an answer"
		}
		return nil, fmt.Errorf("systemd, unit %s: %s", r.Unit.Name, text)
	}
	return h, nil
}

// helperPath returns where the command is: beside the runtime's own binary.
func helperPath() (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlink("/proc/self/exe", buf[:])
	if err != nil {
		return "", fail.Call(`readlink("/proc/self/exe")`, err, "")
	}
	self := string(buf[:n])
	return self[:strings.LastIndexByte(self, '/')+1] + helperName, nil
}

// release lets the command end, and waits for it.
func (h *helper) release() {
	unix.Close(h.in)
	unix.Close(h.out)
	for {
		if _, err := unix.Wait4(h.pid, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
}

// startUnit has systemd make the scope.
func (g *Group) startUnit(r *specs.LinuxResources) (err error) {
	g.helper, err = ask(&Request{Do: "start", Unit: *g.Unit, Description: "container " + g.Unit.Name, V2: g.Pure(), Resources: r})
	g.refused = err != nil
	return err
}

// releaseUnit ends the command, once init is in the scope.
func (g *Group) releaseUnit() error {
	if g.helper != nil {
		g.helper.release()
		g.helper = nil
	}
	return nil
}

// setUnit tells systemd the new limits, or it would write the old ones again when it reloads its files.
func (g *Group) setUnit(r *specs.LinuxResources) error {
	h, err := ask(&Request{Do: "set", Unit: *g.Unit, V2: g.Pure(), Resources: r})
	if err == nil {
		h.release()
	}
	return err
}

// stopUnit has systemd forget the scope. An error is of no consequence: an empty scope is forgotten anyway.
func (g *Group) stopUnit() {
	if h, err := ask(&Request{Do: "stop", Unit: *g.Unit}); err == nil {
		h.release()
	}
}
