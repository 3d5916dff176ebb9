package cli

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"jocker/final/engine/container"
	"jocker/final/engine/network"
)

func versionCommand(*app) *cobra.Command {
	var format string
	c := &cobra.Command{Use: "version [OPTIONS]", Short: "Show the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := map[string]any{"Version": Version, "Os": runtime.GOOS, "Arch": runtime.GOARCH, "GoVersion": runtime.Version()}
			if format != "" {
				return printJSON([]any{map[string]any{"Client": v, "Server": v}}, format)
			}
			fmt.Printf("Jocker:\n Version:    %s\n Go version: %s\n OS/Arch:    %s/%s\n", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		}}
	c.Flags().StringVarP(&format, "format", "f", "", "Format output using a custom template")
	return c
}

func infoCommand(a *app) *cobra.Command {
	var format string
	c := &cobra.Command{Use: "info [OPTIONS]", Short: "Display system-wide information", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.store()
			if err != nil {
				return err
			}
			list, err := s.List()
			if err != nil {
				return err
			}
			counts := map[string]int{}
			for _, c := range list {
				status, err := c.Status()
				if err != nil {
					return err
				}
				counts[status.Word()]++
			}
			images, err := s.Images.List()
			if err != nil {
				return err
			}
			var uts unix.Utsname
			unix.Uname(&uts)
			kernel := unix.ByteSliceToString(uts.Release[:])
			stopped := len(list) - counts["running"] - counts["paused"]
			if format != "" {
				return printJSON([]any{map[string]any{"Containers": len(list), "ContainersRunning": counts["running"], "ContainersPaused": counts["paused"],
					"ContainersStopped": stopped, "Images": len(images), "ServerVersion": Version, "Driver": "overlay2", "CgroupDriver": "cgroupfs",
					"KernelVersion": kernel, "NCPU": runtime.NumCPU(), "DockerRootDir": s.Root, "DefaultRuntime": "jocker-runtime"}}, format)
			}
			fmt.Printf("Containers: %d\n Running: %d\n Paused: %d\n Stopped: %d\nImages: %d\nServer Version: %s (no server: no daemon)\nStorage Driver: overlay2\nCgroup Driver: cgroupfs\nDefault Runtime: jocker-runtime\nKernel Version: %s\nCPUs: %d\nDocker Root Dir: %s\n",
				len(list), counts["running"], counts["paused"], stopped, len(images), Version, kernel, runtime.NumCPU(), s.Root)
			if text, err := network.Foreign(network.DefaultBridge); err == nil && text != "" {
				warn(text)
			}
			return nil
		}}
	c.Flags().StringVarP(&format, "format", "f", "", "Format output using a custom template")
	return c
}

func systemCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "system COMMAND", Short: "Manage Jocker"}
	events := eventsCommand(a)
	c.AddCommand(systemPrune(a), infoCommand(a), diskCommand(a), events)
	return c
}

// group makes `container COMMAND` and `image COMMAND`, the long names of commands that have short ones.
func group(a *app, name, what string, members map[string]maker) *cobra.Command {
	c := &cobra.Command{Use: name + " COMMAND", Short: "Manage " + what}
	for member, make := range members {
		sub := make(a)
		_, rest, _ := strings.Cut(sub.Use, " ")
		sub.Use = member + " " + rest
		c.AddCommand(sub)
	}
	return c
}

func containerCommand(a *app) *cobra.Command {
	members := map[string]maker{"ls": psCommand, "prune": containerPrune, "inspect": inspectContainerCommand}
	for _, name := range []string{"run", "create", "exec", "start", "stop", "restart", "kill", "rm", "wait", "logs", "attach", "pause", "unpause", "rename",
		"port", "top", "stats", "update", "cp", "diff", "commit", "export"} {
		members[name] = commands()[name]
	}
	return group(a, "container", "containers", members)
}

func imageCommand(a *app) *cobra.Command {
	members := map[string]maker{"ls": imagesCommand, "rm": rmiCommand, "prune": imagePrune, "inspect": inspectImageCommand}
	for _, name := range []string{"tag", "history", "save", "load", "import", "pull", "push"} {
		members[name] = commands()[name]
	}
	return group(a, "image", "images", members)
}

func portCommand(a *app) *cobra.Command {
	return &cobra.Command{Use: "port CONTAINER [PRIVATE_PORT[/PROTO]]", Short: "List port mappings or a specific mapping for the container", Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := a.container(args[0])
			if err != nil {
				return err
			}
			status, err := c.Status()
			if err != nil {
				return err
			}
			ports := map[string][]container.PortBinding{}
			if status.Running() {
				ports = c.Network().Ports
			}
			if len(args) == 1 {
				for _, port := range container.SortPorts(ports) {
					for _, b := range ports[port] {
						fmt.Printf("%s -> %s\n", port, net.JoinHostPort(b.HostIP, b.HostPort))
					}
				}
				return nil
			}
			port := args[1]
			if !strings.Contains(port, "/") {
				port += "/tcp"
			}
			if len(ports[port]) == 0 {
				return fmt.Errorf("No public port '%s' published for %s", args[1], c.Name)
			}
			for _, b := range ports[port] {
				fmt.Println(net.JoinHostPort(b.HostIP, b.HostPort))
			}
			return nil
		}}
}

func topCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "top CONTAINER [ps OPTIONS]", Short: "Display the running processes of a container", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := a.container(args[0])
			if err != nil {
				return err
			}
			pids, err := c.Pids()
			if err != nil {
				return err
			}
			options := args[1:]
			if len(options) == 0 {
				options = []string{"-f"}
			}
			ps := exec.Command("ps", append(options, "-p", strings.Join(pids, ","))...)
			ps.Stdout, ps.Stderr = os.Stdout, os.Stderr
			if err := ps.Run(); err != nil {
				return fmt.Errorf("ps: %w; apt-get install procps, if it is not there", err)
			}
			return nil
		}}
	c.Flags().SetInterspersed(false)
	return c
}

// sweepCommand is what a shim turns into when its container is gone: if it was the last one, more goes. The shim hands over the socket by
// which only one of them lingers.
func sweepCommand(a *app) *cobra.Command {
	return &cobra.Command{Use: "sweep DESCRIPTOR", Hidden: true, Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		lingers, err := strconv.Atoi(args[0])
		if err != nil || lingers < 3 {
			return fmt.Errorf("%s: a shim's socket is expected; `jocker system prune` is for people", args[0])
		}
		time.Sleep(time.Second)
		unix.Close(lingers) // before we look: whoever ends from now on does so himself
		return container.Sweep(a.root)
	}}
}
