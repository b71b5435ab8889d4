#!/bin/bash
# The daemon killed right before each thing that it changes on the way to a container, out of it, and to an image: it comes back by itself, what was not
# acknowledged can be deleted, and no mount, link, cgroup or file is left of it. tests/fault/fault.c kills; the machine is the image's, with its kernel, its
# programs and its disk.
# FAULTS=all tries every change, FAULTS=100 those from the hundredth on; else some in each run: different ones, by the minute.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
boot_begin fault
DOMAIN=box1.test
base_overlay
MEMORY=3072 machine_start bios -kernel "$PWD/$O/kernel/bzImage" -initrd "$PWD/$O/tests/fault/initrd" -append "$(cat "$O/cmdline") printk.devkmsg=on"
wait_unlock_ssh 180 || bail 'the machine does not boot'
unlock_stdin "$PASSPHRASE"
is "$UNLOCK_STATUS" 0 'the machine is unlocked'
runs 'its system starts' wait_admin_ssh 180
runs 'and gives a token' wait_until 120 token_mint
TOKEN=$(cat "$M/token")
runs 'the API answers' wait_until 90 api_up
api POST '/images?name=guest' -T "$O/guest.tar" -H 'Content-Type: application/x-tar' --max-time 300
answers 201 'an image'
DIGEST=$(field .digest)
api_json POST /realms '{"name":"r"}'
REALM=$(field .id)
api_json POST /projects "{\"name\":\"p\",\"realm\":\"$REALM\"}"
PROJECT=$(field .id)
container_start steward
steward=$ID
answers 201 'a container that brings orders'

ordered() { # WORD
	api_json POST "/containers/$steward/exec" "{\"command\":[\"true\",\"FAULT=$1\"]}"
	[ "$STATUS $(field .exit_code)" = '200 0' ]
}
# What the console says from now on, without what comes before a word's first appearance.
heard() { tail -c +"$((heard + 1))" "$M/console.log" | tr -d '\000\r' | sed -n 's/.*fault: //p'; }
order() { # WORD, what it says last: OUTPUT
	heard=$(stat -c %s "$M/console.log")
	wait_until 120 ordered "$1" || return 1
	wait_until 20 sh_heard "$2" || return 1
	OUTPUT=$(heard)
}
sh_heard() { heard | grep -q "$1"; }
others() { api GET '/containers?limit=200' && OTHERS=$(field ".items[] | select(.id != \"$steward\") | .id"); }
cleared() {
	others && [ "$STATUS" = 200 ] || return 1
	local id
	for id in $OTHERS; do
		api DELETE "/containers/$id"
	done
	others && [ "$STATUS$OTHERS" = 200 ]
}
images_cleared() {
	local id
	api GET '/images?limit=200'
	[ "$STATUS" = 200 ] || return 1
	for id in $(field '.items[] | select(.name != "guest") | .id'); do
		api DELETE "/images/$id"
	done
	api GET '/images?limit=200'
	[ "$(field '.items | length')" = 1 ]
}

# What is done, and killed meanwhile. Each begins and ends with nothing but the steward.
create_do() { container_start victim; }
delete_before() {
	container_start victim
	[ "$STATUS" = 201 ]
}
delete_do() { others && api DELETE "/containers/$OTHERS"; }
import_do() { api POST '/images?name=other' -T "$LOGS/other.tar" -H 'Content-Type: application/x-tar'; }
mkdir -p "$LOGS/other/etc/deep/er"
head -c 100000 /dev/urandom >"$LOGS/other/etc/deep/er/file"
ln -s er/file "$LOGS/other/etc/deep/link"
tar -C "$LOGS/other" -cf "$LOGS/other.tar" etc

cleared_all() { wait_until 120 cleared && wait_until 60 images_cleared; }

try() { # NAME MOMENT N WHOM: 0 if nothing is left
	! declare -F "$1_before" >/dev/null || wait_until 60 "$1_before" || { diag "$1 $3: not begun: $STATUS $BODY"; return 1; }
	order "$2:$3:$4" killed || { diag "$1 $3: no order"; return 1; }
	[ "$2" != api ] || sleep 0.7 # what the order itself leaves behind does not count
	"$1_do"
	local said="$STATUS ${BODY:0:200}"
	order none killed || { diag "$1 $3: the daemon does not come back"; return 1; }
	echo "$OUTPUT, answered $said" >"$LOGS/step"
	cleared_all || { diag "$1 $3: cannot be cleared: $STATUS $BODY"; return 1; }
	order compare '^compared' || { diag "$1 $3: no comparison"; return 1; }
	[ "$OUTPUT" = compared ] || { diag "$1 $3: $OUTPUT"; return 1; }
}

steps() { # NAME MOMENT WHOM COUNT: kills at COUNT of its changes, or at all
	local name=$1 moment=$2 whom=$3 total n step first
	order mark '^marked'
	runs "$name: nothing is left when nobody is killed" try "$name" "$moment" 0 "$whom"
	total=$(sed -n 's/^nobody was killed, \([0-9]*\) changes.*/\1/p' "$LOGS/step")
	like "$total" '^[1-9][0-9]*$' "$name: it changes things, $total times"
	step=$(((total + $4 - 1) / $4))
	[ -z "${FAULTS:-}" ] && [ "$step" -gt 0 ] || step=1
	first=$((1 + $(date +%s) / 60 % step))
	case ${FAULTS:-all} in all) ;; *) first=$FAULTS ;; esac
	for ((n = first; n <= total; n += step)); do
		runs "$name: killed before change $n of $total ($moment, $whom)" try "$name" "$moment" "$n" "$whom"
		diag "$(cat "$LOGS/step")"
		order mark '^marked' # what was left once is told once
	done
}

# Whole daemons are back sooner than an engine that its supervisor sees die again and again.
steps create start d 7
steps create start e 2
steps create api s 3
steps delete revoke d 5
steps delete api s 3
steps import import d 3
steps import api s 2
finish
