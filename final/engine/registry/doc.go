// Package registry brings images from a registry into the store, and back. Only cmd/jocker-registry links it.
//
// # What a registry says
//
// A registry is a web server with four kinds of answers (distribution-spec):
//
//	GET /v2/                          is anybody there, and who may come in?
//	GET /v2/NAME/manifests/TAG        a name, looked up: the text of a manifest, or an index of manifests, one for each platform
//	GET /v2/NAME/blobs/sha256:...     a config or a layer, which may be asked for in parts (Range)
//	POST, PUT /v2/NAME/...            the same, the other way
//
// So pulling is: look the name up, choose the platform's manifest, fetch what it lists and the store has not, and write the
// name into the store's index last of all. Until then nothing refers to what was fetched.
//
// # What is believed
//
// Only the first answer, what a tag means today. It leads to a digest, and everything else must have the digest
// by which it was asked for: manifests, configs, layers as they are sent, and layers once more when they are unpacked (the config has
// a list of those). Who pulls NAME@DIGEST need not believe anything. Every answer has a largest size, every wait an end, and a
// password goes to one host only: plain http is spoken with this machine itself and where /etc/docker/daemon.json allows it.
//
// # Fast
//
// A layer is a stream from the network through SHA-256, gunzip, SHA-256 again and tar into a directory. Docker downloads a
// layer, then unpacks it, one after the other. But with overlayfs layers are directories that know nothing of each other, so here all
// of this happens at once, for several layers at a time: the unpacker reads the file that is being downloaded while it grows.
//
// # Cut off
//
// What has come of a blob is in tmp/partial-DIGEST. If the connection breaks, or the process is killed, the next attempt asks
// for the rest. The file is flock(2)ed by whoever downloads it: another pull of the same layer waits, and finds it done. `image prune` and `rmi` remove what
// nobody came back for.
//
//	connect.go   one repository: credentials, http or https, limits
//	manifest.go  looking a name up, choosing a platform
//	pull.go      an image
//	layer.go     a layer: downloaded and unpacked at once
//	blob.go      a blob, with its interruptions
//	growing.go   reading a file that is being written
//	push.go      the way back
//	login.go     ~/.docker/config.json
//	progress.go  bars, or lines
//	errors.go    what went wrong, and what to do
package registry
