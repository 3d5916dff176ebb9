// Package image is the store of images: blobs named by their content, names for them, and layers unpacked for overlayfs.
//
// # What an image is
//
// Three kinds of blobs (image-spec). A layer is a tar archive. A config is a JSON text that says what to run, in which
// environment, and the digests of the layers when unpacked (diff ids). A manifest is a JSON text with the digests of the
// config and of the layers as they are stored, compressed or not. A digest is the SHA-256 of the bytes, so a blob's
// name proves its content, two images with the same layer have it once, and a blob never changes. Only names do: that
// "busybox:latest" is this manifest is a line of index.json.
//
// The store is itself an image layout as the specification has it (image-layout.md), so other tools can read it.
//
// # Layers, unpacked once
//
// A container's root is an overlay of the unpacked layers. Layer directories are named by chain id, the digest of all
// layers up to this one (config.md, "Layer ChainID"): the same layer on the same layers is unpacked once, for however many
// images and containers. A directory under that name is whole; one that is being unpacked is in tmp/. If a directory is missing it is
// unpacked again from its blob.
//
// # Crashes and company
//
// Everything is made in tmp/ and renamed; index.json is replaced under flock(2). Who makes blobs that no index mentions
// yet, or refers to an image, holds the store's lock shared (Share); who removes what nothing refers to holds it alone
// (Remove). A blob's or layer's owner is written nowhere. What is needed is found by following all references, as a
// garbage collector does: a crash between two steps can't make a count wrong.
//
//	ref.go      names of images: parsed strictly, as they come from people and from archives
//	store.go    directories, locks, blobs
//	index.go    index.json
//	image.go    finding images, and making one of a config and layers
//	unpack.go   layers
//	remove.go   rmi, prune
//	save.go     save: an archive of images
//	load.go     and back
//	compress.go layers, packed for the way to a registry
//	platform.go linux/amd64 and its kin
//	import.go   import; a container's changes as an image
//	busybox.go  init-image
package image
