#!/bin/bash
# The power goes the moment a container was acknowledged. After the next unlock it is there, running, and its URL answers; who reaches the host's SSH is
# as it was set, too.
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
bring_up() { # WHEN [no-ssh]
	machine_start uefi
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
api_json PUT '/host/access?force=true' '{"ssh":["192.0.2.0/24"]}'
answers 200 'SSH is limited to networks that we are not in'
container_start last
last=$ID status=$STATUS
machine_kill
is "$status" 201 'one more is acknowledged, and the power goes at once'

bring_up 'after the cut' no-ssh
refuses 'SSH does not answer us' wait_admin_ssh 6
api_json PUT /host/access '{}'
answers 200 'it is opened'
runs 'and answers' wait_admin_ssh 60
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
