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

# Every key slot is gone, as after a luksErase; the header itself is sound.
dd if="$M/disk.img" of="$M/header" bs=1M iflag=skip_bytes skip="$data" count=32 status=none
cryptsetup -q erase "$M/header"
is "$(cryptsetup luksDump --dump-json-metadata "$M/header" | jq '.keyslots | length')" 0 'the key slots are erased'
dd if="$M/header" of="$M/disk.img" bs=1M oflag=seek_bytes seek="$data" conv=notrunc status=none
rm -f "$M/header"
machine_start uefi
wait_unlock_ssh 180 || give_up 'no key slot: the agent answers over SSH'
is "$(agent_status .state)" no_key_slot 'status: no_key_slot'
unlock_stdin "$PASSPHRASE"
is "$UNLOCK_STATUS" 12 "unlock: no key slot, 12: $UNLOCK_OUTPUT"
status=0
printf '%s\n' "$PASSPHRASE" | unlock_ssh enroll --wipe >/dev/null 2>&1 || status=$?
is "$status" 12 'enroll --wipe does not erase what this installation encrypted'
agent_poweroff 'poweroff by the agent: clean'

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
is "$(agent_status .state)" corrupt 'status: corrupt, it does not pass for a new disk'
unlock_stdin "$PASSPHRASE"
is "$UNLOCK_STATUS" 14 "unlock: the header is damaged, 14: $UNLOCK_OUTPUT"
status=0
printf '%s\n' "$PASSPHRASE" | unlock_ssh enroll --wipe >/dev/null 2>&1 || status=$?
isnt "$status" 0 'enroll --wipe does not format over it'
agent_poweroff 'poweroff by the agent: clean'
log_is_clean
finish
