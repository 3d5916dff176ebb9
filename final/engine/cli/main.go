package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
)

// Version is jocker's own.
const Version = "0.1.0"

// An app is one call of jocker.
type app struct {
	root, state string
	opened      *container.Store
	explanation *container.Explanation // of run --explain; nil without it
}

// begun is when this process did, or a moment later.
var begun = time.Now()

// store opens the store, once.
func (a *app) store() (*container.Store, error) {
	if a.opened != nil {
		return a.opened, nil
	}
	var err error
	a.opened, err = container.Open(a.root, a.state)
	return a.opened, err
}

// An exitError is an exit code, with a message or without.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit returns an error that stands for an exit code alone; nil for 0.
func exit(code int) error {
	if code == 0 {
		return nil
	}
	return &exitError{code: code}
}

// A maker makes a command.
type maker func(a *app) *cobra.Command

// commands are all of them, in the order of the help text.
func commands() map[string]maker {
	return map[string]maker{
		"run": runCommand, "create": createCommand, "exec": execCommand, "ps": psCommand, "start": startCommand, "stop": stopCommand,
		"restart": restartCommand, "kill": killCommand, "rm": rmCommand, "wait": waitCommand, "logs": logsCommand, "attach": attachCommand,
		"pause": pauseCommand, "unpause": unpauseCommand, "rename": renameCommand, "inspect": inspectCommand, "port": portCommand,
		"top": topCommand, "stats": statsCommand, "events": eventsCommand, "update": updateCommand, "cp": cpCommand, "anatomy": anatomyCommand, "diff": diffCommand, "commit": commitCommand, "export": exportCommand,
		"images": imagesCommand, "rmi": rmiCommand, "tag": tagCommand, "history": historyCommand, "init-image": initImageCommand,
		"save": saveCommand, "load": loadCommand, "import": importCommand,
		"pull": pullCommand, "push": pushCommand, "login": loginCommand, "logout": logoutCommand,
		"volume": volumeCommand, "network": networkCommand, "container": containerCommand, "image": imageCommand,
		"version": versionCommand, "info": infoCommand, "system": systemCommand,
		"sweep": sweepCommand, "build": buildCommand, "builder": builderCommand,
	}
}

// Main carries out a command line and returns the exit code.
func Main(args []string) int {
	a := &app{}
	root := &cobra.Command{
		Use:           "jocker",
		Short:         "Containers, without a daemon",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       Version,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetVersionTemplate("Jocker version {{.Version}}\n")
	root.SetErrPrefix("jocker:")
	flags := root.PersistentFlags()
	flags.StringVar(&a.root, "root", "/var/lib/jocker", "where images, containers and volumes are kept")
	flags.StringVar(&a.state, "state", "/run/jocker", "where sockets and the runtime's state are kept; not on a network file system")
	name := commandName(args)
	all := commands()
	if make, ok := all[name]; ok {
		root.AddCommand(make(a))
	} else {
		for _, make := range all {
			root.AddCommand(make(a))
		}
		a.complete(root)
	}
	if name == "run" || name == "create" {
		args = bookFlags(root, args)
	}
	root.SetArgs(args)
	return report(name, root.Execute())
}

// commandName finds the command in the arguments: the first that is no global flag.
func commandName(args []string) string {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--root" || args[i] == "--state":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return args[i]
		}
	}
	return ""
}

// report prints an error and returns the exit code that goes with it.
func report(command string, err error) int {
	if err == nil {
		return 0
	}
	code := 1
	if command == "run" || command == "create" || command == "exec" {
		code = 125 // those of the container's program come through, so ours must be told apart
	}
	if command == "create" || command == "exec" {
		code = 1
	}
	var e *exitError
	var start *container.StartError
	switch {
	case errors.As(err, &e):
		code = e.code
	case errors.As(err, &start) && command == "run":
		code = start.Code
	}
	if text := err.Error(); text != "" {
		prefix := "Error: "
		if command == "run" {
			prefix = "jocker: "
		}
		fmt.Fprintln(os.Stderr, prefix+text)
	}
	return code
}

// each calls f for each name, prints what it prints if that went well, and goes on after errors, as Docker's commands do.
func each(names []string, f func(name string) error) error {
	failed := false
	for _, name := range names {
		if err := f(name); err != nil {
			fmt.Fprintln(os.Stderr, "Error:", err)
			failed = true
			continue
		}
		fmt.Println(name)
	}
	if failed {
		return exit(1)
	}
	return nil
}

// containers calls f for each of the containers that are named.
func (a *app) containers(names []string, f func(c *container.Container) error) error {
	s, err := a.store()
	if err != nil {
		return err
	}
	return each(names, func(name string) error {
		c, err := s.Find(name)
		if err != nil {
			return err
		}
		return f(c)
	})
}

// container finds one container.
func (a *app) container(name string) (*container.Container, error) {
	s, err := a.store()
	if err != nil {
		return nil, err
	}
	return s.Find(name)
}

// warn tells the user what goes wrong without being an error.
func warn(text string) { fmt.Fprintln(os.Stderr, "WARNING:", text) }
