# Jocker: every command a person types. `make` alone lists them.
#
# The labs need Linux and root. Building is done by you, the ordinary user; sudo is used only to run.
# If this folder's Vagrant VM exists, or this machine can't run labs (macOS; no root and no sudo), then
# the targets marked * copy the folder into the VM and run there. HOST=1 keeps them on this machine.
#
# Variables: LAB=03 (which lab), EX=reap (which extra exercise of it), TASK=2 (which task: hint, solution),
#            AGAIN=1 (start: begin anew), JSON=1 (check, for machines), FROM=03 TO=04 (diff), WORD=pivot_root (explain), YES=1 and ALL=1 (reset),
#            DIR=submissions (grade), GUIDE=zh-CN (the guide's language), HOST=1,
#            TARBALL=busybox.tar (rootfs), CMD="..." and LAYOUT=v1|hybrid|v2 (vm),
#            RUN=REGEXP and V=1 (test: only some tests; all their output),
#            LAB_SLOW=1 (wider time limits, for a machine without hardware virtualization).

LABS := lab01 lab02 lab03 lab04 lab05 lab06
STUDENT := start check hint solution status diff explain doctor reset
IN_VM := $(LABS) final $(STUDENT) shell rootfs grade test test-full workshop-check conformance bench

NEEDS := need-build need-lab need-test need-bench
.PHONY: help build setup lint vm clean bundle $(NEEDS) test-binaries FORCE $(IN_VM)
.NOTPARALLEL:

help:
	@echo "Jocker: six labs that build a container out of kernel features. First: make lab01"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
	@echo "  (* in the Vagrant VM, if there is one: vagrant up. HOST=1 runs on this machine.)"

lab01: ## * one cgroup, one limit, one workload: play the guide
lab02: ## * the same workload in namespaces of its own
lab03: ## * run -ti /bin/sh: an init, and /proc of its own
lab04: ## * memory, cpu and cpuset limits, found through mountinfo
lab05: ## * arguments and environment over a pipe
lab06: ## * a root file system of its own: busybox on union layers
final: ## * the runtime and the engine that all this leads to: play the tour
start: ## * write what you begin with into work/: make start LAB=03
check: ## * check what you wrote, and hear what is wrong: make check LAB=03
hint: ## * the next of three hints: make hint LAB=03 TASK=2
solution: ## * the solution, after a try that failed: make solution LAB=03 TASK=2
status: ## * your progress over all labs
diff: ## * the idea between two labs: make diff FROM=03 TO=04
explain: ## * what causes which error: make explain WORD=pivot_root
doctor: ## * look at the machine: what is missing, and what mends it
reset: ## * remove what labs and broken programs have left on the machine
shell: ## * a root shell in a lab's folder, bin/ on PATH: make shell LAB=03
rootfs: ## * get busybox for lab06 (from a file of yours: TARBALL=...)
build: ## build everything into bin/, static
test: ## * test on this machine's cgroup layout, and on the others in qemu
test-full: ## * the same with the whole matrices: takes long
conformance: ## * the OCI's validation programs against bin/jocker-runtime, runc and crun
bench: ## * how fast it is: the runtime beside runc and crun, the engine beside docker and podman
grade: ## * check a folder of submissions, print CSV: make grade DIR=submissions
workshop-check: ## * prove the checks: starters fail, solutions pass, each mistake gets its own message
bundle: ## for a workshop without a network: all it takes, in jocker-workshop.tar
lint: ## gofmt, go vet for amd64 and arm64, staticcheck
vm: ## a throw-away qemu machine: make vm CMD="uname -a" [LAYOUT=v1]
setup: ## install what all this needs, on Debian or Ubuntu: sudo make setup
clean: ## remove bin/

# --- where to run -------------------------------------------------------------------------------

ifneq ($(filter $(IN_VM),$(MAKECMDGOALS)),)
WHERE := $(if $(HOST),here,$(shell sh internal/make/in-vm.sh --where))
endif

ifeq ($(WHERE),vm)

$(IN_VM):
	@sh internal/make/in-vm.sh $@ $(foreach v,LAB EX TASK AGAIN JSON FROM TO WORD YES ALL DIR GUIDE TARBALL RUN V LAB_SLOW,$(if $($v),'$v=$($v)'))

else

# --- run ----------------------------------------------------------------------------------------

