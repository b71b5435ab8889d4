#!/bin/bash
# Disks that are not what they should be: one without room for data, and a machine that finds no boot disk at all.
# shellcheck disable=SC2119 # the default config
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh

# The image started from a disk that has no room: nothing can be enrolled, the answer says why.
boot_begin no-room
machine_config
rm -f "$M/disk.img" "$M/disk.qcow2" "$M/vars.fd" "$M/console.log" "$M/known_hosts"
cp --sparse=always "$IMAGE" "$M/disk.img"
truncate -s +64M "$M/disk.img"
esp_write "$M/host.json" bulkhead/host.json
machine_start uefi
wait_unlock_ssh 180 || give_up 'the agent answers over SSH'
pass 'a disk without room for data: the agent answers over SSH'
status=0
output=$(printf '%s\n' "$PASSPHRASE" | unlock_ssh enroll 2>&1) || status=$?
is "$status" 11 "enroll: no disk, 11 ($output)"
like "$output" 'room|large|small|free' 'and says what is missing'
unlock_stdin "$PASSPHRASE"
is "$UNLOCK_STATUS" 11 'unlock: 11'
agent_poweroff 'poweroff by the agent: clean'
log_is_clean

# Booted from a disk that is gone afterwards: kernel and initramfs by QEMU itself.
rm -f "$M/disk.img" "$M/console.log"
machine_start bios -kernel "$(realpath "$O/kernel/bzImage")" -initrd "$(realpath "$O/initrd")" -append "$(cat "$O/cmdline")"
runs 'no disk at all: the console says so' console_wait 'no boot disk' 180
runs 'the network comes up with defaults' console_wait 'unlock with: ssh|network comes up with defaults' 60
sleep 8
runs 'the agent is still there' machine_running
unlike "$(console_since)" 'panic|/ #' 'no panic, no shell'
# The power button means nothing to the agent, which may not be lost by it; pulling the plug is all that is left.
machine_kill
log_is_clean
finish
