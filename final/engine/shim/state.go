package shim

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// The states that are written down. (That a container is paused or dead is not: the kernel is asked.)
const (
	Created = "created"
	Running = "running"
	Exited  = "exited"
	Waiting = "restarting" // until it is started again
)

// A State is what has become of a container: state.json. Its shim writes it.
type State struct {
	Status    string
	Pid       int    // of the container's first process
	PidStart  uint64 // when that started, in clock ticks since boot: a later process with the same pid is another
	Shim      int    // the same for the shim
	ShimStart uint64

	ExitCode   int
	OOMKilled  bool   // the kernel killed a process of it because its memory limit was reached
	KilledBy   string // the limit that ended it or made it fail, as a sentence; "" if none did
	Error      string // why it could not be started
	StartedAt  time.Time
	FinishedAt time.Time
	Restarts   int
	Stopped    bool // by somebody, so unless-stopped does not start it again

	Health        string // starting, healthy, unhealthy; "" if nothing is probed
	FailingStreak int    // probes that failed, one after the other
}

// How a container feels.
const (
	Starting  = "starting"
	Healthy   = "healthy"
	Unhealthy = "unhealthy"
)

// JSON returns the state as JSON.
func (s *State) JSON() []byte {
	b := append([]byte(nil), `{"Status":`...)
	b = AppendString(b, s.Status)
	number := func(name string, n uint64) {
		b = append(append(b, ",\""+name+"\":"...), strconv.FormatUint(n, 10)...)
	}
	flag := func(name string, v bool) {
		b = append(append(b, ",\""+name+"\":"...), strconv.FormatBool(v)...)
	}
	text := func(name, v string) { b = AppendString(append(b, ",\""+name+"\":"...), v) }
	moment := func(name string, t time.Time) {
		b = append(t.UTC().AppendFormat(append(b, ",\""+name+"\":\""...), time.RFC3339Nano), '"')
	}
	number("Pid", uint64(s.Pid))
	number("PidStart", s.PidStart)
	number("Shim", uint64(s.Shim))
	number("ShimStart", s.ShimStart)
	number("ExitCode", uint64(s.ExitCode))
	flag("OOMKilled", s.OOMKilled)
	text("KilledBy", s.KilledBy)
	text("Error", s.Error)
	moment("StartedAt", s.StartedAt)
	moment("FinishedAt", s.FinishedAt)
	number("Restarts", uint64(s.Restarts))
	flag("Stopped", s.Stopped)
	text("Health", s.Health)
	number("FailingStreak", uint64(s.FailingStreak))
	return append(b, "}\n"...)
}

// AppendString appends a JSON string.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s { // what is not UTF-8 becomes U+FFFD
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = append(b, '\\', 'u', '0', '0', "0123456789abcdef"[r>>4], "0123456789abcdef"[r&15])
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// Save writes the state into a file, at once for everybody who reads it.
func (s *State) Save(path string) error {
	temp := path + ".new"
	err := os.WriteFile(temp, s.JSON(), 0o600)
	if err == nil {
		err = os.Rename(temp, path)
	}
	return err
}

// Alive says whether a process with this pid that started at this time is there and has not ended.
func Alive(pid int, start uint64) bool {
	got, zombie := StartTime(pid)
	return start != 0 && got == start && !zombie
}

// StartTime returns when a process started, in clock ticks since boot, and whether it is a zombie; 0 if it is not there.
// It reads fields 3 and 22 of proc_pid_stat(5). Field 2, a program's name in parentheses, may itself have some.
func StartTime(pid int) (start uint64, zombie bool) {
	if pid <= 0 {
		return 0, false
	}
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	var buffer [1024]byte
	n, _ := f.Read(buffer[:])
	data := buffer[:n]
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 {
		return 0, false
	}
	start, _ = strconv.ParseUint(string(fields[19]), 10, 64)
	return start, fields[0][0] == 'Z' || fields[0][0] == 'X'
}
