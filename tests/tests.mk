# tests/tests.mk - every test. Read inside the tool root only.
#
#   make test                     units, fuzz corpus, kernel gate, boots, API, faults, two builds compared: one prove; the scripts' lint first
#   make test TESTS="boot/10-*"   some, by their path below tests/ (with or without tests/ in front); kernel/gate is one, too
#   make test NOSKIP=1            a skipped test is a failure
#   make fuzz                     changes the corpus at random, a minute each target (build/enter make fuzz FUZZ_SECONDS=600: longer);
#                                 inputs that reach new code are kept in $(O)/fuzz/, worth a look and perhaps a place in the corpus
#   make bench                    figures, medians of 5
#   make bench-containers         containers against LXC and Incus, COUNT=20 of each
#   make bench-idle               COUNT=200 idle containers in 16 GB
#   make bench-density            memory of COUNT=30 containers of OF=node, system or database against one, Incus (PEERS=no: without), the bound
#   make bench-compaction         memory of COUNT=30 that have each installed the same, before and after compaction
#   make bench-firewall           what the firewall costs packets and the engine, with COUNT=10000 containers in it
#   make bench-merging            what merging costs the CPU and a server
#   make bench-audit              the audit log with COUNT=10000000 records: written, found, exported, verified
#   make bench-routes             HAProxy with COUNT=100000 routes: memory, changes, requests a second beside a bare one; of guarded URLs, too
#
# A unit is tests/unit/test_<noun>.c: one cmocka binary, sanitised, linked with what it uses of daemon/lib, and with the sources, libraries
# and linker words of lines in it that look like this:   // link: daemon/api/route.c -lsqlite3 -Wl,--wrap=fsync
# A fuzz target is tests/fuzz/fuzz_<noun>.c, with the same kind of line and its corpus in tests/fuzz/corpus/<noun>/.

