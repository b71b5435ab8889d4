# kernel/kernel.mk - the kernel, its firmware and CPU microcode, and what is checked about it.
#
#   make kernel             $(O)/kernel/{bzImage,config,System.map} from the cache (kernel/cached compiles what is not there), and the gate
#   make kernel-gate        kernel/gate: hardening of configuration, command line and sysctls against kernel/waivers
#   make kernel-reproduce   kernel/reproduce: compiles it a second time, compares, and records what came out; once for each set of inputs

KERNEL := $(O)/kernel
KERNEL_HASH := $(shell kernel/hash)
KERNEL_STAMP := $(KERNEL)/from-$(KERNEL_HASH)
MICROCODE := $(KERNEL)/microcode.cpio
FIRMWARE := $(KERNEL)/firmware

.PHONY: kernel kernel-gate kernel-reproduce
kernel: $(KERNEL)/bzImage kernel-gate

$(KERNEL)/bzImage $(KERNEL)/config $(KERNEL)/System.map: $(KERNEL_STAMP) ;

# The stamp is made first, so that the files are newer than it.
$(KERNEL_STAMP):
	$(call note,KERNEL,$(KERNEL_HASH))
	$(Q)mkdir -p $(KERNEL)
	$(Q)dir=$$(kernel/cached); rm -f $(KERNEL)/from-*; touch $@; cp $$dir/bzImage $$dir/config $$dir/System.map $(KERNEL)/

$(MICROCODE) $(FIRMWARE) &: kernel/blobs kernel/microcode kernel/microcode-left-out kernel/firmware build/lock/sources.lock
	$(call note,BLOBS,$(FIRMWARE) $(MICROCODE))
	$(Q)mkdir -p $(KERNEL)
	$(Q)kernel/blobs $(KERNEL)
	$(Q)touch $(FIRMWARE)

# What is packed has passed: build/image.mk asks for the stamp.
KERNEL_GATE := $(KERNEL)/gate
kernel-gate: $(KERNEL_GATE)
$(KERNEL_GATE): $(KERNEL)/config kernel/gate kernel/waivers kernel/cmdline kernel/sysctl.conf kernel/config/hardening
	$(call note,GATE,kernel/gate)
	$(Q)kernel/gate >$@.new || { grep -v '^ok' $@.new; exit 1; }
	$(Q)grep '^#' $@.new; mv $@.new $@

kernel-reproduce: $(KERNEL)/bzImage
	$(Q)kernel/reproduce
