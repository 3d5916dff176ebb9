package process

import (
	"fmt"
	"os"
	"strings"

	"jocker/final/runtime/process/user"
)

// environ makes the program's environment: config.json's, where the last of several settings of a
// variable counts; HOME, if that does not set it; and what sd_listen_fds(3) wants. Nothing of the
// runtime's own comes in.
func (p *Init) environ() {
	given := p.c.Process.Env
	p.env = make([]string, 0, len(given)+3)
	seen := make(map[string]bool, len(given))
	for i := len(given) - 1; i >= 0; i-- {
		name, value, _ := strings.Cut(given[i], "=")
		if seen[name] || name == "HOME" && value == "" {
			continue
		}
		seen[name] = true
		p.env = append(p.env, given[i])
	}
	for i, j := 0, len(p.env)-1; i < j; i, j = i+1, j-1 {
		p.env[i], p.env[j] = p.env[j], p.env[i]
	}
	if !seen["HOME"] {
		p.env = append(p.env, "HOME="+p.homeDir())
	}
	if n := p.c.ListenFDs; n > 0 {
		p.env = append(p.env, fmt.Sprint("LISTEN_FDS=", n), fmt.Sprint("LISTEN_PID=", os.Getpid()))
	}
}

// homeDir is the user's home directory by the container's /etc/passwd, which is read only for this.
func (p *Init) homeDir() string {
	dir, err := user.Home(p.who.UID)
	if err != nil {
		p.warn("HOME is set to /: " + err.Error())
	}
	return dir
}
