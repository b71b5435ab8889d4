#!/bin/bash
# Damaged LUKS headers: each its own answer, and the agent waits on. Nothing is ever formatted over them.
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh

boot_begin corrupt
base_copy
data=$(partition_start bulkhead-data)
junk() { # OFFSET SIZE: writes over the data partition
	head -c "$2" /dev/urandom | dd of="$M/disk.img" bs=512 seek=$(((data + $1) / 512)) conv=notrunc status=none
}

# LUKS2 keeps two copies of the header, each 16 KiB with its JSON area; the first is at 0, the second at 16 KiB.
junk 4096 12288
junk 20480 12288
machine_start uefi
wait_unlock_ssh 180 || give_up 'the agent answers over SSH'
pass 'both JSON areas damaged: the agent answers over SSH'
is "$(agent_status .state)" corrupt 'status: corrupt'
unlock_stdin "$PASSPHRASE"
is "$UNLOCK_STATUS" 14 'unlock: the header is damaged, 14'
like "$UNLOCK_OUTPUT" 'damaged|header' "and says so: $UNLOCK_OUTPUT"
status=0
printf '%s\n' "$PASSPHRASE" | unlock_ssh enroll >/dev/null 2>&1 || status=$?
isnt "$status" 0 'enroll does not format over it'
is "$(agent_status .state)" corrupt 'the agent waits on'
agent_poweroff 'poweroff by the agent: clean'

# The whole header area is gone, as after a careless dd; the partition table still tells what was there.
junk 0 65536
machine_start uefi
wait_unlock_ssh 180 || give_up 'the agent answers over SSH'
pass 'header overwritten: the agent answers over SSH'
isnt "$(agent_status .state)" new 'it does not pass for a new disk'
unlock_stdin "$PASSPHRASE"
like "$UNLOCK_STATUS" '^1[14]$' "unlock: $UNLOCK_STATUS, $UNLOCK_OUTPUT"
status=0
printf '%s\n' "$PASSPHRASE" | unlock_ssh enroll >/dev/null 2>&1 || status=$?
isnt "$status" 0 'enroll does not format over it'
agent_poweroff 'poweroff by the agent: clean'
log_is_clean
finish
