#!/bin/sh
# in-vm.sh: decide where the labs run, and run make in this folder's Vagrant VM.
#
#   in-vm.sh --where                      prints vm or here
#   in-vm.sh TARGET [NAME=VALUE...]       copies the folder into the VM and runs `sudo make TARGET ...` there
#
# It is "vm" if the folder has one, up or not, or if this machine can't run labs: not Linux, or no way to be root.
set -u

vm_exists() { for id in .vagrant/machines/*/*/id; do [ -s "$id" ] && return; done; return 1; } # until `vagrant destroy`
inside_vm() { [ -e /etc/jocker-vm ] || [ -n "${JOCKER_VM:-}" ]; }
is_linux() { [ "$(uname -s)" = Linux ]; }
can_be_root() { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }

if [ "$1" = --where ]; then
	if inside_vm || { is_linux && can_be_root && ! vm_exists; }; then echo here; else echo vm; fi
	exit
fi

say() { echo "make: $*" >&2; }
quote() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

if ! vm_exists; then
	if is_linux; then say 'the labs need root, and this machine has no sudo.'; else say "the labs need Linux, and this is $(uname -s)."; fi
	say 'Make the VM that comes with them, then try again:  vagrant up'
	command -v vagrant >/dev/null ||
		say 'vagrant itself is missing: https://developer.hashicorp.com/vagrant/install, and a provider, such as VirtualBox'
	exit 1
fi
if ! command -v vagrant >/dev/null; then
	say 'this folder has a VM, but the command vagrant is missing: https://developer.hashicorp.com/vagrant/install'
	say "To run on this machine instead:  make $1 HOST=1"
	exit 1
fi

# The VM belongs to the person who made it, also under `sudo make`.
if [ "$(id -u)" = 0 ] && [ "$(ls -ld .vagrant | awk '{ print $3 }')" = "${SUDO_USER:-}" ]; then
	vagrant() { sudo -H -u "$SUDO_USER" vagrant "$@"; }
fi

say "in the VM (HOST=1 runs on this machine)"
if ! output=$(vagrant rsync 2>&1); then
	state=$(vagrant status --machine-readable 2>/dev/null | sed -n 's/^[0-9]*,[^,]*,state,//p' | head -n 1)
	if [ "$state" = running ]; then
		echo "$output" >&2
		say 'this folder could not be copied into the VM: see above'
	else
		say "the VM is not running (${state:-state unknown}). Start it, then try again:  vagrant up"
		say "To run on this machine instead:  make $1 HOST=1"
	fi
	exit 1
fi

command='cd /vagrant && sudo make --no-print-directory'
for word; do command="$command $(quote "$word")"; done
if [ -t 0 ] && [ -t 1 ]; then tty=--tty; else tty=--no-tty; fi
vagrant ssh $tty -c "$command"
status=$?

# The folder is copied one way only. What the student's commands write in the VM comes back: a new folder in work/ with
# start, the progress otherwise. (Nothing else, for somebody may be typing in that folder meanwhile.)
case $1 in
start)
	rm -rf .work.new && mkdir .work.new
	if vagrant ssh --no-tty -c 'cd /vagrant && tar -cf - work' 2>/dev/null </dev/null | tar -xf - -C .work.new 2>/dev/null && [ -d .work.new/work ]; then
		rm -rf work && mv .work.new/work work
	fi
	rm -rf .work.new
	;;
check | hint | solution)
	vagrant ssh --no-tty -c 'cat /vagrant/work/progress.json' 2>/dev/null </dev/null >.progress.new &&
		[ -s .progress.new ] && [ -d work ] && mv .progress.new work/progress.json
	rm -f .progress.new
	;;
esac
exit $status
