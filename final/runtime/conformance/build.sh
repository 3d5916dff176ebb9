#!/bin/sh
# build.sh DIR: build the OCI's validation programs into DIR. Needs no root.
#
# They are the commands below validation/ in github.com/opencontainers/runtime-tools, which the Go module proxy has.
# Its latest tag, of 2019, has no go.mod and knows nothing of cgroup v2, so a later commit is named. It is built where
# it lies, in the module cache, by its own go.mod: nothing of it gets into ours.
set -eu
version=v0.9.1-0.20250523060157-0ea5ed0382a2
module=github.com/opencontainers/runtime-tools
go=${GO:-go}

mkdir -p "$1"
out=$(cd "$1" && pwd)
cd /
source=$(GOFLAGS=-mod=mod $go mod download -json $module@$version | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
cd "$source"
# runtimetest runs inside of the containers, so it is static; the rest doesn't mind
CGO_ENABLED=0 GOOS=linux $go build -mod=readonly -buildvcs=false -trimpath -ldflags '-s -w' -o "$out/" ./cmd/runtimetest ./validation/...
install -m 644 rootfs-*.tar.gz "$out/"
