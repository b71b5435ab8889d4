#!/bin/bash
# No network card: the console says so, and unlocks.
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh

boot_begin no-network
base_overlay
NET=none machine_start uefi
runs 'the console asks for the passphrase' console_wait 'Passphrase: ' 180
runs 'and says that there is no network port' console_wait 'no (network|Ethernet)|no port' 30
console_send "$PASSPHRASE\n"
runs 'unlocked' console_wait 'the system starts' 120
runs 'the system runs' machine_running
button_poweroff 'the power button: clean power-off'
log_is_clean
finish
