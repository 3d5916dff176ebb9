package cli

import (
	"errors"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"jocker/final/engine/container"
	"jocker/final/engine/shim"
)

func execCommand(a *app) *cobra.Command {
	var o container.ExecOptions
	var files, env []string
	var keys string
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
			sequence, err := parseKeys(keys)
			if err != nil {
				return err
			}
			c, err := a.container(args[0])
			if err != nil {
				return err
			}
			if o.TTY && !o.Detach {
				o.Rows, o.Columns = terminalSize()
			}
			o.Console = func(master *os.File) bool { return console(master, o.Stdin, sequence) }
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
	f.StringVar(&keys, "detach-keys", defaultKeys, "Override the key sequence for detaching a container")
	return c
}

// console copies between our terminal and that of a program. It returns true if the keys to detach were pressed, and false when the
// program has let go of its terminal.
func console(master *os.File, input bool, keys []byte) (detached bool) {
	if input && isTerminal(0) {
		if restore, err := rawMode(0); err == nil {
			defer restore()
		}
	}
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, unix.SIGWINCH)
	go func() {
		for range resized {
			rows, columns := terminalSize()
			shim.SetSize(master, rows, columns)
		}
	}()
	left, over := make(chan bool, 1), make(chan bool, 1)
	go func() {
		io.Copy(os.Stdout, struct{ io.Reader }{master}) // EIO: nobody has the other side open any more
		over <- true
	}()
	if input {
		go func() {
			d, buffer := detacher{keys: keys}, make([]byte, 4<<10)
			for {
				n, err := os.Stdin.Read(buffer)
				data, detach := d.take(buffer[:n])
				if detach {
					left <- true
					return
				}
				if _, werr := master.Write(data); werr != nil {
					return
				}
				if err != nil {
					master.Write([]byte{4}) // what ends the input on a terminal is ^D
					return
				}
			}
		}()
	}
	select {
	case <-left:
		return true
	case <-over:
		return false
	}
}
