#!/bin/bash
# A hundred connections that never log in keep nobody out: neither from unlocking, nor from administering. They come from the owner's own address, which is
# the worst place: from another one the owner pushes them out.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh

boot_begin ssh-crowd
base_overlay
machine_start uefi
wait_unlock_ssh 180 || give_up 'the agent answers over SSH'
pass 'the agent answers over SSH'

crowd=()
crowd_come() { # PORT
	local fd
	for _ in {1..100}; do
		exec {fd}<>"/dev/tcp/127.0.0.1/$1" || continue
		crowd+=("$fd")
	done
	sleep 2
}
crowd_go() {
	local fd
	for fd in "${crowd[@]}"; do exec {fd}>&-; done
	crowd=()
}

crowd_come "$PORT_UNLOCK"
is "$(agent_status .state)" locked 'a status comes through a crowd at the door'
is "$(agent_status .state)" locked 'and another one'
unlock_stdin "$PASSPHRASE"
is "$UNLOCK_STATUS" 0 'the owner unlocks'
crowd_go
wait_admin_ssh 180 || give_up 'the system answers over SSH'
pass 'the system answers over SSH'
crowd_come "$PORT_ADMIN"
sleep 10 # for the firewall, which lets a source come ten times a second
runs 'the admin comes through as well' admin_ssh status </dev/null
crowd_go
os_poweroff 'the machine goes off'
log_is_clean
finish
