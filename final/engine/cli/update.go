package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"jocker/final/engine/container"
)

func updateCommand(a *app) *cobra.Command {
	f, limits := &createFlags{}, pflag.NewFlagSet("limits", pflag.ContinueOnError)
	c := &cobra.Command{Use: "update [OPTIONS] CONTAINER [CONTAINER...]", Short: "Update configuration of one or more containers", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags := cmd.Flags()
			if err := f.readSizes(); err != nil {
				return err
			}
			var policy *container.RestartPolicy
			if flags.Changed("restart") {
				if err := f.readRestart(); err != nil {
					return err
				}
				policy = &f.o.Host.RestartPolicy
			}
			given := policy != nil
			limits.VisitAll(func(flag *pflag.Flag) { given = given || flags.Changed(flag.Name) })
			if !given {
				return errors.New("you must provide one or more flags when using this command: `jocker update --help` lists them")
			}
			return a.containers(args, func(c *container.Container) error {
				lock, err := c.Lock()
				if err != nil {
					return err
				}
				defer lock.Unlock()
				return c.Update(f.changed(flags, c.HostConfig.Resources), policy)
			})
		}}
	f.addLimits(limits)
	c.Flags().AddFlagSet(limits)
	c.Flags().StringVar(&f.restart, "restart", "", "Restart policy to apply when a container exits")
	return c
}

// changed returns the limits old with what the flags change of them.
func (f *createFlags) changed(flags *pflag.FlagSet, old container.Resources) container.Resources {
	r, given := old, f.o.Host.Resources
	flags.Visit(func(flag *pflag.Flag) {
		switch flag.Name {
		case "memory":
			r.Memory = given.Memory
		case "memory-swap":
			r.MemorySwap = given.MemorySwap
		case "memory-reservation":
			r.MemoryReservation = given.MemoryReservation
		case "cpus":
			r.NanoCpus = given.NanoCpus
		case "cpu-shares":
			r.CpuShares = given.CpuShares
		case "cpu-period":
			r.CpuPeriod = given.CpuPeriod
		case "cpu-quota":
			r.CpuQuota = given.CpuQuota
		case "cpuset-cpus":
			r.CpusetCpus = strings.TrimSpace(given.CpusetCpus)
		case "cpuset-mems":
			r.CpusetMems = strings.TrimSpace(given.CpusetMems)
		case "pids-limit":
			r.PidsLimit = given.PidsLimit
		}
	})
	return r
}
