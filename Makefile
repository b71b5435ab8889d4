# Bulkhead. The host needs git, make, mmdebstrap and root; all else happens in the tool root (build/enter).

.DEFAULT_GOAL := image

HERE := clean clean-cache lock help

ifndef BULKHEAD_TOOLROOT

J ?= $(shell nproc)
export J

# Every goal but those of HERE is made by one make inside the tool root. Variables given on the command line (V, O, FRESH, NOSKIP, TESTS,
# ...) are in the environment, and build/enter lets those through that mean something.
GOALS := $(filter-out $(HERE),$(or $(MAKECMDGOALS),image))
# What only benchmarks are made of is fetched for them alone.
LOCKS := $(filter-out %/toolroot.lock $(if $(filter bench-%,$(GOALS)),,%/peers.lock %/node.lock %/database.lock),$(wildcard build/lock/*.lock))

.PHONY: $(GOALS) inside
$(GOALS): inside
	@:
inside:
	@for lock in $(LOCKS); do build/fetch $$lock || exit; done
	@MAKEFLAGS= build/enter make --no-print-directory -j$(J) $(GOALS)

else

include build/rules.mk
include daemon/daemon.mk
include initramfs/initramfs.mk
include kernel/kernel.mk
include rootfs/rootfs.mk
include build/image.mk
include tests/tests.mk

# Shell is glue, and stays clean; nothing is left undone in the text.
SCRIPTS = $(shell grep -rlE --exclude-dir=out --exclude-dir=.git '^\#( shellcheck shell=|!/bin/(ba)?sh)' .)
.PHONY: lint
lint:
	$(call note,LINT,shell scripts)
	$(Q)shellcheck -x $(SCRIPTS)
	$(Q)! grep -rnE --exclude-dir=out --exclude-dir=.git --exclude=Makefile '\b(TODO|FIXME|XXX)\b' .

.PHONY: run stop
run: $(O)/bulkhead.img $(O)/bin/bulkhead $(O)/guest.tar
	$(Q)O=$(O) build/run
stop:
	$(Q)O=$(O) build/run stop

$(call include_deps)

endif

.PHONY: $(HERE)

# The locks, from Debian's present archive. Look at the change, then commit it.
lock:
	@build/relock

clean:
	@[ ! -e build/out/run/pid ] || $(MAKE) --no-print-directory stop
	rm -rf build/out

# Also the tool roots that no lock names any more, and packages that no lock names.
clean-cache: clean
	@build/clean-cache

help:
	@echo 'make image              the disk image and its parts, in build/out/'
	@echo 'make run                the whole story in a virtual machine: flash, enrol, unlock, first container (FRESH=1: a new disk)'
	@echo 'make stop               end that machine'
	@echo 'make test               every test (TESTS="tests/unit/..." some; NOSKIP=1 a skip is a failure)'
	@echo 'make test-reproducible  build all twice under different circumstances and compare every bit'
	@echo 'make kernel             the kernel and its hardening gate'
	@echo 'make bench              measured figures; bench-containers, -density, -firewall, -idle, -compaction, -merging: see tests/tests.mk'
	@echo 'make lint               shellcheck'
	@echo 'make lock               renew build/lock/ from the Debian archive'
	@echo 'make clean              remove build/out/; clean-cache: also what no lock names in the cache'
	@echo 'Variables: V=1 shows commands, J=N jobs, BULKHEAD_CACHE=path, MIRROR=url'
