// Jocker runs containers as docker does, without a daemon. Package engine is the guide to how.
//
// Synopsis:
//
//	jocker COMMAND [OPTIONS] [ARGUMENTS]
//
// Description:
//
//	Commands, flags and output are Docker's; `jocker help` lists what there is. It takes root, and beside itself the programs
//	jocker-shim, jocker-runtime and, for pull and push, jocker-registry, for networks with names jocker-resolver.
//
//	The first container needs no registry:
//
//		jocker init-image
//		jocker run -ti busybox
package main

import (
	"os"

	"jocker/final/engine/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
