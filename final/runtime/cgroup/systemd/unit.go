package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"

	"jocker/final/runtime/cgroup"
)

// patience is how long systemd may take for a job. It serves one after the other, and may be busy.
const patience = 30 * time.Second

// Do does what a request wants. "start" makes the unit, with the calling process as its first.
func Do(r *cgroup.Request) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	more, err := Annotated(r.Unit.Properties)
	if err != nil {
		return err
	}
	conn, err := connect(ctx, r.Unit.User)
	if err != nil {
		return err
	}
	defer conn.Close()
	switch r.Do {
	case "start":
		return start(ctx, conn, r, more)
	case "set":
		list, err := Properties(r.Resources, r.V2, true)
		if err != nil || len(list) == 0 {
			return err
		}
		return say("SetUnitProperties", conn.SetUnitPropertiesContext(ctx, r.Unit.Name, true, list...))
	case "stop":
		return stop(ctx, conn, r.Unit.Name)
	}
	return fmt.Errorf("unknown request %q", r.Do)
}

// connect connects to the manager: by its own socket, which needs no message bus to run but lets only root in, or by the bus.
func connect(ctx context.Context, user bool) (*dbus.Conn, error) {
	if user {
		conn, err := dbus.NewUserConnectionContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("no connection to your own systemd: %w; log in under systemd (loginctl enable-linger), with XDG_RUNTIME_DIR set", err)
		}
		return conn, nil
	}
	conn, err := dbus.NewSystemdConnectionContext(ctx)
	if err == nil {
		return conn, nil
	}
	conn, err2 := dbus.NewSystemConnectionContext(ctx)
	if err2 != nil {
		return nil, fmt.Errorf("no connection to systemd: by its own socket, %v; by the system bus, %w; does systemd run here? Without it, leave --systemd-cgroup out", err, err2)
	}
	return conn, nil
}

// start makes the scope, with more properties than ours, and waits until it is there.
func start(ctx context.Context, conn *dbus.Conn, r *cgroup.Request, more []dbus.Property) error {
	list := []dbus.Property{
		dbus.PropDescription(r.Description),
		dbus.PropSlice(r.Unit.Slice),
		dbus.PropPids(uint32(os.Getpid())),
	}
	names := []string{"Delegate", "MemoryAccounting", "CPUAccounting", "TasksAccounting", "BlockIOAccounting"}
	if r.V2 {
		names[4] = "IOAccounting"
	}
	for _, name := range names {
		list = append(list, dbus.Property{Name: name, Value: godbus.MakeVariant(true)})
	}
	// Else the scope would be stopped before the file systems are, and with it what the container does at a shutdown.
	list = append(list, dbus.Property{Name: "DefaultDependencies", Value: godbus.MakeVariant(false)})
	limits, err := Properties(r.Resources, r.V2, false)
	if err != nil {
		return err
	}
	list = append(append(list, limits...), more...) // the later counts, of two for one name

	err = startOnce(ctx, conn, r.Unit.Name, list)
	if named(err, "org.freedesktop.systemd1.UnitExists") {
		// Only a unit that has failed can be forgotten: one that somebody uses stays, and so does the error.
		_ = conn.ResetFailedUnitContext(ctx, r.Unit.Name)
		err = startOnce(ctx, conn, r.Unit.Name, list)
	}
	if named(err, "org.freedesktop.systemd1.UnitExists") {
		return errors.New("there is such a unit already; choose another container id or linux.cgroupsPath, or delete the container that has this one")
	}
	return err
}

func startOnce(ctx context.Context, conn *dbus.Conn, name string, list []dbus.Property) error {
	done := make(chan string, 1)
	if _, err := conn.StartTransientUnitContext(ctx, name, "replace", list, done); err != nil {
		return say("StartTransientUnit", err)
	}
	return wait(ctx, "StartTransientUnit", done)
}

// stop ends the unit, if it is there, and forgets that it failed.
func stop(ctx context.Context, conn *dbus.Conn, name string) error {
	done := make(chan string, 1)
	_, err := conn.StopUnitContext(ctx, name, "replace", done)
	if err == nil {
		err = wait(ctx, "StopUnit", done)
	}
	_ = conn.ResetFailedUnitContext(ctx, name)
	if named(err, "org.freedesktop.systemd1.NoSuchUnit") {
		return nil
	}
	return err
}

// wait waits for the end of a job.
func wait(ctx context.Context, call string, done <-chan string) error {
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("%s: the job ended as %q; see journalctl", call, result)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: systemd has not done it within %v; see systemctl list-jobs", call, patience)
	}
}

// say names the call in an error.
func say(call string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", call, err)
}

// named tells whether an error is a certain one of D-Bus.
func named(err error, name string) bool {
	var e godbus.Error
	return errors.As(err, &e) && e.Name == name
}
