#!/bin/bash
# The recovery key opens what the passphrase does; typed as from paper: other case, blanks for dashes.
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh

boot_begin recovery
base_overlay
machine_start uefi
wait_unlock_ssh 180 || give_up 'the agent answers over SSH'
key=$(cat "$BASE/recovery")
# One symbol off is wrong.
last=${key: -1}
other=2
[ "$last" != 2 ] || other=3
unlock_stdin "${key%?}$other"
is "$UNLOCK_STATUS" 10 'one symbol off: wrong passphrase, 10'
unlock_stdin "$(tr 'a-z-' 'A-Z ' <<<"$key")"
is "$UNLOCK_STATUS" 0 'the recovery key in capitals with blanks: 0'
diag "$UNLOCK_OUTPUT"
wait_admin_ssh 180 || give_up 'the system answers over SSH'
pass 'the system answers over SSH'
is "$(admin_ssh status </dev/null | jq -r '.boot.recovery_key_used')" true 'the boot record says so'
os_poweroff 'poweroff over SSH: clean'
log_is_clean
finish
