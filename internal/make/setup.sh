#!/bin/sh
# setup.sh: install what the labs and their tests need, on Debian or Ubuntu, as root. Run again it changes nothing.
#
#   setup.sh              `make setup`: the packages, a Go for this module, its modules
#   setup.sh --vm DIR     the same as the Vagrant machine's provisioner; the project lies in DIR
#   setup.sh --need WHAT  what make asks before it goes on: is here what it takes to build, lab (build and run),
#                         test or bench? If not, root on Debian or Ubuntu gets it installed, anybody else is told how
#   setup.sh --go         print the go command to build with
set -eu

lab_packages='stress busybox-static procps iproute2 util-linux'
test_packages='make strace rsync ca-certificates'
qemu_packages='qemu-system-x86 cpio kmod xz-utils zstd' # for internal/vm: the tests on the other cgroup layouts

# The runtimes and engines that final/ is compared with and run under: program:package. A program that is there already,
# wherever from, is left alone: somebody's docker-ce must not make way for Debian's docker.io.
peers='runc:runc crun:crun containerd:containerd ctr:containerd dockerd:docker.io docker:docker.io podman:podman
	conmon:conmon newuidmap:uidmap buildah:buildah apparmor_parser:apparmor iptables:iptables
	docker-registry:docker-registry htpasswd:apache2-utils'
missing_peers() {
	for p in $peers; do
		PATH="$PATH:/usr/sbin:/sbin" command -v "${p%:*}" >/dev/null || echo "${p#*:}"
	done | sort -u
}

say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2; exit 1; }
atleast() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; } # is version $2 at least $1?

mode=${1:-} what=${2:-}
if [ "$mode" = --vm ]; then cd "$what"; else cd "$(dirname "$0")/../.."; fi
want=$(awk '$1 == "go" { print $2 }' go.mod)
case $what in
build) packages= ;;
lab) packages=$lab_packages ;;
*)
	packages="$lab_packages $test_packages"
	[ "$mode" = --vm ] || packages="$packages $(missing_peers)" # in the VM they are installed when first needed
	[ "$what" = test ] || [ "$mode" = --vm ] || packages="$packages hyperfine time" # bench, and `make setup`
	if [ "$(uname -m)" = x86_64 ] && [ "$mode" != --vm ] && ! [ -e /etc/jocker-vm ]; then packages="$packages $qemu_packages"; fi
	;;
esac

# The Go to build with: the one in PATH or at a usual place, new enough for go.mod. From 1.21 on an older Go is
# good as well: it fetches the version that go.mod names, as if that were a module.
find_go() {
	for go in go /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
		v=$(cd / && GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null | sed 's/^go//')
		[ -n "$v" ] || continue
		atleast "$want" "$v" && return
		atleast 1.21 "$v" && "$go" list -m >/dev/null 2>&1 && return
	done
	return 1
}

missing_packages() {
	[ -n "$packages" ] || return 0
	installed=" $(dpkg-query -W -f '${db:Status-Status}=${Package} ' $packages 2>/dev/null || true)"
	for p in $packages; do
		case $installed in *" installed=$p "*) ;; *) printf '%s ' "$p" ;; esac
	done
}

lists= # the package lists are fetched at most once, and only if something is to be installed
update() {
	[ -z "$lists" ] || return 0
	say 'apt-get update'
	apt-get -q update >>"$log" 2>&1 && lists=fresh || true # one repository of many may be out of reach: the lists that are here may do
}

log=$(mktemp) && trap 'rm -f "$log"' EXIT

# no_packages gives up after an apt-get install that failed, with a sentence where the cause is known.
no_packages() {
	if grep -qE 'Temporary failure resolving|Could not (resolve|connect)|Cannot initiate the connection|Unable to connect|Connection timed out' "$log"; then
		tail -n 1 "$log" >&2
		die "apt-get can't reach the servers that it needs. Mend the network, then try again (for a workshop without one: make bundle)"
	fi
	tail -n 20 "$log" >&2
	die "apt-get install $* failed: see above"
}

