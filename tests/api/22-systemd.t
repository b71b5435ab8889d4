#!/bin/bash
# A whole system: systemd as a container's init. It comes up without a failed unit, manages its services, and ends as asked, by its own means or in time.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

api POST "/images?name=system&realm=$REALM" -T "$O/system.tar" -H 'Content-Type: application/x-tar' --max-time 300
answers 201 'an image with systemd is taken'
image=$(field .id)
api_json POST /containers "{\"project\":\"$PROJECT\",\"image\":\"$image\",\"name\":\"system\",\"limits\":{\"memory_max\":268435456}}" --max-time 120
answers 201 'a container of it is made'
box=$(field .id) url=$(field .url)
path="/containers/$box"
is "$(field .state)" running 'and runs'
served() { web "$url" && [ "$BODY" = 'hello from a system' ]; }
runs 'its service answers at its URL' wait_until 120 served
run() { # SCRIPT: its output in OUT
	api_json POST "$path/exec" "$(jq -cn --arg s "$1" '{command: ["/bin/sh", "-c", $s], timeout: 100}')" --max-time 120
	OUT=$(field '.stdout.data + .stderr.data')
}
settled() { run 'systemctl is-system-running'; [ "${OUT%$'\n'}" = running ]; }
runs 'systemd says that all of it is up' wait_until 120 settled
run 'systemctl list-units --failed --plain --no-legend'
is "$OUT" '' 'no unit has failed'
run 'cat /proc/1/comm; systemctl is-active web.service dbus.service systemd-journald.service | sort | uniq -c; hostname'
is "$(tr -s ' \n' ' ' <<<"$OUT")" 'systemd 3 active system ' 'its init is systemd, with its bus and its journal'
run 'journalctl -u web.service --no-pager | grep -c "Started web.service"'
is "$OUT" 1 'the journal has what happened'
api GET "$path/console"
like "$BODY" 'Multi-User|multi-user' 'the console shows how it came up'
run 'systemctl restart web.service && sleep 1 && systemctl is-active web.service && cat /var/log/web'
is "$(tr '\n' ' ' <<<"$OUT")" 'active started ended started ' 'a service is restarted'
run 'systemd-run --wait --pipe -q -p MemoryMax=20M sh -c "cat /sys/fs/cgroup\$(sed s/0::// /proc/self/cgroup)/memory.max"'
is "$OUT" 20971520 'a unit has limits of its own, below those of the container'
run 'systemctl show -p Virtualization --value; systemd-detect-virt --container; id messagebus | cut -d" " -f1 | grep -c uid='
is "$(tr '\n' ' ' <<<"$OUT")" 'lxc lxc 1 ' 'it knows that it is a container, and has made its users'

# -- ends --
begin=$SECONDS
api POST "$path/stop?timeout=60" --max-time 100
is "$STATUS $(field .state)" '200 stopped' 'it is stopped'
cmp_ok $((SECONDS - begin)) -lt 55 'by itself, before its time is over'
api POST "$path/start?wait=true" --max-time 100
runs 'it starts again' wait_until 120 served
run 'tr "\n" " " </var/log/web'
is "$OUT" 'started ended started ended started ' 'its services had been asked to end'
api POST "$path/restart?timeout=60" --max-time 150
runs 'it is restarted' wait_until 120 served
run 'mkdir -p /run/systemd/system/web.service.d; printf "[Service]\nExecStop=/bin/sleep 600\nTimeoutStopSec=500\n" >/run/systemd/system/web.service.d/slow.conf; systemctl daemon-reload'
begin=$SECONDS
api POST "$path/stop?timeout=5" --max-time 100
is "$STATUS $(field .state)" '200 stopped' 'one that does not end in time'
cmp_ok $((SECONDS - begin)) -lt 40 'is killed'
api POST "$path/start?wait=true" --max-time 100
runs 'it starts again' wait_until 120 served
run 'systemctl poweroff --no-block'
stopped() { api GET "$path" && [ "$(field .state)" = stopped ]; }
runs 'it can end itself' wait_until 90 stopped
api DELETE "$path"
answers 204 'it is deleted'
api DELETE "/images/$image"
answers 204 'and its image'
finish
