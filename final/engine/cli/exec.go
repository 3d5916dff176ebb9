package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
)

func execCommand(a *app) *cobra.Command {
	var o container.ExecOptions
	var files, env []string
	c := &cobra.Command{Use: "exec [OPTIONS] CONTAINER COMMAND [ARG...]", Short: "Execute a command in a running container", Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			f := createFlags{env: env, envFiles: files}
			if err := f.readEnv(); err != nil {
				return err
			}
			o.Args, o.Env = args[1:], f.o.Config.Env
			if o.TTY && o.Stdin && !o.Detach && !isTerminal(0) {
				return errors.New("the input device is not a TTY")
			}
			c, err := a.container(args[0])
			if err != nil {
				return err
			}
			code, err := c.Exec(o)
			var start *container.StartError
			if errors.As(err, &start) {
				return &exitError{start.Code, err}
			} else if err != nil {
				return err
			}
			return exit(code)
		}}
	f := c.Flags()
	f.SetInterspersed(false)
	f.BoolVarP(&o.Stdin, "interactive", "i", false, "Keep STDIN open even if not attached")
	f.BoolVarP(&o.TTY, "tty", "t", false, "Allocate a pseudo-TTY")
	f.BoolVarP(&o.Detach, "detach", "d", false, "Detached mode: run command in the background")
	f.StringArrayVarP(&env, "env", "e", nil, "Set environment variables")
	f.StringArrayVar(&files, "env-file", nil, "Read in a file of environment variables")
	f.StringVarP(&o.User, "user", "u", "", "Username or UID (format: <name|uid>[:<group|gid>])")
	f.StringVarP(&o.WorkingDir, "workdir", "w", "", "Working directory inside the container")
	f.BoolVar(&o.Privileged, "privileged", false, "Give extended privileges to the command")
	return c
}