install() {
	update
	say "apt-get install $*"
	# No service starts, now or at the next boot: the tests start engines of their own, and nobody asked for others.
	policy=/usr/sbin/policy-rc.d
	if [ -e $policy ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy; fi
	trap 'rm -f "$log" $policy' EXIT
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -q install -y --no-remove --no-install-recommends "$@" >>"$log" 2>&1 </dev/null ||
		no_packages "$@"
	rm -f $policy
	! command -v systemctl >/dev/null || for unit in $(dpkg -L $* 2>/dev/null | sed -n 's,^\(/usr\)\{0,1\}/lib/systemd/system/\([^/@]*\)$,\2,p'); do
		systemctl -q disable "$unit" >/dev/null 2>&1 || true
	done
}

install_go() {
	update
	# the Go version that apt would install, without epoch and packaging suffix
	candidate=$(apt-cache policy golang-go | sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}\([0-9.]*\).*/\2/p')
	if atleast "$want" "${candidate:-0}"; then
		install golang-go
		return
	fi
	. /etc/os-release
	say "golang-go is ${candidate:-absent} in $PRETTY_NAME, and go.mod wants $want"
	[ "$ID" = debian ] || die "install Go $want or later from https://go.dev/dl into /usr/local/go, then try again"
	backports=$VERSION_CODENAME-backports
	if ! apt-get indextargets --format '$(RELEASE)' 'Created-By: Packages' | grep -qx "$backports"; then
		# from the mirror that the machine's other packages come from
		mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
			awk -v r="$VERSION_CODENAME" '$1 == r { print $2; exit }')
		echo "deb $mirror $backports main" >/etc/apt/sources.list.d/jocker-backports.list
		lists=
	fi
	install -t "$backports" golang-go
}

if [ "$mode" = --go ]; then
	find_go && command -v "$go"
	exit
fi
if [ "$mode" = --need ]; then
	lacking=
	find_go || lacking="Go $want or later, "
	! command -v dpkg-query >/dev/null || lacking=$lacking$(missing_packages)
	lacking=${lacking%[, ]} lacking=${lacking%,}
	[ -n "$lacking" ] || exit 0
	command -v apt-get >/dev/null || die "missing: $lacking. Install it with your package manager, then try again"
	[ "$(id -u)" = 0 ] || die "missing: $lacking. Install it, then try again:  sudo make setup"
	say "missing: $lacking. You are root, so it is installed now"
fi

command -v apt-get >/dev/null || die "this knows Debian and Ubuntu only. Elsewhere install Go $want or later, stress, a static busybox and strace."
[ "$(id -u)" = 0 ] || die 'installing packages takes root:  sudo make setup'
changed=
missing=$(missing_packages)
[ -z "$missing" ] || { install $missing && changed=yes; }
find_go || { install_go && changed=yes; }
find_go || die "there is a Go, but not the one that go.mod wants, $want: $(go version 2>&1)"

# The rest is done as the owner of the folder, who will build in it: go.mod's toolchain and modules are fetched
# now, so that nothing has to be fetched during a workshop.
owner=$(stat -c %U .)
as_owner() {
	case $owner in
	root | UNKNOWN) "$@" ;;
	*) runuser -u "$owner" -- env HOME="$(getent passwd "$owner" | cut -d: -f6)" "$@" ;;
	esac
}
as_owner "$go" mod download ||
	say 'the modules in go.mod could not be fetched: building the tools and tests needs them. Mend the network, then run this again'

if [ "$mode" = --vm ] && ! [ -e /etc/jocker-vm ]; then
	echo "The labs' own VM: make runs everything here." >/etc/jocker-vm
	printf '# an interactive login starts in the project\ncase $- in *i*) cd %s ;; esac\n' "$what" >/etc/profile.d/jocker.sh
	changed=yes
fi
say "${changed:+done, }everything is there; $(as_owner "$go" version)"
