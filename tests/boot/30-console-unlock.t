#!/bin/bash
# The console asks at the same time as SSH: unlocked there, and the one who waits at an SSH prompt is told.
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh

boot_begin console
base_overlay
machine_start uefi
wait_unlock_ssh 180 || give_up 'the agent answers over SSH'
runs 'the console asks for the passphrase' console_wait 'Passphrase: ' 30

# A prompt on a terminal of its own, left open.
SSH_EXTRA=(-tt)
tail -f --pid=$$ /dev/null 2>/dev/null | SSH_TIMEOUT=600 unlock_ssh >"$M/prompt" 2>&1 &
prompt=$!
SSH_EXTRA=()
at_exit "kill $prompt 2>/dev/null"
runs 'a prompt over SSH asks at the same time' wait_until 30 grep -q 'Passphrase:' "$M/prompt"

console_mark
console_send 'wrong on the console\n'
runs 'a wrong passphrase on the console is refused there' console_wait 'wrong passphrase' 60
runs 'and asked again' console_wait 'Passphrase: $' 30
unlike "$(console_since)" 'wrong on the console' 'what is typed is not shown'

console_mark
console_send "$PASSPHRASE\n"
runs 'the right one on the console opens' console_wait 'unlocked; the system starts|unlocked by console' 120
runs 'the one at the SSH prompt is told who did it' wait_until 60 grep -q 'unlocked by console ttyS0' "$M/prompt"
unlike "$(tr -d '\000' <"$M/console.log")" "$PASSPHRASE" 'the passphrase is not on the console'
wait_admin_ssh 180 || give_up 'the system answers over SSH'
pass 'the system answers over SSH'
is "$(admin_ssh status </dev/null | jq -r '.boot.unlocked_by.via')" console 'the boot record says: console'
refuses 'no login, no shell on the console of the running system' console_wait '(login|#|\$) ?$' 3
os_poweroff 'poweroff over SSH: clean'
log_is_clean
finish
