# daemon/cli/cli.mk - bulkhead, the operator's static binary, and the libcurl that it is linked with.

CURL := $(O)/curl

$(CURL)/libcurl.a: build/library build/curl/recipe build/lock/curl.lock build/lock/toolroot.lock
	$(call note,CURL,$@)
	$(Q)build/library curl $(@D)

CLI_SOURCES := $(sort $(wildcard daemon/cli/*.c)) \
	$(addprefix daemon/lib/,error.c fd.c hex.c hostcfg.c json.c log.c secret.c)

# The linker warns that static glibc cannot look up names; nothing here asks it to: c-ares does that.
LINK_bulkhead := -static-pie -Wl,--no-warnings
$(eval $(call program,bulkhead,$(CLI_SOURCES),$(CURL)/libcurl.a -lcares -lssl -lcrypto -lzstd -lz -ljansson -lblkid))
$(O)/bin/bulkhead: $(CURL)/libcurl.a

CFLAGS_daemon/cli/http.c := -isystem $(CURL)/include
$(call objects,daemon/cli/http.c) $(call objects_san,daemon/cli/http.c): | $(CURL)/libcurl.a
