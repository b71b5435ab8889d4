#!/bin/bash
# A broken host config: said on the console and by status, and the machine is reached all the same, by DHCP, with the keys of the file.
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh

boot_begin bad-config
base_copy

# A misspelt key deep inside; flash would have refused it, so it is put on the ESP by hand.
machine_config '.interfaces = [{match: {name: "eth0"}, addresses: ["192.0.2.10/32"], gatway4: "192.0.2.1"}]'
refuses 'bulkhead flash refuses such a config' "$O/bin/bulkhead" flash --yes --config "$M/host.json" "$IMAGE" "$M/other.img"
esp_write "$M/host.json" bulkhead/host.json
machine_start uefi
wait_unlock_ssh 180 || give_up 'reached by DHCP all the same'
pass 'reached by DHCP all the same, with the key of the file'
like "$(agent_status '.config_errors | join(" ")')" 'interfaces\[0\]\.gatway4' 'status names the path of the unknown key'
like "$(console_since)" 'interfaces\[0\]\.gatway4' 'so does the console'
like "$(agent_status '[.interfaces[].addresses[]?] | join(" ")')" 'fe80::' 'there is link-local IPv6 as well'
SSH_KEY=$M/stranger refuses 'a broken config opens no door: the stranger is refused' unlock_ssh status
unlock_stdin "$PASSPHRASE"
is "$UNLOCK_STATUS" 0 'it unlocks'
wait_admin_ssh 180 || give_up 'the system answers over SSH'
like "$(admin_ssh status </dev/null | jq -c '.boot.config_errors')" 'gatway4' 'the boot record keeps the error'
os_poweroff 'poweroff over SSH: clean'

# Not JSON at all: no key can be read, so the console alone is left; it says what to do.
printf '{ "ssh": { "keys": [' >"$M/broken.json"
esp_write "$M/broken.json" bulkhead/host.json
machine_start uefi
runs 'the console says that it is not JSON, and where' console_wait 'host.json: .*line 1' 180
runs 'and asks for the passphrase' console_wait 'Passphrase: ' 30
console_send "$PASSPHRASE\n"
runs 'which works' console_wait 'the system starts' 120
button_poweroff 'the power button: clean power-off'
log_is_clean
finish
