#!/bin/bash
# The power goes the moment a container was acknowledged. After the next unlock it is there, running, and its URL answers; who reaches the host's SSH is
# as it was set, too, from the first moment; and so is what the container may send.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh

boot_begin power-cut
base_copy
export CACHE=writeback # what the guest flushed is on the disk, what it did not is lost
DOMAIN=box1.test TOKEN=
watch() { # from the first moment
	recording object-add "\"qom-type\":\"filter-dump\",\"netdev\":\"net0\",\"file\":\"$LOGS/boot.pcap\","
	knock >"$LOGS/answers" &
	knocker=$!
}
bring_up() { # WHEN [no-ssh]
	machine_start uefi
	[ "${2:-}" = "" ] || watch
	wait_unlock_ssh 180 || give_up "$1: the agent answers over SSH"
	unlock_stdin "$PASSPHRASE"
	is "$UNLOCK_STATUS" 0 "$1: unlocked"
	[ "${2:-}" = no-ssh ] || wait_admin_ssh 180 || give_up "$1: the system answers over SSH"
	wait_until 240 api_up || give_up "$1: the API answers"
	pass "$1: the API answers"
}
bring_up 'before the cut'
wait_until 60 token_mint || give_up 'a token'
TOKEN=$(cat "$M/token")
api POST '/images?name=guest' -T "$O/guest.tar" -H 'Content-Type: application/x-tar' --max-time 300
answers 201 'an image is acknowledged'
DIGEST=$(field .digest)
api_json POST /realms '{"name":"r"}'
api_json POST /projects "{\"name\":\"p\",\"realm\":\"$(field .id)\"}"
PROJECT=$(field .id)
container_start stays
answers 201 'a container is acknowledged'
stays=$ID stays_url=$URL
container_start goes
goes=$ID
api DELETE "/containers/$goes"
answers 204 'another one is deleted'
# Sends all the time, from its first moment on, and may not.
container_start sends '{"command":["/bin/busybox","sh","-c","while :; do /bin/busybox ping -c 1 -W 1 203.0.113.7 >/dev/null; echo tried; done"]}'
sends=$ID
answers 201 'one that sends'
api_json PUT "/containers/$sends/firewall" '{"egress":"none"}'
answers 200 'and may not'
api_json PUT '/host/access?force=true' '{"ssh":["192.0.2.0/24"]}'
answers 200 'SSH is limited to networks that we are not in'
container_start last
last=$ID status=$STATUS
machine_kill
is "$status" 201 'one more is acknowledged, and the power goes at once'

# Until the lists are opened below, all is recorded that the host sends, and its SSH is tried without a break.
recording() { machine_qmp "{\"execute\":\"$1\",\"arguments\":{$2\"id\":\"boot\"}}" >/dev/null; } # VERB ARGUMENTS
sent() { LC_ALL=C grep -aqP '\xcb\x00\x71\x07' "$LOGS/boot.pcap"; } # to 203.0.113.7
knock() {
	while :; do
		timeout 2 bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT_ADMIN; head -c 4 <&3" 2>/dev/null && echo
		echo - >>"$LOGS/knocks"
		sleep 0.05
	done
}
knocking() { [ "$(wc -l <"$LOGS/knocks")" -gt 5 ]; }
bring_up 'after the cut' no-ssh
refuses 'SSH does not answer us' wait_admin_ssh 6
refuses 'nor did it in any moment of the boot' grep -q SSH "$LOGS/answers"
runs 'though it was asked' knocking
api GET "/containers/$sends/console"
like "$BODY" tried 'the container that may not send has tried'
refuses 'and nothing of it left the host' sent
api_json PUT /host/access '{}'
answers 200 'it is opened'
runs 'and answers' wait_admin_ssh 60
answered() { grep -q SSH "$LOGS/answers"; }
runs 'also him who asks all the time' wait_until 20 answered
kill "$knocker"
api_json PUT "/containers/$sends/firewall" '{}'
runs 'what the container sends leaves the host when it may' wait_until 20 sent
recording object-del ''
api GET "/containers/$stays"
answers 200 'the container is there'
runs 'and running again' wait_state "$stays" running 60
runs 'the last one, too' wait_state "$last" running 60
api GET "/containers/$goes"
refused 404 not_found - 'the deleted one is not'
wait_until 30 web_up "$stays_url" || true
web "$stays_url"
is "$STATUS $BODY" '200 hello from bulkhead' 'its URL answers as before'
api GET /images
is "$(field '.items[0].digest')" "$DIGEST" 'the image is whole'
os_poweroff 'poweroff over SSH: clean'
log_is_clean
finish
