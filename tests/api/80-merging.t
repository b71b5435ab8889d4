#!/bin/bash
# Merging of equal memory pages: it happens, its figures are told, and `sharing` of a realm can be changed.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

lab_start merged '{"limits":{"memory_max":268435456,"swap_max":0}}'
merged=$LAB
runs 'a container' wait_until 60 lab_up
api GET "/containers/$merged/merging"
answers 200 'what merging brings it'
is "$(field '[.opted_in, .unprofitable] | map(tostring) | join(" ")')" 'true false' 'it takes part'
api GET /host
is "$(field '.ksm.realms | join(" ")')" "$REALM" 'the host tells whose pages are merged'
sharing=$(field .ksm.bytes_merged)

# 16 MiB of equal pages in the heap of a shell, each written once.
lab 'busybox setsid sh -c "x=\$(head -c 16777216 /dev/zero | tr \"\\0\" a); sleep 900; echo \${#x}" >/dev/null 2>&1 </dev/null &'
paid() {
	api GET "/containers/$merged/merging"
	[ "$(field '.bytes_merged >= 12582912 and .profit > 8388608')" = true ]
}
# Twice, since what makes the pages has a copy of them for a moment.
runs 'equal pages become one' wait_until 240 paid
runs 'and stay so' wait_until 240 paid
api GET "/containers/$merged/merging"
diag "its figures: $BODY"
is "$(field '.bytes_merged == (.pages_merged + .pages_zero) * 4096')" true 'bytes are pages'
saves() { api GET /host && [ "$(field .ksm.bytes_merged)" -ge $((sharing + 8388608)) ]; }
runs 'the host saves, too' wait_until 240 saves
api GET /host
diag "the host's: $(field .ksm)"
cmp_ok "$(field .ksm.scan_cpu_ms)" -gt 0 'and tells what looking for them costs'
# What is saved makes no room: its limit stands.
is "$(lab 'cat /sys/fs/cgroup/memory.max')" 268435456 'its limit is what it was'

api GET "/containers/$(printf '0%.0s' {1..24})/merging"
refused 404 not_found - 'no such container'
api_json PATCH "/realms/$REALM" '{"sharing":"all"}'
refused 400 - sharing 'a word that is none of the list'
api_json PATCH "/realms/$REALM" '{"sharing":"none"}'
answers 200 'the realm shares no more'
is "$(field .sharing)" none 'it says so'
api GET "/containers/$merged/merging"
is "$(field .opted_in)" true 'what runs keeps what it has'
api POST "/containers/$merged/stop?timeout=0"
api GET "/containers/$merged/merging"
is "$(field '[.opted_in, .processes, .pages_merged, .profit] | map(tostring) | join(" ")')" 'false 0 0 0' 'stopped, it has nothing'
api POST "/containers/$merged/start"
answers 200 'started again'
is "$(field .merge)" false 'it is left out'
runs 'it answers' wait_until 60 lab_up
like "$(lab 'cat /proc/self/ksm_stat')" 'ksm_merge_any: *no' 'also to the kernel'
api GET "/containers/$merged/merging"
is "$(field .opted_in)" false 'and to whoever asks'
api_json PATCH "/realms/$REALM" '{"sharing":"realm"}'
is "$(field .sharing)" realm 'shared again'
api DELETE "/containers/$merged"
answers 204 'it goes'
finish
