# build/image.mk - from kernel, programs and root to initramfs, UKI, disk image; and the container image of the tests.
#
#   $(O)/debroot            the packages of rootfs.lock, unpacked: where the image's foreign files come from (rootfs/rootfs.mk)
#   $(O)/initramfs/         what initramfs/manifest names (see build/collect), root.erofs, firmware
#   $(O)/initramfs.cpio.zst
#   $(O)/initrd             the same with CPU microcode in front: what GRUB loads
#   $(O)/bulkhead.efi       UKI: kernel, microcode, initramfs, command line
#   $(O)/bulkhead.img       raw GPT disk, BIOS and UEFI
#   $(O)/guest.tar          a small Debian with a web server
#   $(O)/system.tar         one whose init is systemd
#   $(O)/node.tar           one with a server on Debian's nodejs; install.tar: one that installs it by itself
#   $(O)/database.tar       one with PostgreSQL
#
# The kernel's folder gives $(O)/kernel/bzImage, a stamp for its hardening, and, by the variables below, microcode and firmware.

# An uncompressed early cpio; a folder that is laid over the initramfs.
MICROCODE ?=
FIRMWARE ?=

comma := ,
BZIMAGE := $(O)/kernel/bzImage
PROGRAMS := $(addprefix $(O)/bin/,bulkhead-init bulkhead-unlock bulkheadd bulkhead)

# Everything packed bears the commit's date, so it is packed anew after a commit: the same commit gives the same bits, however it was come by.
EPOCH := $(O)/epoch-$(SOURCE_DATE_EPOCH)
$(EPOCH):
	$(Q)mkdir -p $(O); rm -f $(O)/epoch-*; touch $@

.PHONY: image initramfs uki guest
image: $(O)/bulkhead.img $(O)/bin/bulkhead
	@build/sizes
initramfs: $(O)/initramfs.cpio.zst
uki: $(O)/bulkhead.efi
guest: $(O)/guest.tar

# -- initramfs --
# The agent's .mk adds to INITRAMFS_DEPS what its manifest takes from $(O).
INITRAMFS_DEPS ?= $(addprefix $(O)/bin/,bulkhead-init bulkhead-unlock)

$(O)/initramfs.cpio.zst: initramfs/manifest $(INITRAMFS_DEPS) $(O)/debroot.stamp $(O)/root.erofs $(FIRMWARE) $(EPOCH) build/collect build/cpio
	$(call note,PACK,$@)
	$(Q)O=$(O) build/collect $(O)/initramfs initramfs/manifest
	$(Q)install -m 644 $(O)/root.erofs $(O)/initramfs/root.erofs
	$(if $(FIRMWARE),$(Q)umask 022; tar -C $(FIRMWARE) --mode=u=rwX$(comma)go=rX -c . | tar -C $(O)/initramfs -x --keep-directory-symlink --no-same-owner)
	$(Q)build/cpio $(O)/initramfs | zstd -19 -T1 -q --no-progress -f -o $@ -

$(O)/initrd: $(MICROCODE) $(O)/initramfs.cpio.zst
	$(Q)cat $^ >$@

# -- UKI --
# kernel/cmdline: one option a line, # begins a comment.
$(O)/cmdline: kernel/cmdline
	$(Q)sed -e 's/#.*//' $< | tr -s ' \t\n' ' ' | sed -e 's/^ //; s/ $$//' | tr -d '\n' >$@

STUB := /usr/lib/systemd/boot/efi/linuxx64.efi.stub

$(O)/bulkhead.efi: $(BZIMAGE) $(KERNEL_GATE) $(O)/initrd $(O)/cmdline build/boot/os-release $(EPOCH)
	$(call note,UKI,$@)
	$(Q)ukify build --linux=$(BZIMAGE) --initrd=$(O)/initrd --cmdline=@$(O)/cmdline --os-release=@build/boot/os-release \
		--uname="$$(build/kernel-release $(BZIMAGE))" --efi-arch=x64 --stub=$(STUB) --output=$@ >$(O)/ukify.log 2>&1 || \
		{ cat $(O)/ukify.log; exit 1; }

# -- disk --
$(O)/bulkhead.img: $(O)/bulkhead.efi $(BZIMAGE) $(O)/initrd $(O)/cmdline build/disk build/boot/grub.cfg build/boot/loader.conf $(EPOCH)
	$(call note,DISK,$@)
	$(Q)O=$(O) build/disk $@

# -- the container images of `make run`, the tests and the benchmarks --
define guest
$(O)/$(1).tar: build/lock/$(2).lock build/unpack build/guest/$(3) build/guest/lib.sh $(4) $(EPOCH)
	$$(call note,GUEST,$$@)
	$$(Q)O=$(O) build/guest/$(3) $$@
endef
$(eval $(call guest,guest,guest,make,build/guest/init))
$(eval $(call guest,system,system,system,build/guest/web.service))
$(eval $(call guest,node,node,node,build/guest/server.js))
$(eval $(call guest,install,node,install,build/guest/server.js build/lock/guest.lock))
$(eval $(call guest,database,database,database,))

# -- the same bits twice --
.PHONY: test-reproducible
test-reproducible: $(BZIMAGE) $(O)/bulkhead.img $(O)/bin/bulkhead $(O)/guest.tar
	$(Q)O=$(O) REPRODUCE_KERNEL=1 tests/run reproducible/
