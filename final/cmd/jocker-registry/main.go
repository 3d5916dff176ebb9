// Jocker-registry is the part of jocker that speaks to registries. `jocker pull`, `push`, `login` and `logout` execute it.
//
//	jocker-registry -root DIR pull [-platform P] [-all-tags] [-quiet] NAME
//	jocker-registry -root DIR push [-all-tags] [-quiet] NAME
//	jocker-registry login [-username U] [-password-stdin] [SERVER]
//	jocker-registry logout [SERVER]
//
// It is a program of its own, since HTTP and TLS are more code than all of jocker, and only these four commands need them.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"

	"jocker/final/engine/image"
	"jocker/final/engine/registry"
)

func main() {
	root := flag.String("root", "/var/lib/jocker", "where images are kept")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	if err := run(ctx, *root, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		if ctx.Err() != nil {
			os.Exit(130)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, root string, args []string) error {
	if len(args) == 0 {
		return errors.New("what is to be done? pull, push, login or logout")
	}
	f := flag.NewFlagSet(args[0], flag.ExitOnError)
	o := registry.Options{Out: os.Stdout, Terminal: isTerminal(1)}
	var c registry.Credentials
	var stdin bool
	switch args[0] {
	case "pull", "push":
		f.StringVar(&o.Platform, "platform", "", "OS/ARCHITECTURE[/VARIANT]")
		f.BoolVar(&o.All, "all-tags", false, "all tags of the name")
		f.BoolVar(&o.Quiet, "quiet", false, "print nothing but the image's name")
	case "login":
		f.StringVar(&c.Username, "username", "", "user name")
		f.BoolVar(&stdin, "password-stdin", false, "read the password from standard input")
	case "logout":
	default:
		return fmt.Errorf("%q is not a command of jocker-registry", args[0])
	}
	f.Parse(args[1:])
	if args[0] == "login" || args[0] == "logout" {
		if args[0] == "login" {
			return login(ctx, f.Arg(0), c, stdin)
		}
		return logout(f.Arg(0))
	}
	if f.NArg() != 1 {
		return fmt.Errorf("%s takes one name of an image", args[0])
	}
	var err error
	if o.Store, err = image.Open(root); err != nil {
		return err
	}
	if args[0] == "push" {
		return registry.Push(ctx, f.Arg(0), o)
	}
	return registry.Pull(ctx, f.Arg(0), o)
}

// login asks for what is missing, as long as there is somebody to ask.
func login(ctx context.Context, server string, c registry.Credentials, stdin bool) error {
	if stdin {
		if c.Username == "" {
			return errors.New("Must provide --username with --password-stdin")
		}
		data, err := io.ReadAll(io.LimitReader(os.Stdin, 64<<10))
		if err != nil {
			return err
		}
		c.Password = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	} else {
		if !isTerminal(0) {
			return errors.New("Cannot perform an interactive login from a non TTY device: give --username and --password-stdin")
		}
		restore := keepTerminal()
		defer context.AfterFunc(ctx, func() { restore(); os.Exit(130) })()
		in := bufio.NewReader(os.Stdin)
		if c.Username == "" {
			known := registry.User(server)
			fmt.Fprintf(os.Stderr, "Username (%s): ", known)
			if c.Username = readLine(in); c.Username == "" {
				c.Username = known
			}
		}
		fmt.Fprint(os.Stderr, "Password: ")
		hideInput()
		c.Password = readLine(in)
		restore()
		fmt.Fprintln(os.Stderr)
	}
	if c.Username == "" || c.Password == "" {
		return errors.New("username and password are required: one of them is empty")
	}
	file, err := registry.Login(ctx, server, c)
	if err != nil {
		return err
	}
	if file != "" {
		fmt.Fprintf(os.Stderr, "WARNING! Your password will be stored unencrypted in %s.\n", file)
	}
	fmt.Println("Login Succeeded")
	return nil
}

func logout(server string) error {
	shown := server
	if shown == "" {
		shown = "https://index.docker.io/v1/"
	}
	had, err := registry.Logout(server)
	switch {
	case err != nil:
		return err
	case had:
		fmt.Println("Removing login credentials for", shown)
	default:
		fmt.Println("Not logged in to", shown)
	}
	return nil
}

func readLine(r *bufio.Reader) string {
	text, _ := r.ReadString('\n')
	return strings.TrimRight(text, "\r\n")
}

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// keepTerminal returns what brings the terminal back into the state that it is in.
func keepTerminal() (restore func()) {
	old, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err != nil {
		return func() {}
	}
	return func() { unix.IoctlSetTermios(0, unix.TCSETS, old) }
}

// hideInput stops the terminal from showing what is typed (termios(3)).
func hideInput() {
	if t, err := unix.IoctlGetTermios(0, unix.TCGETS); err == nil {
		t.Lflag &^= unix.ECHO
		unix.IoctlSetTermios(0, unix.TCSETS, t)
	}
}
