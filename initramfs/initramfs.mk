# initramfs/initramfs.mk - the agent (PID 1), the unlock client (prompt, forced command, login shell), and what udhcpc runs.

INITRAMFS_LIB := $(addprefix daemon/lib/,error.c fd.c log.c secret.c)
INITRAMFS_CLIENT := $(addprefix initramfs/,link.c passphrase.c prompt.c unlock.c)
INITRAMFS_EVENT := $(addprefix initramfs/,lease.c udhcpc_event.c)
INITRAMFS_AGENT := $(filter-out $(INITRAMFS_CLIENT) $(INITRAMFS_EVENT),$(sort $(wildcard initramfs/*.c)))
INITRAMFS_HOST := $(addprefix daemon/lib/,json.c hostcfg.c hostnet.c)
INITRAMFS_DISK := $(addprefix daemon/lib/,loop.c mount.c sshkey.c)

$(eval $(call program,bulkhead-init,$(INITRAMFS_AGENT) $(INITRAMFS_LIB) $(INITRAMFS_HOST) $(INITRAMFS_DISK),-lcryptsetup -lfdisk -lblkid -ljansson -lmnl -lcrypto))
$(eval $(call program,bulkhead-unlock,$(INITRAMFS_CLIENT) $(INITRAMFS_LIB),))
$(eval $(call program,udhcpc-event,$(INITRAMFS_EVENT) $(INITRAMFS_LIB) $(INITRAMFS_HOST),-ljansson -lmnl))

INITRAMFS_DEPS := $(addprefix $(O)/bin/,bulkhead-init bulkhead-unlock bulkhead-door udhcpc-event) $(shell find initramfs/files -type f)
