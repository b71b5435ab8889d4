#!/bin/bash
# Static addresses as hosting firms give them: /32 and /128, with gateways that lie in no prefix of the port.
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh

boot_begin static-network
base_copy
machine_config '.interfaces = [{match: {mac: "52:54:00:12:34:56"}, addresses: ["10.0.2.15/32", "fec0::15/128"], gateway4: "10.0.2.2", gateway6: "fec0::2"}]'
esp_write "$M/host.json" bulkhead/host.json
machine_start uefi
wait_unlock_ssh 180 || give_up 'the agent answers over SSH, through its gateway'
pass 'the agent answers over SSH, through its gateway'
status=$(agent_status .)
is "$(jq -c .config_errors <<<"$status")" '[]' 'status: the host config is sound'
addresses=$(jq -r '[.interfaces[].addresses[]?] | join(" ")' <<<"$status")
like "$addresses" '(^| )10\.0\.2\.15/32( |$)' 'status: the IPv4 address'
like "$addresses" '(^| )fec0::15/128( |$)' 'status: the IPv6 address'
is "$(jq -r '.interfaces[0].dhcp' <<<"$status")" false 'status: no DHCP'
unlock_stdin "$PASSPHRASE"
is "$UNLOCK_STATUS" 0 'it unlocks'
wait_admin_ssh 180 || give_up 'the system keeps the network, and answers'
pass 'the system keeps the network, and answers'
os_poweroff 'poweroff over SSH: clean'
log_is_clean
finish
