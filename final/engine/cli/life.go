package cli

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"jocker/final/engine/container"
	"jocker/final/engine/shim"
)

func startCommand(a *app) *cobra.Command {
	var attached, interactive bool
	var keys string
	c := &cobra.Command{Use: "start [OPTIONS] CONTAINER [CONTAINER...]", Short: "Start one or more stopped containers", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if !attached && !interactive {
				return a.containers(args, func(c *container.Container) error {
					conn, err := a.start(c, container.StartOptions{Warn: warn})
					if conn != nil {
						conn.Close()
					}
					return err
				})
			}
			if len(args) > 1 {
				return fmt.Errorf("you cannot start and attach multiple containers at once")
			}
			c, err := a.container(args[0])
			if err != nil {
				return err
			}
			o := attachOptions{tty: c.Config.Tty, input: interactive && c.Config.OpenStdin, proxy: true, keys: keys}
			if err := o.check(o.tty, o.input); err != nil {
				return err
			}
			rows, columns := terminalSize()
			conn, err := a.start(c, container.StartOptions{Warn: warn, Rows: rows, Columns: columns})
			if err == nil && conn == nil {
				conn, err = c.Attach()
			}
			if err != nil {
				return err
			}
			code, err := attach(conn, o)
			if err != nil {
				return err
			}
			return exit(code)
		}}
	c.Flags().BoolVarP(&attached, "attach", "a", false, "Attach STDOUT/STDERR and forward signals")
	c.Flags().BoolVarP(&interactive, "interactive", "i", false, "Attach container's STDIN")
	c.Flags().StringVar(&keys, "detach-keys", defaultKeys, "Override the key sequence for detaching a container")
	return c
}

func (a *app) start(c *container.Container, o container.StartOptions) (*shim.Conn, error) {
	lock, err := c.Lock()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	return c.Start(o)
}

// stopping adds the flags of stop and restart.
func stopping(c *cobra.Command, seconds *int, signal *string) {
	c.Flags().IntVarP(seconds, "time", "t", 10, "Seconds to wait before killing the container")
	c.Flags().StringVarP(signal, "signal", "s", "", "Signal to send to the container")
}

// stop stops a container, as it wants to be stopped if the flags say nothing else.
func stop(c *container.Container, cmd *cobra.Command, seconds int, signal string) error {
	how, patience, err := c.StopWay()
	if signal != "" {
		how, err = container.ParseSignal(signal)
	}
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("time") {
		patience = time.Duration(seconds) * time.Second
	}
	status, err := c.Status()
	if err != nil || !status.Active() {
		return err
	}
	if err := c.Stop(how, patience); err != nil {
		return err
	}
	c.Tell("stop")
	return nil
}

func stopCommand(a *app) *cobra.Command {
	var seconds int
	var signal string
	c := &cobra.Command{Use: "stop [OPTIONS] CONTAINER [CONTAINER...]", Short: "Stop one or more running containers", Args: cobra.MinimumNArgs(1)}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.containers(args, func(c *container.Container) error { return stop(c, cmd, seconds, signal) })
	}
	stopping(c, &seconds, &signal)
	return c
}

func restartCommand(a *app) *cobra.Command {
	var seconds int
	var signal string
	c := &cobra.Command{Use: "restart [OPTIONS] CONTAINER [CONTAINER...]", Short: "Restart one or more containers", Args: cobra.MinimumNArgs(1)}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		return a.containers(args, func(c *container.Container) error {
			if err := stop(c, cmd, seconds, signal); err != nil {
				return err
			}
			conn, err := a.start(c, container.StartOptions{Warn: warn})
			if conn != nil {
				conn.Close()
			}
			if err == nil {
				c.Tell("restart")
			}
			return err
		})
	}
	stopping(c, &seconds, &signal)
	return c
}