# LAB=03, LAB=3 and LAB=lab03 are the same: $(N) is 03, and $(FOLDER) is that lab's folder.
N      := $(patsubst lab%,%,$(LAB))
N      := $(if $(filter 1 2 3 4 5 6,$(N)),0$(N),$(N))
FOLDER := $(if $(N),$(wildcard lab$(N)-*))
$(if $(N),$(if $(FOLDER),,$(error there is no lab $(LAB): LAB is 01 to 06)))

# RUN_AS_ROOT works whatever sudo does to PATH.
UID         := $(shell id -u)
RUN_AS_ROOT := $(if $(filter 0,$(UID)),,sudo) env LAB_BIN="$(CURDIR)/bin" $(if $(LAB_SLOW),LAB_SLOW=$(LAB_SLOW)) PATH="$(CURDIR)/bin:$$PATH:/usr/sbin:/sbin"

# What a guide needs besides its own lab. (lab01 takes the place of stress where that is missing.)
ALSO_02 := bin/mistakes bin/lab01
ALSO_03 := bin/lab02 bin/lab01
ALSO_05 := bin/lab04
ALSO_06 := rootfs
$(foreach n,02 03 05 06,$(eval lab$n: $(ALSO_$n)))

$(LABS): lab%: need-lab bin/lab bin/lab%
	@$(RUN_AS_ROOT) bin/lab play $(if $(GUIDE),-lang $(GUIDE)) $*
	@echo
	@echo "To go on by hand: make shell LAB=$*"

final: need-lab bin/lab $(FINAL)
	@$(RUN_AS_ROOT) bin/lab play $(if $(GUIDE),-lang $(GUIDE)) final

rootfs: need-lab bin/lab
	@$(RUN_AS_ROOT) bin/lab rootfs $(if $(TARBALL),"$(TARBALL)")

shell: need-lab $(if $(FOLDER),bin/lab bin/lab$(N) $(ALSO_$(N)))
	@test -n "$(FOLDER)" || { echo 'which lab? make shell LAB=01, for example' >&2; exit 1; }
	@echo "A root shell in $(FOLDER)/; bin/ is on PATH, so lab$(N) runs your build. exit leaves it."
	@cd $(FOLDER) && $(RUN_AS_ROOT) bash || true

# --- do the labs ---

start: need-build bin/lab
	@bin/lab start $(if $(AGAIN),-again) $(N) $(EX)

check: need-lab bin/lab
	@$(if $(filter 06,$(N)),$(if $(EX),,$(RUN_AS_ROOT) bin/lab rootfs >/dev/null))
	@$(RUN_AS_ROOT) LAB_GO="$(GO)" bin/lab check $(if $(JSON),-json) $(N) $(EX)

hint solution: need-build bin/lab
	@bin/lab $@ $(N) $(EX) $(TASK)

status: need-build bin/lab
	@bin/lab status

diff: need-build bin/lab
	@bin/lab diff $(FROM) $(TO)

explain: need-build bin/lab
	@bin/lab explain $(WORD)

doctor: need-build bin/lab
	@LAB_GO="$(GO)" bin/lab doctor

reset: need-build bin/lab
	@$(RUN_AS_ROOT) bin/lab reset $(if $(YES),-yes) $(if $(ALL),-all)

grade: need-lab bin/lab
	@$(RUN_AS_ROOT) bin/lab rootfs >/dev/null
	@$(RUN_AS_ROOT) LAB_GO="$(GO)" bin/lab grade $(if $(DIR),"$(DIR)")

# --- prove them ---

workshop-check: need-test build
	@$(AS_USER) mkdir -p bin/test
	@$(BUILD) test -c -o bin/test/internal-check.test ./internal/check
	@{ cd internal/check && $(RUN_AS_ROOT) LAB_GO="$(GO)" LABTEST_FULL=1 ../../bin/test/internal-check.test -test.timeout 60m -test.v \
		-test.run 'Solutions|OtherWays|Starters|Mutants$(if $(RUN),/all/$(RUN))'; echo "exit code $$?"; } | \
	awk '/^=== / { next } { print } /^exit code / { code = $$3 } END { exit code }'

test test-full: need-test build test-binaries
	@$(if $(filter test-full,$@),FULL=1) RUN='$(RUN)' V='$(V)' LAB_SLOW='$(LAB_SLOW)' LAB_GO='$(GO)' bash internal/make/test.sh

conformance: need-test bin/jocker-runtime
	@echo "go build -o bin/conformance/ (the suite comes as a Go module)"
	@$(AS_USER) env GO="$(GO)" sh final/runtime/conformance/build.sh bin/conformance
	@$(BUILD) build -buildvcs=false -o bin/conformance/run ./final/runtime/conformance
	@$(RUN_AS_ROOT) bin/conformance/run $(if $(V),-v) $(RUN)

