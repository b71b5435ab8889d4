# rootfs/rootfs.mk - the running OS: one read-only erofs, of locked packages' files (rootfs/manifest names them), the files of
# rootfs/files, and our own programs.

# Every package of the lock, unpacked and never configured: where rootfs/manifest and initramfs/manifest take files from.
$(O)/debroot.stamp: build/lock/rootfs.lock build/unpack
	$(call note,UNPACK,rootfs.lock)
	$(Q)build/unpack build/lock/rootfs.lock $(O)/debroot
	$(Q)touch $@

$(O)/ca-certificates.crt: $(O)/debroot.stamp
	$(Q)cat $(O)/debroot/usr/share/ca-certificates/mozilla/*.crt >$@

ROOTFS_DEPS := $(O)/bin/bulkheadd $(O)/bin/bulkhead-boot $(O)/bin/bulkhead-door $(O)/bin/udhcpc-event $(O)/ca-certificates.crt $(shell find rootfs/files -type f -o -type d) $(wildcard kernel/sysctl.conf)

.PHONY: rootfs
rootfs: $(O)/root.erofs

# Data are compressed in pieces of 256 KiB: small in RAM, and quick enough for programs that are read once. The umask
# would show in the inode that holds the fragments.
$(O)/root.erofs: rootfs/manifest $(ROOTFS_DEPS) $(O)/debroot.stamp $(O)/epoch-$(SOURCE_DATE_EPOCH) build/collect
	$(call note,EROFS,$@)
	$(Q)O=$(O) build/collect $(O)/rootfs rootfs/manifest
	$(Q)rm -f $@
	$(Q)umask 022; mkfs.erofs --quiet -zzstd,level=9 -C1048576 -Efragments,ztailpacking -T"$$SOURCE_DATE_EPOCH" --all-time --all-root \
		-U b01c4ead-0000-4000-8000-0000000000ef -x-1 --workers=1 $@ $(O)/rootfs
