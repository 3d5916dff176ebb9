package cli

import (
	"errors"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
)

// registry executes jocker-registry, the program that speaks HTTP.
func (a *app) registry(command string, args ...string) error {
	program, err := container.FindProgram("jocker-registry")
	if err != nil {
		return err
	}
	cmd := exec.Command(program, append([]string{"-root", a.root, command}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	if ended := (&exec.ExitError{}); errors.As(err, &ended) {
		return exit(max(ended.ExitCode(), 1)) // it has said why
	}
	return err
}

func pullArgs(name, platform string, quiet bool) (args []string) {
	if platform != "" {
		args = append(args, "-platform", platform)
	}
	if quiet {
		args = append(args, "-quiet")
	}
	return append(args, name)
}

func pullCommand(a *app) *cobra.Command {
	var platform string
	var quiet bool
	c := &cobra.Command{Use: "pull [OPTIONS] NAME[:TAG|@DIGEST]", Short: "Download an image from a registry", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if _, err := a.store(); err != nil {
				return err
			}
			return a.registry("pull", pullArgs(args[0], platform, quiet)...)
		}}
	c.Flags().StringVar(&platform, "platform", "", "Set platform if server is multi-platform capable")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "Suppress verbose output")
	return c
}

func pushCommand(a *app) *cobra.Command {
	var quiet bool
	c := &cobra.Command{Use: "push [OPTIONS] NAME[:TAG]", Short: "Upload an image to a registry", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.registry("push", pullArgs(args[0], "", quiet)...)
		}}
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "Suppress verbose output")
	return c
}

func loginCommand(a *app) *cobra.Command {
	var user, password string
	var stdin bool
	c := &cobra.Command{Use: "login [OPTIONS] [SERVER]", Short: "Log in to a registry", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var all []string
			if user != "" {
				all = append(all, "-username", user)
			}
			if password != "" {
				all = append(all, "-password", password)
			}
			if stdin {
				all = append(all, "-password-stdin")
			}
			return a.registry("login", append(all, args...)...)
		}}
	c.Flags().StringVarP(&user, "username", "u", "", "Username")
	c.Flags().StringVarP(&password, "password", "p", "", "Password")
	c.Flags().BoolVar(&stdin, "password-stdin", false, "Take the password from stdin")
	return c
}

func logoutCommand(a *app) *cobra.Command {
	return &cobra.Command{Use: "logout [SERVER]", Short: "Log out from a registry", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.registry("logout", args...) }}
}
