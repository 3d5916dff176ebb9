package main

import (
	"errors"
	"flag"
)

func events(g *global, f *flag.FlagSet, args []string) (int, error) {
	return 0, errors.New("TODO")
}