bench: need-bench bin/jocker-runtime bin/jocker bin/jocker-shim bin/jocker-registry
	@$(BUILD) build -buildvcs=false -o bin/bench ./final/bench
	@$(RUN_AS_ROOT) bin/bench $(if $(RUN),-rounds $(RUN))
	@$(RUN_AS_ROOT) bin/bench -engine $(if $(RUN),-rounds $(RUN))

endif

# --- build --------------------------------------------------------------------------------------

# The Go that is new enough, also where sudo's PATH lacks it. Looked up once, when first needed: after need-build.
GO = $(eval GO := $(shell sh internal/make/setup.sh --go))$(GO)

# `sudo make` builds as you who typed it, if the folder is yours, so that root owns nothing in it.
OWNER   := $(shell ls -ld . | awk '{ print $$3 }')
AS_USER := $(if $(and $(SUDO_USER),$(filter $(OWNER),$(SUDO_USER))),sudo -H -u $(SUDO_USER))
BUILD    = $(AS_USER) env CGO_ENABLED=0 GOOS=linux $(GO)

# All packages but those in work/, which are yours.
PACKAGES = $(patsubst %/,./%/...,$(filter-out bin/ work/,$(wildcard */)))

FINAL := bin/jocker bin/jocker-build bin/jocker-registry bin/jocker-resolver bin/jocker-shim bin/jocker-runtime bin/jocker-systemd
build: $(LABS:%=bin/%) bin/mistakes bin/lab $(FINAL)

# Go itself knows what is up to date, so it is asked each time.
PACKAGE = ./$(wildcard $(@F)-*)
bin/mistakes: PACKAGE = ./lab02-namespaces/mistakes
bin/lab:      PACKAGE = ./internal/lab
$(FINAL): PACKAGE = ./final/cmd/$(@F)
bin/jocker:   PACKAGE = ./final
$(FINAL): FLAGS = -trimpath -ldflags "-s -w"
$(LABS:%=bin/%) bin/mistakes bin/lab $(FINAL): need-build FORCE
	@echo "go build -o $@ $(PACKAGE)" >&2
	@$(BUILD) build -buildvcs=false $(FLAGS) -o $@ $(PACKAGE)

# Every package that has tests, or only LAB: bin/test/NAME.test, and NAME.dir says where it runs.
test-binaries: need-build
	@$(AS_USER) rm -rf bin/test && $(AS_USER) mkdir -p bin/test
	@$(BUILD) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' $(if $(FOLDER),./$(FOLDER)/...,$(PACKAGES)) | \
	sed -n 's,^jocker/,,p' | while read -r dir; do \
		name=$$(echo "$$dir" | sed 's,^\(lab[0-9]*\)-[^/]*,\1,; s,/,-,g'); \
		$(BUILD) test -c -o "bin/test/$$name.test" "./$$dir" || exit; \
		echo "$$dir" | $(AS_USER) tee "bin/test/$$name.dir" >/dev/null; \
	done

$(NEEDS):
	@sh internal/make/setup.sh --need $(@:need-%=%)

setup:
	@sh internal/make/setup.sh

bundle: need-build
	@GO="$(GO)" bash internal/make/bundle.sh

clean:
	rm -rf bin

# --- check --------------------------------------------------------------------------------------

lint: need-build
	@out=$$("$$($(GO) env GOROOT)/bin/gofmt" -l $$(find . -name '*.go' ! -path './work/*')); \
	test -z "$$out" || { echo "not as gofmt has it; make it so with gofmt -w:"; echo "$$out"; exit 1; }
	GOOS=linux GOARCH=amd64 CGO_ENABLED=0 $(GO) vet $(PACKAGES)
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) vet $(PACKAGES)
	@echo "the labs build from nothing but Go: no modules, no network"
	@empty=$$(mktemp -d) && GOOS=linux GOPROXY=off GOMODCACHE=$$empty $(GO) build -buildvcs=false -o $$empty/ $(LABS:%=./%-*) && rm -rf $$empty
	GOFLAGS=-buildvcs=false $(GO) run -exec 'env GOOS=linux CGO_ENABLED=0' honnef.co/go/tools/cmd/staticcheck@v0.8.2 $(PACKAGES)

vm:
	@test -n "$$CMD" || { echo 'which command? make vm CMD="cat /proc/mounts" [LAYOUT=v1]' >&2; exit 1; }
	@PASS="$$PASS JOCKER_VM" JOCKER_VM=1 bash internal/vm/run "$$CMD"
