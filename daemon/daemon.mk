# daemon/daemon.mk - the programs of the running host and of its operator.

include daemon/cli/cli.mk
include daemon/boot/boot.mk
include daemon/door/door.mk

# bulkheadd: every role in one binary (daemon/main.c).
BULKHEADD_VERSION := 0.1.0
BULKHEADD_ROLES := $(sort $(wildcard daemon/lib/*.c daemon/supervisor/*.c daemon/api/*.c daemon/gate/*.c daemon/names/*.c daemon/audit/*.c daemon/pull/*.c))
BULKHEADD_ENGINE := $(sort $(wildcard daemon/engine/*.c))
# libmicrohttpd is compiled without TLS, which would bring GnuTLS along. libarchive is linked in: its shared library would bring libxml2 and
# 40 MB of ICU along, for formats we refuse.
MICROHTTPD := $(O)/microhttpd/libmicrohttpd.a
BULKHEADD_LIBS := $(MICROHTTPD) $(CURL)/libcurl.a -l:libcares.a -lsqlite3 -ljansson -lwslay -lseccomp -lssl -lcrypto -lcap -llxc -lnftables -lnftnl -lmnl -l:libarchive.a -lz -llzma -lzstd -lacl

CFLAGS_daemon/api/host.c := -DBULKHEAD_VERSION='"$(BULKHEADD_VERSION)"'
$(O)/obj/daemon/api/openapi.o $(O)/obj-san/daemon/api/openapi.o: daemon/api/openapi.yaml

$(eval $(call program,bulkheadd,daemon/main.c $(BULKHEADD_ROLES) $(BULKHEADD_ENGINE),$(BULKHEADD_LIBS)))
$(eval $(call program_san,bulkheadd,daemon/main.c $(BULKHEADD_ROLES) $(BULKHEADD_ENGINE),$(BULKHEADD_LIBS)))

# The same with a stand-in for the engine: api, gate and supervisor can be tried without a machine (tests/api/05-roles.t).
$(eval $(call program_san,bulkheadd-fake,daemon/main.c $(BULKHEADD_ROLES) daemon/engine/puller.c tests/api/fake_engine.c,$(BULKHEADD_LIBS)))

$(MICROHTTPD): build/library build/microhttpd/recipe build/lock/microhttpd.lock build/lock/toolroot.lock
	$(call note,HTTPD,$@)
	$(Q)build/library microhttpd $(@D)
$(O)/bin/bulkheadd $(O)/bin-san/bulkheadd $(O)/bin-san/bulkheadd-fake: $(MICROHTTPD)

# Pulls images: the same libcurl as the operator's binary.
CFLAGS_daemon/pull/registry.c := -isystem $(CURL)/include
CFLAGS_daemon/pull/pull.c := -isystem $(CURL)/include
$(call objects,daemon/pull/registry.c daemon/pull/pull.c) $(call objects_san,daemon/pull/registry.c daemon/pull/pull.c): | $(CURL)/libcurl.a
$(O)/bin/bulkheadd $(O)/bin-san/bulkheadd $(O)/bin-san/bulkheadd-fake: $(CURL)/libcurl.a
