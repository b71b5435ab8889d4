#!/bin/bash
# The disk that was flashed and enrolled under UEFI boots under a BIOS: one image for both. And a fresh disk enrols under it, from the console.
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh

boot_begin bios
base_overlay
machine_start bios
wait_unlock_ssh 240 || give_up 'the agent answers over SSH'
pass 'the agent answers over SSH'
is "$(agent_status .state)" locked 'status: locked'
unlock_stdin 'surely a wrong one'
is "$UNLOCK_STATUS" 10 'wrong passphrase: 10'
unlock_stdin "$PASSPHRASE"
is "$UNLOCK_STATUS" 0 'the right passphrase: 0'
wait_admin_ssh 180 || give_up 'the system answers over SSH'
pass 'the system answers over SSH'
unlike "$(admin_ssh status </dev/null | jq -r '.boot.kernel_command_line')" 'initrd=' 'GRUB started it, with the same command line'
os_poweroff 'poweroff over SSH: clean'
log_is_clean

# -- a first boot under BIOS, by the console alone --
machine_config '.ssh.keys = []'
runs 'a disk without any SSH key is flashed' machine_flash 3G
machine_start bios
runs 'the console says that no key may unlock' console_wait 'no SSH key may unlock' 240
runs 'and asks whether to set a passphrase' console_wait "Type 'yes'" 30
console_mark
console_send 'yes\n'
runs 'it asks for a new one' console_wait 'New passphrase' 30
console_send "$PASSPHRASE\n"
runs 'twice' console_wait 'The same again' 30
console_mark
console_send 'something else entirely\n'
runs 'two that differ are refused' console_wait 'the two differ' 30
runs 'and a new one is asked for again' console_wait 'New passphrase' 30
console_mark
console_send "$PASSPHRASE\n"
runs 'twice, again' console_wait 'The same again' 30
console_send "$PASSPHRASE\n"
runs 'the recovery key is shown' console_wait 'recovery key: ([0-9a-z]{6}-){7}[0-9a-z]{6}' 180
runs 'the system starts' console_wait 'bulkheadd|haproxy|dropbear|the system starts' 120
button_poweroff 'the power button: clean power-off'
log_is_clean
finish
