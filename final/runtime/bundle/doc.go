// Package bundle reads a bundle: the directory that is handed to a runtime, with a config.json and,
// usually beside it, the root file system.
//
// The bundle is the border between the two halves of a container engine. Above it, somebody pulled an
// image, unpacked layers, chose an address: all of that ends in a directory and a file. Below it, the
// runtime knows nothing of images. The file's format is the OCI runtime specification, so each half works
// with everybody else's other half: Docker's config.json is as good as ours.
//
// # Distrust
//
// A config.json may come from a program with a mistake, or from an image's author by way of an engine
// that copied too much. So it is read with a limit on its size (load.go), and checked as a whole before
// anything is done (validate.go): a container that cannot work should be refused while nothing has to be
// taken back. What only one part of the runtime can judge (a mount option, a capability's name) is
// checked by that part, when it plans its steps; that too is before the first step is made. What the
// specification has and this runtime or this kernel lacks is refused by name, never ignored.
// Properties that the specification does not know are ignored, as it demands (config.md, "Extensibility").
//
// The package also has the config.json that the command `spec` writes (default.go).
package bundle
