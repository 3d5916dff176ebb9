package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"jocker/final/engine/container"
	"jocker/final/runtime/fail"
)

// buildCommand becomes jocker-build, which knows its own flags.
func buildCommand(a *app) *cobra.Command {
	return &cobra.Command{Use: "build [OPTIONS] PATH | -", Short: "Build an image from a Dockerfile", DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			program, err := container.FindProgram("jocker-build")
			if err != nil {
				return err
			}
			err = unix.Exec(program, append([]string{"jocker build", "--root", a.root, "--state", a.state}, args...), os.Environ())
			return fail.Call("execve("+program+")", err, "")
		}}
}

// builderCommand has the one command for the build cache.
func builderCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "builder", Short: "Manage builds"}
	prune := &cobra.Command{Use: "prune", Short: "Remove build cache", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		s, err := a.store()
		if err != nil {
			return err
		}
		if err := s.Images.DropCache(); err != nil {
			return err
		}
		freed, _, err := s.Images.Sweep(s.Manifests)
		fmt.Println("Total reclaimed space:", humanSize(freed))
		return err
	}}
	for _, name := range []string{"force", "all"} { // nobody is asked: a build makes it again
		prune.Flags().BoolP(name, name[:1], false, "")
	}
	c.AddCommand(prune, buildCommand(a))
	return c
}
