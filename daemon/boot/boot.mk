# daemon/boot/boot.mk - bulkhead-boot: what init runs, and the admin's SSH commands. In the image, so OpenSSL and jansson are shared ones.

BOOT_SOURCES := $(sort $(wildcard daemon/boot/*.c)) daemon/cli/call.c daemon/cli/http.c \
	$(addprefix daemon/lib/,error.c fd.c hex.c hostcfg.c hostnet.c json.c log.c mount.c sshkey.c)

$(eval $(call program,bulkhead-boot,$(BOOT_SOURCES),$(CURL)/libcurl.a -l:libcares.a -lssl -lcrypto -ljansson -lmnl))
$(O)/bin/bulkhead-boot: $(CURL)/libcurl.a

CFLAGS_daemon/boot/admin.c := -isystem $(CURL)/include
$(call objects,daemon/boot/admin.c): | $(CURL)/libcurl.a
