// Package build makes images out of Dockerfiles. It is linked by cmd/jocker-build only, which `jocker build` executes.
//
// # A step is a layer
//
// lab06 stacked layers by hand: two that belong to an image, one of the container. A build is nothing more. Each
// instruction of a Dockerfile takes the image that the instructions above it made, and either changes the words in its config
// (ENV, CMD, LABEL: a file of JSON) or its files (RUN, COPY, ADD, WORKDIR). For the latter the builder makes a container of that
// image, as `jocker create` does, and lets something happen to its root: a program runs in it, or files are copied into it. What
// changed is then in the container's upper directory (lab06), for overlayfs keeps changes apart from what is below. That
// directory, moved into the store under another name, is the new layer. No file is copied for that, and the container is thrown away.
//
// # The cache
//
// Most builds repeat most of the one before. So before a step is carried out a key is made of everything that its result
// may depend on: the key of the step before, the image's config, the instruction's text after all variables were
// filled in, and for COPY the names, modes, owners and content of the files, not their times. If some build has had that
// key, its image is taken and nothing happens. A key knows nothing of the world outside: RUN apt-get update is done once and then
// never again, until something above it changes. That is not a mistake of this builder but of the idea; --no-cache does all again.
//
// Because the key's first part is the key of the step before, a change in one step changes all keys below it. Dockerfiles
// are therefore written with what changes seldom first.
//
// # What a stranger may try
//
// The context is a directory that was perhaps cloned from somewhere, and the files of an image came from somewhere, too. A
// link in it may lead to /etc/shadow. All files are opened with the directory as the wall (package inroot), so such a link leads to a
// file in the context, or to none.
//
// # Reading order
//
//	file.go      a Dockerfile as BuildKit's parser sees it; stages, and which of them are needed
//	words.go     ${VARIABLES}: ARG, ENV, --build-arg
//	config.go    the instructions that change the image's config
//	build.go     what to build, and the loop over it
//	stage.go     FROM: where a stage begins
//	step.go      a step: the key, the cache, the layer
//	run.go       RUN
//	source.go    which files COPY means: wildcards, .dockerignore; their digest
//	copy.go      COPY and ADD: from where, to whom
//	write.go     the files into the container's root
//	add.go       what ADD can besides: archives and addresses
//	context.go   a context that comes as an archive
//	progress.go  what is printed
package build
