#!/bin/bash
# bundle.sh: pack what a workshop without a network needs into jocker-workshop.tar, for a stick.
#
#   jocker/            the repository
#   jocker/offline/    modules/ (the module cache, as a proxy), busybox (static), packages/ (Debian packages), box/ (the VM)
#
# What can't be had here is left out, and said. offline/README says how to use it.
set -euo pipefail
cd "$(dirname "$0")/../.."
say() { echo "bundle: $*"; }

out=${OUT:-jocker-workshop.tar}
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/jocker/offline"
git archive HEAD | tar -x -C "$dir/jocker"

say 'modules'
GOFLAGS=-modcacherw GOMODCACHE="$dir/cache" "${GO:-go}" mod download
mkdir -p "$dir/jocker/offline/modules"
cp -r "$dir/cache/cache/download/." "$dir/jocker/offline/modules/"

if busybox=$(command -v busybox) && ! ldd "$busybox" >/dev/null 2>&1; then
	cp "$(readlink -f "$busybox")" "$dir/jocker/offline/busybox"
else
	say 'no static busybox on this machine: left out (apt-get install busybox-static)'
fi

if command -v apt-get >/dev/null; then
	say 'packages'
	mkdir -p "$dir/jocker/offline/packages"
	(cd "$dir/jocker/offline/packages" && apt-get download -q stress busybox-static strace make rsync) >"$dir/log" 2>&1 ||
		say "some packages could not be fetched: $(tail -n 1 "$dir/log")"
fi

boxes=${VAGRANT_HOME:-$HOME/.vagrant.d}/boxes
if [ -d "$boxes" ] && command -v vagrant >/dev/null; then
	say 'the VM'
	mkdir -p "$dir/jocker/offline/box"
	(cd "$dir/jocker/offline/box" && for box in "$boxes"/*; do
		name=$(basename "$box" | sed 's,-VAGRANTSLASH-,/,g')
		tar -cf "$(basename "$box").box.tar" -C "$boxes" "$(basename "$box")" && say "  $name"
	done)
else
	say 'no Vagrant boxes here: left out (vagrant up once, on a machine like those of the participants)'
fi

cat >"$dir/jocker/offline/README" <<'TEXT'
A workshop without a network. On each machine, in the folder jocker:

  modules    export GOPROXY=file://$PWD/offline/modules GONOSUMDB='*'
             (the tool behind make start and make check needs them; the labs build from nothing but Go)
  busybox    sudo install offline/busybox /usr/local/bin/busybox, before make rootfs
  packages   sudo dpkg -i offline/packages/*.deb
  box        tar -xf offline/box/NAME.box.tar -C ~/.vagrant.d/boxes, then vagrant up
             (LAB_BOX=jocker vagrant up, if that is its name; a box in which nothing is installed yet fetches packages then: see WORKSHOP.md)
  Go         isn't in here: https://go.dev/dl, the version that go.mod names or later
TEXT
tar -cf "$out" -C "$dir" jocker
say "$out, $(du -h "$out" | cut -f 1)"
