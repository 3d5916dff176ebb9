package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
)

// registry executes jocker-registry, the program that speaks HTTP.
func (a *app) registry(stdin io.Reader, stdout io.Writer, command string, args ...string) error {
	program, err := container.FindProgram("jocker-registry")
	if err != nil {
		return err
	}
	cmd := exec.Command(program, append([]string{"-root", a.root, command}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, os.Stderr
	err = cmd.Run()
	if ended := (&exec.ExitError{}); errors.As(err, &ended) {
		return exit(max(ended.ExitCode(), 1)) // it has said why
	}
	return err
}

// registryFlags are those that pull and push have in common.
type registryFlags struct {
	platform   string
	quiet, all bool
}

// args are a name with the flags as jocker-registry takes them.
func (f *registryFlags) args(name string) (args []string) {
	if f.platform != "" {
		args = append(args, "-platform", f.platform)
	}
	if f.quiet {
		args = append(args, "-quiet")
	}
	if f.all {
		args = append(args, "-all-tags")
	}
	return append(args, "--", name)
}

func pullCommand(a *app) *cobra.Command {
	f := &registryFlags{}
	c := &cobra.Command{Use: "pull [OPTIONS] NAME[:TAG|@DIGEST]", Short: "Download an image from a registry", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			if err := a.registry(nil, os.Stdout, "pull", f.args(args[0])...); err != nil {
				return err
			}
			s.TellImage("pull", args[0])
			return nil
		}}
	c.Flags().StringVar(&f.platform, "platform", "", "Set platform if server is multi-platform capable")
	c.Flags().BoolVarP(&f.all, "all-tags", "a", false, "Download all tagged images in the repository")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "Suppress verbose output")
	return c
}

func pushCommand(a *app) *cobra.Command {
	f := &registryFlags{}
	c := &cobra.Command{Use: "push [OPTIONS] NAME[:TAG]", Short: "Upload an image to a registry", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			if err := a.registry(nil, os.Stdout, "push", f.args(args[0])...); err != nil {
				return err
			}
			s.TellImage("push", args[0])
			return nil
		}}
	c.Flags().BoolVarP(&f.all, "all-tags", "a", false, "Push all tags of an image to the repository")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "Suppress verbose output")
	return c
}

func loginCommand(a *app) *cobra.Command {
	var user, password string
	var stdin bool
	c := &cobra.Command{Use: "login [OPTIONS] [SERVER]", Short: "Log in to a registry", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var all []string
			if user != "" {
				all = append(all, "-username", user)
			}
			var in io.Reader = os.Stdin
			if c.Flags().Changed("password") {
				if stdin {
					return errors.New("--password and --password-stdin are mutually exclusive")
				}
				fmt.Fprintln(os.Stderr, "WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
				// A command line is for everybody to read, so it goes no further than this one.
				in, stdin = strings.NewReader(password), true
			}
			if stdin {
				all = append(all, "-password-stdin")
			}
			return a.registry(in, os.Stdout, "login", append(append(all, "--"), args...)...)
		}}
	c.Flags().StringVarP(&user, "username", "u", "", "Username")
	c.Flags().StringVarP(&password, "password", "p", "", "Password")
	c.Flags().BoolVar(&stdin, "password-stdin", false, "Take the password from stdin")
	return c
}

func logoutCommand(a *app) *cobra.Command {
	return &cobra.Command{Use: "logout [SERVER]", Short: "Log out from a registry", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.registry(nil, os.Stdout, "logout", append([]string{"--"}, args...)...)
		}}
}
