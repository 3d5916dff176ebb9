package shim

import (
	"fmt"
	"strconv"
	"strings"
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

	Remove []string // the container goes with its end: what is removed, the container's directory first
	Unlink []string // links that are removed when the container stops: its address
	Engine []string // a command that is executed when it stops; nil if there is nothing to do
}

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
	for _, path := range o.Remove {
		text("-remove", path)
	}
	for _, path := range o.Unlink {
		text("-unlink", path)
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
		"-restart": &o.Restart}
	flags := map[string]*bool{"-systemd": &o.Systemd, "-tty": &o.TTY, "-stdin": &o.Stdin, "-stdin-once": &o.StdinOnce}
	numbers := map[string]*int{"-log-files": &o.LogFiles, "-retries": &o.MaxRetries, "-restarts": &o.Restarts}
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
		case name == "-log-size":
			o.LogSize, err = strconv.ParseInt(value, 10, 64)
		case name == "-remove":
			o.Remove = append(o.Remove, value)
		case name == "-engine":
			o.Engine = append(o.Engine, value)
		case name == "-unlink":
			o.Unlink = append(o.Unlink, value)
		default:
			err = fmt.Errorf("there is no such option")
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", name, value, err)
		}
	}
	for name, p := range texts {
		if *p == "" && name != "-restart" {
			return nil, fmt.Errorf("%s is missing; jocker-shim is started by jocker, as %s", name, strings.Join((&Options{}).Args(), " "))
		}
	}
	return o, nil
}
