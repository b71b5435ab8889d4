# daemon/door/door.mk - bulkhead-door: in front of the SSH server, in the boot agent's world and in the OS.

$(eval $(call program,bulkhead-door,$(sort $(wildcard daemon/door/*.c)) $(addprefix daemon/lib/,error.c fd.c log.c loop.c),))
