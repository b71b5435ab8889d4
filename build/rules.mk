# build/rules.mk - how C is compiled and linked, for every folder's .mk. Read inside the tool root only.
#
#   $(eval $(call program,NAME,SOURCES,LIBRARIES))      makes $(O)/bin/NAME
#   $(eval $(call program_san,NAME,SOURCES,LIBRARIES))  makes $(O)/bin-san/NAME with ASan and UBSan, for tests
#   $(call objects,SOURCES)  $(call objects_san,SOURCES)  the objects alone
#   CFLAGS_path/of/file.c = ...   more flags for one file
#   LINK_NAME = -static-pie       instead of -pie for one program
#   $(call note,WORD,what)        the line a quiet build prints; commands begin with $(Q)
#
# Sources are paths from the tree's top, and so are includes: #include "daemon/lib/fd.h".

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# What a recipe sorts, spells or dates does not depend on who runs it.
export LC_ALL := C.UTF-8
export TZ := UTC

O ?= build/out
Q := $(if $(V),,@)
comma := ,
note = @printf '  %-9s %s\n' '$(1)' '$(2)'

CC := gcc

CFLAGS := -std=gnu17 -D_GNU_SOURCE -D_FORTIFY_SOURCE=3 -I. -O2 -g -ffile-prefix-map=$(CURDIR)=. \
	-Wall -Wextra -Werror -Wno-missing-field-initializers \
	-Wshadow -Wformat=2 -Wvla -Wundef -Wwrite-strings -Wcast-qual -Wpointer-arith \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wredundant-decls -Wdate-time \
	-Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init \
	-fno-common -ffunction-sections -fdata-sections -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero
LDFLAGS := -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed -Wl,--build-id=sha1

# With sanitizers: no fortify and no automatic zeroing (both hide what is looked for), every finding ends the program.
CFLAGS_SAN := $(filter-out -D_FORTIFY_SOURCE=3 -ftrivial-auto-var-init=zero -O2,$(CFLAGS)) -O1 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all
LDFLAGS_SAN := -fsanitize=address,undefined

# What every object hangs on beside its own headers: these flags and the compiler.
BUILD_DEPS := build/rules.mk build/lock/toolroot.lock

objects = $(patsubst %.c,$(O)/obj/%.o,$(1))
objects_san = $(patsubst %.c,$(O)/obj-san/%.o,$(1))

$(O)/obj/%.o: %.c $(BUILD_DEPS)
	$(call note,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(CFLAGS_$<) -MMD -MP -c -o $@ $<

$(O)/obj-san/%.o: %.c $(BUILD_DEPS)
	$(call note,CC san,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_SAN) $(CFLAGS_$<) -MMD -MP -c -o $@ $<

define program
$(O)/bin/$(1): $(call objects,$(2))
	$$(call note,LINK,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS) $$(or $$(LINK_$(1)),-pie -Wl$$(comma)--gc-sections) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $(3)
ALL_OBJECTS += $(call objects,$(2))
endef

define program_san
$(O)/bin-san/$(1): $(call objects_san,$(2))
	$$(call note,LINK san,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS_SAN) -pie $$(LDFLAGS) $$(LDFLAGS_SAN) -o $$@ $$(filter %.o,$$^) $(3)
ALL_OBJECTS += $(call objects_san,$(2))
endef

# At the end of the top Makefile: what the compiler found out about headers.
include_deps = $(eval -include $(sort $(patsubst %.o,%.d,$(ALL_OBJECTS))))