TEST_OUT := $(O)/tests
UNITS := $(patsubst tests/unit/%.c,$(TEST_OUT)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(TEST_OUT)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZERS_COVERAGE := $(patsubst tests/fuzz/%.c,$(TEST_OUT)/fuzz-coverage/%,$(wildcard tests/fuzz/fuzz_*.c))

test_link = $(shell sed -n 's,^// link: ,,p' $(1))

# What of the library a test uses decides which of its libraries it needs, hence an archive.
LIB_SAN_OBJECTS := $(call objects_san,$(wildcard daemon/lib/*.c))
$(TEST_OUT)/libbulkhead-san.a: $(LIB_SAN_OBJECTS)
	$(call note,AR,$@)
	$(Q)mkdir -p $(@D); rm -f $@; ar rcsD $@ $^
ALL_OBJECTS += $(LIB_SAN_OBJECTS)

define test_program
$(TEST_OUT)/$(1): $(call objects_san,$(2) $(filter %.c,$(call test_link,$(2))) $(3)) $(TEST_OUT)/libbulkhead-san.a
	$$(call note,LINK san,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS_SAN) -pie $$(LDFLAGS) $$(LDFLAGS_SAN) -o $$@ $$(filter %.o %.a,$$^) \
		$(filter-out %.c,$(call test_link,$(2))) $(4) -ljansson
ALL_OBJECTS += $(call objects_san,$(2) $(filter %.c,$(call test_link,$(2))) $(3))
endef

$(foreach u,$(UNITS),$(eval $(call test_program,unit/$(notdir $u),tests/unit/$(notdir $u).c,,-lcmocka)))
$(foreach f,$(FUZZERS),$(eval $(call test_program,fuzz/$(notdir $f),tests/fuzz/$(notdir $f).c,tests/fuzz/driver.c)))

# TESTS decides what has to be built: nobody waits for a kernel to run a unit.
TESTS_WANTED := $(patsubst tests/%,%,$(or $(TESTS),unit/ fuzz/ kernel/ boot/ api/ fault/))
TESTS_MACHINE := $(filter boot% api% fault% reproducible% *%,$(TESTS_WANTED))
TESTS_NEED := $(if $(filter unit% *%,$(TESTS_WANTED)),$(UNITS)) $(if $(filter fuzz% *%,$(TESTS_WANTED)),$(FUZZERS)) \
	$(if $(TESTS_MACHINE),$(O)/bulkhead.img $(O)/bin/bulkhead $(O)/guest.tar $(O)/system.tar $(O)/node.tar $(O)/bin-san/bulkheadd-fake $(O)/bin/hostile $(O)/bin/forge) \
	$(if $(filter fault% *%,$(TESTS_WANTED)),$(TEST_OUT)/fault/initrd) \
	$(if $(filter kernel% *%,$(TESTS_WANTED)),$(O)/kernel/bzImage)

.PHONY: test units fuzz bench
test: $(TESTS_NEED) $(if $(TESTS),,lint)
	$(Q)O='$(O)' NOSKIP='$(NOSKIP)' tests/run $(TESTS)

# What tries to get out of a container (tests/api/71-hostile.t); it runs on the libraries of the tests' image.
$(eval $(call program,hostile,$(wildcard tests/hostile/*.c)))
# What sends packets that a container should not get anywhere with (tests/api/48-forged.t); likewise.
$(eval $(call program,forge,$(wildcard tests/forge/*.c)))

# A root that kills its daemon at a given step (tests/fault/fault.c), behind the image's own initramfs: the later archive's files
# take the place of the earlier's.
FAULT_INITRD := $(TEST_OUT)/fault/initrd
$(TEST_OUT)/fault/fault.so: tests/fault/fault.c $(BUILD_DEPS)
	$(call note,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -fPIE -D_FORTIFY_SOURCE=3,$(CFLAGS)) -U_FORTIFY_SOURCE -fPIC -shared $(LDFLAGS) -MMD -MP -o $@ $<
$(FAULT_INITRD): $(TEST_OUT)/fault/fault.so $(O)/root.erofs $(O)/initrd build/cpio
	$(call note,PACK,$@)
	$(Q)rm -rf $(@D)/root $(@D)/initramfs; mkdir -p $(@D)/initramfs; cp -a $(O)/rootfs $(@D)/root
	$(Q)install -m 755 $< $(@D)/root/usr/lib/fault.so; echo /usr/lib/fault.so >$(@D)/root/etc/ld.so.preload
	$(Q)umask 022; mkfs.erofs --quiet -T"$$SOURCE_DATE_EPOCH" --all-root -x-1 $(@D)/initramfs/root.erofs $(@D)/root
	$(Q)cp $(O)/initrd $@; truncate -s %4 $@; build/cpio $(@D)/initramfs >>$@
	$(Q)rm -rf $(@D)/root $(@D)/initramfs

# The build of all units and fuzz targets alone.
units: $(UNITS) $(FUZZERS)

# For make fuzz the code under test counts its edges (the driver, which owns the hook, does not).
FUZZ_SECONDS ?= 60
$(O)/obj-fuzz/%.o: %.c $(BUILD_DEPS)
	$(call note,CC fuzz,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_SAN) $(CFLAGS_$<) -fsanitize-coverage=trace-pc -MMD -MP -c -o $@ $<

define fuzz_program
$(TEST_OUT)/fuzz-coverage/$(1): $(patsubst %.c,$(O)/obj-fuzz/%.o,tests/fuzz/$(1).c $(filter %.c,$(call test_link,tests/fuzz/$(1).c)) \
		daemon/lib/error.c daemon/lib/hex.c daemon/lib/json.c daemon/lib/hostcfg.c daemon/lib/protocol.c daemon/lib/reference.c) \
		$(call objects_san,tests/fuzz/driver.c) $(TEST_OUT)/libbulkhead-san.a
	$$(call note,LINK fuzz,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS_SAN) -pie $$(LDFLAGS) $$(LDFLAGS_SAN) -o $$@ $$(filter %.o %.a,$$^) \
		$(filter-out %.c,$(call test_link,tests/fuzz/$(1).c)) -ljansson
endef
$(foreach f,$(FUZZERS_COVERAGE),$(eval $(call fuzz_program,$(notdir $f))))

fuzz: $(FUZZERS_COVERAGE)
	$(Q)for f in $(FUZZERS_COVERAGE); do \
		noun=$${f##*/fuzz_}; folder=$(O)/fuzz/$$noun; mkdir -p $$folder; cp tests/fuzz/corpus/$$noun/* $$folder; echo "# $$noun"; \
		$$f -s $(FUZZ_SECONDS) $$folder || { echo "$$noun failed; the input is $$folder/last" >&2; exit 1; }; \
	done

bench: $(O)/bulkhead.img $(O)/bin/bulkhead $(O)/guest.tar
	$(Q)O='$(O)' tests/bench/bench

$(O)/peers.erofs: build/lock/peers.lock build/unpack $(wildcard tests/bench/peers/*) $(addprefix $(O)/,guest.tar node.tar system.tar database.tar)
	$(call note,PEERS,$@)
	$(Q)O='$(O)' tests/bench/peers/make $@

$(eval $(call program,pages,tests/bench/pages.c,-lcrypto))

BENCHED := $(O)/bulkhead.img $(O)/bin/bulkhead $(O)/bin/pages
# The first process of a machine that is the image's root without its daemon.
PACKETS_ENGINE := class commands element fill firewall group nameset netdev netlink netset step tally
$(eval $(call program,packets,$(wildcard tests/bench/packets/*.c daemon/lib/*.c) $(PACKETS_ENGINE:%=daemon/engine/%.c),\
	-ljansson -lcrypto -lcap -lseccomp -lnftables -lnftnl -lmnl -Wl$(comma)--wrap=netlink_talk))
$(TEST_OUT)/bench/packets.cpio: $(O)/bin/packets $(O)/root.erofs build/cpio
	$(call note,PACK,$@)
	$(Q)rm -rf $(@D)/packets; mkdir -p $(@D); cp -a $(O)/rootfs $(@D)/packets; install -m 755 $< $(@D)/packets/packets
	$(Q)build/cpio $(@D)/packets >$@; rm -rf $(@D)/packets

# The gate's own code, without the gate.
$(eval $(call program,routes,tests/bench/routes.c daemon/gate/feed.c daemon/gate/haproxy.c daemon/gate/route_table.c $(addprefix daemon/lib/,error.c fd.c hex.c hostcfg.c json.c log.c loop.c),-ljansson))
$(eval $(call program,guard,tests/bench/guard.c $(addprefix daemon/gate/,agent.c asking.c assertion.c attempts.c decide.c feed.c haproxy.c lease.c ledger.c remembered.c route_table.c rulebook.c spop.c visit.c)\
	$(wildcard daemon/lib/*.c),-ljansson -lcrypto -lseccomp))

# The log's own code; and its role, for whom it is told to.
$(eval $(call program,log,tests/bench/log.c $(filter-out daemon/audit/audit.c daemon/audit/records.c,$(wildcard daemon/audit/*.c)) $(wildcard daemon/lib/*.c),-lsqlite3 -ljansson -lcrypto -lseccomp))

.PHONY: bench-audit bench-containers bench-density bench-firewall bench-idle bench-compaction bench-merging bench-routes
bench-audit: $(O)/bin/log
	$(Q)O='$(O)' tests/bench/audit $(COUNT)
bench-routes: $(O)/bin/routes $(O)/bin/guard $(O)/bin/log $(O)/bin/bulkheadd $(O)/bin-san/bulkheadd-fake
	$(Q)O='$(O)' tests/bench/routes $(COUNT)
bench-firewall: $(TEST_OUT)/bench/packets.cpio $(O)/kernel/bzImage
	$(Q)O='$(O)' tests/bench/firewall $(COUNT)
bench-idle: $(BENCHED) $(O)/guest.tar
	$(Q)O='$(O)' tests/bench/idle $(COUNT)
bench-density: $(BENCHED) $(addprefix $(O)/,node.tar system.tar database.tar) $(if $(filter no,$(PEERS)),,$(O)/peers.erofs)
	$(Q)O='$(O)' tests/bench/density $(or $(OF),node) $(COUNT)
bench-compaction: $(BENCHED) $(O)/node.tar $(O)/install.tar
	$(Q)O='$(O)' tests/bench/compaction $(COUNT)
bench-merging: $(BENCHED) $(O)/node.tar
	$(Q)O='$(O)' tests/bench/merging $(COUNT)
bench-containers: $(BENCHED) $(O)/guest.tar $(O)/peers.erofs
	$(Q)O='$(O)' tests/bench/containers $(COUNT)
