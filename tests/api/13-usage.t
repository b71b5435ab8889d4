#!/bin/bash
# What containers take: figures of one, and of all for Prometheus, that follow what the container does.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

lab_start busy '{"limits":{"memory_max":134217728,"swap_max":0,"pids_max":100,"disk_max":104857600,"cpu_percent":50}}'
busy=$LAB
runs 'a container' wait_until 60 lab_up
usage() { api GET "/containers/$busy/usage"; }
usage
answers 200 'its usage'
first=$BODY
cmp_ok "$(field .memory.bytes)" -gt 100000 'some memory'
cmp_ok "$(field .memory.bytes)" -le 134217728 'and not more than it may have'
cmp_ok "$(field .pids)" -ge 1 'a process at least'
is "$(field '.pressure.memory.full.avg10 | type')" number 'pressure'

api_json POST "/containers/$busy/exec" "$(jq -cn '{timeout: 300, command: ["sh", "-c",
	"i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; head -c 20000000 /dev/urandom >/srv/big; sync; sleep 300 & sleep 301 &"]}')" --max-time 320
is "$(field .exit_code)" 0 'it is busy for a while'
usage
grown() { # FILTER LEAST
	cmp_ok "$(($(field "$1") - $(jq "$1" <<<"$first")))" -ge "$2" "$1 has grown by $2 at least"
}
grown .cpu.total_us 100000
grown .disk.bytes 20000000
grown .disk.files 1
grown .pids 2
grown .io.bytes_written 1000000
cmp_ok "$(field .disk.bytes)" -lt 40000000 'and what is not its own is not counted'
grown .cpu.throttled_us 1
grown .pressure.cpu.some.total_us 1
lab 'rm /srv/big; sync' >/dev/null
smaller() { usage && [ "$(field .disk.bytes)" -lt 5000000 ]; }
runs 'what is deleted counts no more' wait_until 60 smaller

# -- for Prometheus --
sample() { # METRIC: of busy
	sed -nE "s/^bulkhead_container_$1\{container=\"$busy\",name=\"busy\",project=\"$PROJECT\",realm=\"$REALM\"\} //p" <<<"$BODY"
}
api GET /metrics
answers 200 'metrics'
like "$HEADERS" '[Cc]ontent-[Tt]ype: text/plain; version=0.0.4' 'of the format that Prometheus reads'
is "$(sample running)" 1 'it runs'
cmp_ok "$(sample memory_bytes)" -gt 100000 'its memory'
like "$(sample cpu_seconds_total)" '^[0-9]+\.[0-9]{6}$' 'its CPU time in seconds'
is "$(grep -vcE '^(# (HELP|TYPE) bulkhead_container_[a-z_]+ .+|bulkhead_container_[a-z_]+\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\} [0-9.]+)$' <<<"$BODY")" 0 \
	'each line is well-formed'
is "$(grep -c '^# TYPE' <<<"$BODY")" "$(grep '^# TYPE' <<<"$BODY" | sort -u | wc -l)" 'each metric is declared once'

# -- who may --
admin=$TOKEN
api_json POST /realms '{"name":"others"}'
others=$(field .id)
api_json POST /tokens "{\"name\":\"other\",\"role\":\"reader\",\"realms\":[\"$others\"]}"
stranger=$(field .token) stranger_id=$(field .id)
TOKEN=$stranger
usage
refused 404 not_found - 'a reader of another realm sees no usage'
api GET /metrics
is "$STATUS $(grep -c "$busy" <<<"$BODY")" '200 0' 'nor metrics of it'
TOKEN=$admin
api DELETE "/tokens/$stranger_id"
api DELETE "/realms/$others"

api POST "/containers/$busy/stop?timeout=0"
usage
is "$STATUS $(field '[.cpu.total_us, .memory.bytes, .pids] | map(tostring) | join(" ")')" '200 0 0 0' 'one that is stopped takes nothing'
cmp_ok "$(field .disk.bytes)" -gt 0 'but its place on the disk'
api GET /metrics
is "$(sample running)" 0 'and is told as stopped'
api DELETE "/containers/$busy"
usage
refused 404 not_found - 'one that is gone has none'
finish
