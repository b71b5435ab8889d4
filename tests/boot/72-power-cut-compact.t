#!/bin/bash
# The power goes while a realm is compacted. Afterwards every file is whole, compacting goes on, and every file is whole still.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh

boot_begin power-cut-compact
base_copy
export CACHE=writeback # what the guest flushed is on the disk, what it did not is lost
DOMAIN=box1.test TOKEN=
bring_up() {
	machine_start uefi
	wait_unlock_ssh 180 || give_up "$1: the agent answers over SSH"
	unlock_stdin "$PASSPHRASE"
	is "$UNLOCK_STATUS" 0 "$1: unlocked"
	wait_admin_ssh 180 || give_up "$1: the system answers over SSH"
	wait_until 90 api_up || give_up "$1: the API answers"
	pass "$1: the API answers"
}
compact() { api_json POST "/realms/$REALM/compact" "{\"dry_run\":$1}" --max-time 300; }
package='mkdir -p /srv/pkg && cd /srv/pkg && for i in $(seq 400); do yes "file $i" | head -c 65536 >f$i || exit 1; done && sync && echo done'
sums='cd /srv/pkg && cat * | sha256sum && ls | wc -l'

bring_up 'before the cut'
wait_until 60 token_mint || give_up 'a token'
TOKEN=$(cat "$M/token")
api POST '/images?name=guest' -T "$O/guest.tar" -H 'Content-Type: application/x-tar' --max-time 300
DIGEST=$(field .digest)
api_json POST /realms '{"name":"r"}'
REALM=$(field .id)
api_json POST /projects "{\"name\":\"p\",\"realm\":\"$REALM\"}"
PROJECT=$(field .id)
declare -A id url
for name in one two; do
	lab_start "$name"
	id[$name]=$LAB url[$name]=$URL
	runs "container $name" wait_until 60 lab_up
	is "$(lab "$package" --max-time 180)" 'done' 'it installs a package'
	whole=$(lab "$sums")
	api POST "/containers/$LAB/stop?timeout=0"
done
like "$whole" '400$' 'of 400 files'
free=$(data_free)
# It is at work when the disk has more room; the cut comes then.
compact false >/dev/null 2>&1 &
at_exit "kill $! 2>/dev/null"
at_work() { [ "$(data_free)" -ge $((free + 1024 * 1024)) ]; }
wait_until 120 at_work || true
machine_kill
pass 'the power goes while it is at work, or has just ended'

bring_up 'after the cut'
check() {
	local name
	for name in one two; do
		api POST "/containers/${id[$name]}/start"
		LAB_URL=${url[$name]}
		wait_until 60 lab_up || true
		is "$(lab "$sums" --max-time 120)" "$whole" "$1: $name has every byte"
		api POST "/containers/${id[$name]}/stop?timeout=0"
	done
}
check 'after the cut'
compact false
is "$STATUS $(field .complete)" '200 true' 'compacting goes on'
diag "$BODY"
compact true
is "$(field .files)" 0 'and comes to its end'
check 'then'
os_poweroff 'poweroff over SSH: clean'
log_is_clean
finish
