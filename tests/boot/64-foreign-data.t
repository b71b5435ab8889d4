#!/bin/bash
# Disks that held something before. Nothing is erased unasked; 'enroll --wipe' erases what this installation has not encrypted.
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh

LINUX=0FC63DAF-8483-4772-8E79-3D69D8477DE4 LUKS=CA7D7CCB-63ED-4C53-861C-1742536059CC
AGAIN='another horse battery staple'
data_type() { sfdisk -J "$M/disk.img" | jq -r '.partitiontable.partitions[] | select(.name == "bulkhead-data") | .type'; }
put() { # FILE LABEL: writes FILE over the start of a partition
	dd if="$1" of="$M/disk.img" bs=64K oflag=seek_bytes seek="$(partition_start "$2")" conv=notrunc status=none
}
enroll() { # [--wipe]
	ENROLL_STATUS=0
	ENROLL_OUTPUT=$(printf '%s\n' "$AGAIN" | unlock_ssh enroll "$@" 2>&1) || ENROLL_STATUS=$?
}
enrolled() { # TEXT
	wait_admin_ssh 180 || give_up "$1: the system answers over SSH"
	like "$(admin_ssh status </dev/null 2>&1)" '"encrypted": *true' "$1: the system runs, with swap"
	os_poweroff "$1: poweroff over SSH: clean"
	is "$(data_type)" $LUKS "$1: the partition is marked as encrypted"
	log_is_clean
}

# -- as after flashing anew: the old header lies where data will be, and the new table does not know of it --
boot_begin foreign
base_copy
is "$(data_type)" $LUKS 'an enrolled disk is marked so in its partition table'
sfdisk -q --no-reread --part-type "$M/disk.img" 4 $LINUX
is "$(data_type)" $LINUX 'the mark is taken away'
machine_start uefi
wait_unlock_ssh 180 || give_up 'leftover: the agent answers over SSH'
is "$(agent_status .state)" locked 'leftover: it may be unlocked'
like "$(agent_status .message)" 'before the disk was flashed.*--wipe' 'leftover: the state says what it is, and what to do'
enroll
is "$ENROLL_STATUS" 2 "leftover: enroll alone is refused, 2: $ENROLL_OUTPUT"
is "$(agent_status .state)" locked 'leftover: and left as it was'
enroll --wipe
is "$ENROLL_STATUS" 0 'leftover: enroll --wipe: 0'
like "$ENROLL_OUTPUT" 'recovery key: ([0-9a-z]{6}-){7}[0-9a-z]{6}' 'leftover: there is a new recovery key'
enrolled leftover

# -- somebody else's file system on data, and swap space on swap --
base_copy
sfdisk -q --no-reread --part-type "$M/disk.img" 4 $LINUX
truncate -s 512M "$M/fs"
mkfs.xfs -q "$M/fs"
truncate -s 16M "$M/fs"
put "$M/fs" bulkhead-data
truncate -s 0 "$M/fs"
truncate -s 64M "$M/fs"
mkswap "$M/fs" >/dev/null 2>&1
truncate -s 64K "$M/fs"
put "$M/fs" bulkhead-swap
rm -f "$M/fs"
machine_start uefi
wait_unlock_ssh 180 || give_up 'foreign: the agent answers over SSH'
is "$(agent_status .state)" unusable 'foreign: the disk is not used'
like "$(agent_status .message)" 'type xfs.*--wipe' 'foreign: the state names what is there'
enroll
is "$ENROLL_STATUS" 11 "foreign: enroll alone is refused, 11: $ENROLL_OUTPUT"
enroll --wipe
is "$ENROLL_STATUS" 0 'foreign: enroll --wipe: 0'
enrolled foreign
finish
