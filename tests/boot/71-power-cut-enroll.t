#!/bin/bash
# The power goes in the middle of an enrolment, while the key is derived. The next boot starts over: nothing was promised yet.
# shellcheck disable=SC2119 # the default config
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh

boot_begin power-cut-enroll
export CACHE=writeback # what the guest flushed is on the disk, what it did not is lost
machine_config
runs 'the image is flashed' machine_flash 3G
machine_start uefi
wait_unlock_ssh 180 || give_up 'the agent answers over SSH'
is "$(agent_status .state)" new 'status: first boot'
printf '%s\n' 'a passphrase that is lost' | unlock_ssh enroll >"$M/first.out" 2>&1 &
client=$!
runs 'an enrolment derives its key' wait_until 120 grep -q 'deriving the key' "$M/first.out"
machine_kill
wait "$client" || true
unlike "$(cat "$M/first.out")" 'recovery key:' 'the power goes before the recovery key is shown'

machine_start uefi
wait_unlock_ssh 180 || give_up 'after the cut: the agent answers over SSH'
is "$(agent_status .state)" new 'after the cut: status: a first boot again'
like "$(agent_status .message)" 'cut short' 'after the cut: and it says why'
unlock_stdin 'a passphrase that is lost'
is "$UNLOCK_STATUS" 11 'after the cut: there is nothing to unlock, 11'
status=0
printf '%s\n' "$PASSPHRASE" | unlock_ssh enroll >"$M/enroll.out" 2>"$M/enroll.err" || status=$?
is "$status" 0 'after the cut: enrol again: 0'
like "$(cat "$M/enroll.out")" 'recovery key: ([0-9a-z]{6}-){7}[0-9a-z]{6}' 'after the cut: a recovery key is shown'
wait_admin_ssh 180 || give_up 'the system answers over SSH'
pass 'the system answers over SSH'
os_poweroff 'poweroff over SSH: clean'
log_is_clean
finish