func killCommand(a *app) *cobra.Command {
	var signal string
	c := &cobra.Command{Use: "kill [OPTIONS] CONTAINER [CONTAINER...]", Short: "Kill one or more running containers", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := container.ParseSignal(signal)
			if err != nil {
				return err
			}
			return a.containers(args, func(c *container.Container) error {
				if s == unix.SIGKILL {
					status, err := c.Status()
					if err == nil && !status.Active() {
						err = fmt.Errorf("Cannot kill container: %s: Container %s is not running", c.Name, c.ID)
					}
					if err != nil {
						return err
					}
					return c.Stop(s, 10*time.Second) // and wait for its end, so that the next command finds it so
				}
				return c.Signal(s, false)
			})
		}}
	c.Flags().StringVarP(&signal, "signal", "s", "KILL", "Signal to send to the container")
	return c
}

func rmCommand(a *app) *cobra.Command {
	var force, volumes bool
	c := &cobra.Command{Use: "rm [OPTIONS] CONTAINER [CONTAINER...]", Short: "Remove one or more containers", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.containers(args, func(c *container.Container) error { return remove(c, force, volumes) })
		}}
	c.Flags().BoolVarP(&force, "force", "f", false, "Force the removal of a running container (uses SIGKILL)")
	c.Flags().BoolVarP(&volumes, "volumes", "v", false, "Remove anonymous volumes associated with the container")
	return c
}

// remove removes a container, and kills it first if force says so.
func remove(c *container.Container, force, volumes bool) error {
	if force {
		// Without the lock: the shim takes it to remove a container that goes with its end.
		if err := c.Stop(unix.SIGKILL, 10*time.Second); err != nil {
			return err
		}
	}
	if _, err := os.Stat(c.Dir()); os.IsNotExist(err) && force {
		return nil // it went with its end
	}
	lock, err := c.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	return c.Remove(volumes)
}

func waitCommand(a *app) *cobra.Command {
	return &cobra.Command{Use: "wait CONTAINER [CONTAINER...]", Short: "Block until one or more containers stop, then print their exit codes", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			failed := false
			for _, name := range args {
				c, err := a.container(name)
				var code int
				if err == nil {
					code, err = c.Wait(false)
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, "Error:", err)
					failed = true
					continue
				}
				fmt.Println(strconv.Itoa(code))
			}
			if failed {
				return exit(1)
			}
			return nil
		}}
}

func pauseCommand(a *app) *cobra.Command {
	return &cobra.Command{Use: "pause CONTAINER [CONTAINER...]", Short: "Pause all processes within one or more containers", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.containers(args, (*container.Container).Pause) }}
}

func unpauseCommand(a *app) *cobra.Command {
	return &cobra.Command{Use: "unpause CONTAINER [CONTAINER...]", Short: "Unpause all processes within one or more containers", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.containers(args, (*container.Container).Unpause)
		}}
}

func renameCommand(a *app) *cobra.Command {
	return &cobra.Command{Use: "rename CONTAINER NEW_NAME", Short: "Rename a container", Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := a.container(args[0])
			if err != nil {
				return err
			}
			lock, err := c.Lock()
			if err != nil {
				return err
			}
			defer lock.Unlock()
			return c.Rename(args[1])
		}}
}

func attachCommand(a *app) *cobra.Command {
	var noInput, proxy bool
	var keys string
	c := &cobra.Command{Use: "attach [OPTIONS] CONTAINER", Short: "Attach local standard input, output, and error streams to a running container", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := a.container(args[0])
			if err != nil {
				return err
			}
			status, err := c.Status()
			switch {
			case err != nil:
				return err
			case !status.Active():
				return fmt.Errorf("You cannot attach to a stopped container, start it first")
			case status.Paused:
				return fmt.Errorf("You cannot attach to a paused container, unpause it first")
			}
			o := attachOptions{tty: c.Config.Tty, input: c.Config.OpenStdin && !noInput, proxy: proxy, keys: keys}
			if err := o.check(o.tty, o.input); err != nil {
				return err
			}
			conn, err := c.Attach()
			if err != nil {
				return err
			}
			c.Tell("attach")
			code, err := attach(conn, o)
			if err != nil {
				return err
			}
			return exit(code)
		}}
	c.Flags().BoolVar(&noInput, "no-stdin", false, "Do not attach STDIN")
	c.Flags().BoolVar(&proxy, "sig-proxy", true, "Proxy all received signals to the process")
	c.Flags().StringVar(&keys, "detach-keys", defaultKeys, "Override the key sequence for detaching a container")
	return c
}
