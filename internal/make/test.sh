#!/bin/bash
# test.sh: run the test binaries in bin/test as root, on every cgroup layout that can be had here.
#
# `make test` builds the binaries as an ordinary user and calls this. Each one runs in its package's folder, as
# `go test` would do, with LAB_BIN set to the folder of the labs' binaries:
#
#   - all of them on this machine, with the cgroup layout that it has: v1, hybrid or v2;
#   - the labs' also on the other two, each in a qemu machine (internal/vm/run): those tests that depend on the layout,
#     since emulation is slow. FULL=1 runs all. Inside a VM this part is left out.
#
# Environment: FULL=1 the whole matrices; RUN=REGEXP only these tests; V=1 as `go test -v`; LAB_SLOW=1 wider time limits;
# TIMEOUT in seconds for a qemu machine, and what else internal/vm/run takes (MEM, SWAP, SUBTREE).
set -u
cd "$(dirname "$0")/../.." || exit
time_limit=${FULL:+90m} # per binary
layout_tests='Limit|Demo|Shares|Swap|OutOfMemory|Enable|LeftBehind|TestHierarchy$|InTheCgroup|TestBarrier$|CgroupNamespace|KilledWith|FailureInTheMiddle|Uncustomary|StartAgain'

say() { echo "# $*"; }
layout() {
	if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
		echo v2
	elif [ "$(stat -fc %T /sys/fs/cgroup/unified 2>/dev/null)" = cgroup2fs ]; then
		echo hybrid
	else
		echo v1
	fi
}

# run_binaries WHERE NAME...: run these test binaries here, one after the other, and report like go test
run_binaries() {
	local where=$1 name dir run start took log status=0
	shift
	log=$(mktemp)
	for name; do
		dir=$(cat "bin/test/$name.dir")
		[ -t 1 ] && printf '  %s ...\r' "$dir"
		run=${RUN:-}
		if [ "$where" = "v2, qemu" ] && [ "$run" = "$layout_tests" ]; then
			case $name in lab01 | lab04) run="$run|TestGuide" ;; esac # their guides have parts for each version
		fi
		start=$(date +%s.%N)
		if (cd "$dir" && env LAB_BIN="$OLDPWD/bin" ${FULL:+LABTEST_FULL=1} "$OLDPWD/bin/test/$name.test" \
			-test.timeout "${time_limit:-15m}" ${run:+-test.run "$run"} ${V:+-test.v}) </dev/null >"$log" 2>&1; then
			result='ok  '
			[ -z "${V:-}" ] || cat "$log"
		else
			result=FAIL status=1
			cat "$log"
		fi
		took=$(date +%s.%N)
		awk -v r="$result" -v p="jocker/$dir" -v a="$start" -v b="$took" -v w="$where" \
			'BEGIN { printf "%s\t%s\t%.3fs [%s]\n", r, p, b - a, w }'
	done
	rm -f "$log"
	return $status
}

if [ "${1:-}" = --here ]; then # called again as root, or as root in a qemu machine
	shift
	run_binaries "$@"
	exit
fi

names=()
labs=()
for f in bin/test/*.test; do
	[ -e "$f" ] || { echo 'test: there are no test binaries in bin/test; build and run them with: make test' >&2; exit 1; }
	f=$(basename "$f" .test)
	names+=("$f")
	[[ $f != lab* ]] || labs+=("$f")
done

sudo=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo 'test: the labs make cgroups and mounts, so testing them takes root, and this machine has no sudo: su -c "make test"' >&2; exit 1; }
	sudo=(sudo --preserve-env=FULL,RUN,V,LAB_SLOW,LAB_GO)
fi

here=$(layout)
status=0
say "cgroup layout $here: this machine"
"${sudo[@]}" bash internal/make/test.sh --here "$here" "${names[@]}" || status=1

others=()
for l in v1 hybrid v2; do [ $l = "$here" ] || others+=($l); done
if [ -e /etc/jocker-vm ] || [ -n "${JOCKER_VM:-}" ]; then
	say "not tested: ${others[*]}. This is a VM, which has one layout; on a Linux host make test runs the others in qemu."
elif [ "$(uname -m)" != x86_64 ]; then
	say "not tested: ${others[*]}. The qemu machines with these layouts are for amd64 hosts."
elif [ ${#labs[@]} -gt 0 ]; then
	[ "$(id -u)" != 0 ] || export VM_INSTALL=1
	# LAB_SLOW: emulation is slow, so time limits are wider. SWAP: limits on swap are tested, too.
	export JOCKER_VM=1 LAB_SLOW=1 SWAP=${SWAP:-256} PASS="FULL RUN V JOCKER_VM LAB_SLOW" TIMEOUT=${TIMEOUT:-$(if [ -n "${FULL:-}" ]; then echo 7200; else echo 1800; fi)}
	[ -n "${FULL:-}${RUN:-}" ] || export RUN=$layout_tests
	for layout in "${others[@]}"; do
		say "cgroup layout $layout: a qemu machine"
		LAYOUT=$layout bash internal/vm/run bash internal/make/test.sh --here "$layout, qemu" "${labs[@]}"
		case $? in
		0) ;;
		124) status=1 && say "not done after $TIMEOUT s; to allow more:  make test TIMEOUT=$((TIMEOUT * 2))" ;;
		*) status=1 ;;
		esac
	done
fi
if [ $status = 0 ]; then say "all passed"; else say "FAILED: see the lines that begin with FAIL"; fi
exit $status
