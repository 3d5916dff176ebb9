package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"jocker/final/engine/container"
	"jocker/final/engine/volume"
)

// Completion in a shell works like this: `jocker completion bash` prints a script, which the shell reads. When somebody presses TAB
// the script executes `jocker __complete` with the words on the line, and that prints what could come next. Both are cobra's; what is ours is
// what the words of a command mean.

// completed are the commands whose words are names of things: containers, running containers, images or volumes.
var completed = map[string]string{
	"start": "containers", "rm": "containers", "logs": "containers", "rename": "containers", "diff": "containers", "commit": "containers",
	"export": "containers", "port": "containers", "update": "containers", "wait": "running", "stop": "running", "restart": "containers", "kill": "running",
	"attach": "running", "exec": "running", "pause": "running", "unpause": "running", "top": "running", "stats": "running", "anatomy": "running",
	"run": "images", "create": "images", "rmi": "images", "tag": "images", "history": "images", "push": "images", "save": "images", "inspect": "containers",
}

// complete gives a command and those below it the function that lists names.
func (a *app) complete(c *cobra.Command) {
	for _, sub := range c.Commands() {
		a.complete(sub)
	}
	kind := completed[c.Name()]
	if c.HasParent() && c.Parent().Name() == "volume" {
		kind = "volumes"
	}
	if kind == "" || c.HasSubCommands() {
		return
	}
	first := c.Name() == "exec" || kind == "images" && (c.Name() == "run" || c.Name() == "create") // what follows is a command in the container
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		if first && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return a.names(kind, begin), cobra.ShellCompDirectiveNoFileComp
	}
}

// names returns names of things that begin so. An error is no answer.
func (a *app) names(kind, begin string) (list []string) {
	s, err := a.store()
	if err != nil {
		return nil
	}
	add := func(name string) {
		if strings.HasPrefix(name, begin) {
			list = append(list, name)
		}
	}
	switch kind {
	case "images":
		images, _ := s.Images.List()
		for _, img := range images {
			for _, name := range img.Names {
				add(strings.TrimSuffix(name, ":latest"))
			}
		}
	case "volumes":
		volumes, _ := volume.List(s.Root)
		for _, v := range volumes {
			add(v.Name)
		}
	default:
		all, _ := s.List()
		for _, c := range all {
			if kind == "containers" || running(c) {
				add(c.Name)
			}
		}
	}
	return list
}

func running(c *container.Container) bool {
	status, err := c.Status()
	return err == nil && status.Active()
}
