package shim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Options are what a shim is told. It gets them as arguments: `ps` shows how a container was started.
type Options struct {
	ID      string
	Dir     string // the container's directory: the bundle, log, state.json
	RunDir  string // of the container, below /run: the sockets
	Runtime string // the OCI runtime's program
	Root    string // the runtime's --root
	Systemd bool   // let systemd make the cgroup

	TTY       bool
	Stdin     bool  // standard input is kept open for clients
	StdinOnce bool  // it is closed when the first client closes it or goes
	LogSize   int64 // bytes of the log before another is begun; 0: no limit
	LogFiles  int   // how many logs are kept

	Restart    string // "", always, unless-stopped, on-failure
	MaxRetries int    // of on-failure; 0: no limit
	Restarts   int    // how often it was restarted before

	Explain string // a file into which the steps of the first start are written; "" if nobody wants to know

	Name   string // of the container, and its image's: for events
	Image  string
	Events string // the log of events

	StopSignal  int // what asks it to stop, and how many seconds it has then; -1: for ever
	StopTimeout int
	Health      Health

	Trash  string   // the container goes with its end: Dir is moved in there first, so that it vanishes at once
	Remove []string // and this is removed with it: its name, its volumes
	Cables []string // interfaces of the host that lead to the container, which are removed when it is over
	Held   int      // how many sockets it keeps, from descriptor 5 on: ports of the host
	Engine []string // a command that is executed when it is over, to remove what the last container leaves; nil if there is nothing to do
}

// Health says how a shim finds out whether its container does its work. It has a probe if Interval is not 0: the process in
// the file ProbeFile of the container's directory, in the OCI's words.
type Health struct {
	Interval      time.Duration // between the end of a probe and the next
	Timeout       time.Duration // of one probe
	StartPeriod   time.Duration // failures do not count so long, as the container is still getting up
	StartInterval time.Duration // between probes, meanwhile
	Retries       int           // failures, one after the other, that make it unhealthy
	OnFailure     string        // what happens then: "", kill, restart, stop
}

// ProbeFile is the file with the probe's process.
const ProbeFile = "probe.json"

// Args returns the options as arguments.
func (o *Options) Args() []string {
	args := []string{"-id", o.ID, "-dir", o.Dir, "-run", o.RunDir, "-runtime", o.Runtime, "-root", o.Root}
	flag := func(name string, on bool) {
		if on {
			args = append(args, name)
		}
	}
	text := func(name, value string) {
		if value != "" {
			args = append(args, name, value)
		}
	}
	number := func(name string, n int64) {
		if n != 0 {
			args = append(args, name, strconv.FormatInt(n, 10))
		}
	}
	flag("-systemd", o.Systemd)
	flag("-tty", o.TTY)
	flag("-stdin", o.Stdin)
	flag("-stdin-once", o.StdinOnce)
	number("-log-size", o.LogSize)
	number("-log-files", int64(o.LogFiles))
	text("-restart", o.Restart)
	number("-retries", int64(o.MaxRetries))
	number("-restarts", int64(o.Restarts))
	text("-explain", o.Explain)
	text("-name", o.Name)
	text("-image", o.Image)
	text("-events", o.Events)
	number("-stop-signal", int64(o.StopSignal))
	number("-stop-timeout", int64(o.StopTimeout))
	number("-health-interval", int64(o.Health.Interval))
	number("-health-timeout", int64(o.Health.Timeout))
	number("-health-start-period", int64(o.Health.StartPeriod))
	number("-health-start-interval", int64(o.Health.StartInterval))
	number("-health-retries", int64(o.Health.Retries))
	text("-health-on-failure", o.Health.OnFailure)
	text("-trash", o.Trash)
	number("-held", int64(o.Held))
	for _, path := range o.Remove {
		text("-remove", path)
	}
	for _, name := range o.Cables {
		text("-cable", name)
	}
	for _, arg := range o.Engine {
		args = append(args, "-engine", arg)
	}
	return args
}

// Parse reads what Args made.
func Parse(args []string) (*Options, error) {
	o := &Options{}
	texts := map[string]*string{"-id": &o.ID, "-dir": &o.Dir, "-run": &o.RunDir, "-runtime": &o.Runtime, "-root": &o.Root,
		"-restart": &o.Restart, "-trash": &o.Trash, "-explain": &o.Explain, "-name": &o.Name, "-image": &o.Image, "-events": &o.Events, "-health-on-failure": &o.Health.OnFailure}
	flags := map[string]*bool{"-systemd": &o.Systemd, "-tty": &o.TTY, "-stdin": &o.Stdin, "-stdin-once": &o.StdinOnce}
	numbers := map[string]*int{"-log-files": &o.LogFiles, "-retries": &o.MaxRetries, "-restarts": &o.Restarts, "-held": &o.Held,
		"-stop-signal": &o.StopSignal, "-stop-timeout": &o.StopTimeout, "-health-retries": &o.Health.Retries}
	times := map[string]*time.Duration{"-health-interval": &o.Health.Interval, "-health-timeout": &o.Health.Timeout,
		"-health-start-period": &o.Health.StartPeriod, "-health-start-interval": &o.Health.StartInterval}
	for i := 0; i < len(args); i++ {
		name := args[i]
		if p, ok := flags[name]; ok {
			*p = true
			continue
		}
		if i++; i == len(args) {
			return nil, fmt.Errorf("%s: its value is missing", name)
		}
		value := args[i]
		var err error
		switch {
		case texts[name] != nil:
			*texts[name] = value
		case numbers[name] != nil:
			*numbers[name], err = strconv.Atoi(value)
		case times[name] != nil:
			var n int64
			n, err = strconv.ParseInt(value, 10, 64)
			*times[name] = time.Duration(n)
		case name == "-log-size":
			o.LogSize, err = strconv.ParseInt(value, 10, 64)
		case name == "-remove":
			o.Remove = append(o.Remove, value)
		case name == "-cable":
			o.Cables = append(o.Cables, value)
		case name == "-engine":
			o.Engine = append(o.Engine, value)
		default:
			err = fmt.Errorf("there is no such option")
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", name, value, err)
		}
	}
	for _, name := range []string{"-id", "-dir", "-run", "-runtime", "-root"} {
		if *texts[name] == "" {
			return nil, fmt.Errorf("%s is missing; jocker-shim is started by jocker, as %s", name, strings.Join((&Options{}).Args(), " "))
		}
	}
	return o, nil
}
