// Package layer turns an image's layer, a tar archive, into a directory that overlayfs can stack, and what a
// container has changed back into an archive.
//
// # Two ways to say "gone"
//
// A layer holds what was added and changed since the layer below, and must also say what was removed. Archives do it
// by names (image-spec, layer.md): a file .wh.NAME means that NAME of the layers below is gone, and .wh..wh..opq in
// a directory that all of them have in this directory is. Overlayfs does it by kinds (the kernel's
// Documentation/filesystems/overlayfs.rst): NAME is a character device with the numbers 0, 0, and the directory
// has the extended attribute trusted.overlay.opaque=y. Apply translates the one way, Pack the other.
//
// # Whoever made the archive is not your friend
//
// An archive is a list of instructions to a process that has root's rights: make this file, with these rights, here.
// Apply obeys them in one directory only. Every name is walked by the kernel with the directory as the wall (package
// inroot), the last part is never followed, rights and owners are set through descriptors. Refused are names that lead to
// the directory itself unless they are directories (CVE-2021-29136), whiteouts of "." and "..", unknown kinds of
// entries, and more bytes than there is room for. Extended attributes are a language in which an archive
// could speak to the kernel: trusted.overlay.redirect would make overlayfs look elsewhere. Only security.capability and
// user.* are taken over.
//
// Nothing in the directory can be reached by the host's ordinary users, who would otherwise find setuid programs
// of strangers there: the store belongs to root and has mode 0700.
//
//	apply.go  an archive to a directory
//	entry.go  one entry of it
//	pack.go   a directory to an archive
package layer
