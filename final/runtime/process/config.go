package process

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"jocker/final/runtime/process/capability"
	"jocker/final/runtime/step"
)

// A Config is what init has to know to become the user's program. It is plain data, and goes through
// the pipe. File descriptors are numbers in init, each closed on exec.
type Config struct {
	// Process is config.json's process, or the process that exec was asked for. It has been validated:
	// args is not empty, cwd is absolute, and no string contains a NUL byte.
	Process *specs.Process
	// ID is the container's, for the name of the session keyring.
	ID string
	// Exec says that the process joins a running container. The host name, the keyring's permissions
	// and the working directory are then somebody else's work, done already.
	Exec bool
	// UserNamespace says that the container has a user namespace of its own, or joined one.
	UserNamespace bool
	// User is what `exec --user` was given: see package user. If it is empty, Process.User counts.
	User string
	// Hostname, Domainname and Personality are config.json's hostname, domainname and linux.personality.
	Hostname, Domainname string
	Personality          *specs.LinuxPersonality
	// NoNewKeyring leaves the session keyring as it is (--no-new-keyring).
	NoNewKeyring bool

	// ConsoleSocket is the unix socket to which the terminal's master goes, if Process.Terminal is set.
	ConsoleSocket int
	// ListenFDs is how many of the descriptors from 3 on were handed down by socket activation
	// (sd_listen_fds(3)), and PreserveFDs how many more the user wants to keep (--preserve-fds).
	ListenFDs, PreserveFDs int
	// Report is the one descriptor that stays open until execve closes it: the socket over which a
	// failed execve is told. -1 if there is none.
	Report int

	// Filter and FilterFlags are the Program and Flags of a seccomp.Filter; nothing is loaded if
	// Filter is empty. Ask Preflight first.
	Filter      []unix.SockFilter
	FilterFlags uint
	// Notify is a socket connected to the filter's ListenerPath, and NotifyState the container process
	// state to be sent over it, a JSON document. They count if FilterFlags has NEW_LISTENER.
	Notify      int
	NotifyState []byte
}

// An Init carries a Config out. Its methods give the steps in the order in which they are to be made,
// and between them the caller has its own:
//
//	Begin     first of all
//	Inside    when the container's root is the process's root, and not read-only yet
//	Become    when nothing is left to do that needs the rights of init
//	Finish    when the container was started: it ends with execve
//
// For exec they follow one another. Making the lists calls nothing of the kernel.
type Init struct {
	c *Config
	// Slave is the terminal that became standard input, once Inside has been made: the rootfs binds it
	// to /dev/console. -1 without a terminal. Finish closes it.
	Slave int
	// Warn is told what could not be had and may be done without, as the specification wants it for
	// capabilities. It may be nil.
	Warn func(string)

	who     specs.User // Process.User, or who Config.User means
	caps    capability.Sets
	retryWd bool     // the user has to enter the working directory, for root may not
	program string   // the path of the program
	env     []string // its environment
}

// New returns the Init of a configuration.
func New(c *Config) *Init { return &Init{c: c, Slave: -1, who: c.Process.User} }

// do returns a step of init.
func do(stage string, lab int, say func() (what, call string), f func() error) step.Step {
	return step.Step{Actor: step.Init, Stage: stage, Lab: lab, Say: say, Do: f}
}

func (p *Init) warn(text string) {
	if p.Warn != nil {
		p.Warn(text)
	}
}
