#!/bin/bash
# Ways out of a container, tried by a program inside, as its root (tests/hostile). Each is refused; the table with how is kept as
# hostile.txt beside the logs, and SECURITY.md has the same rows.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

program=$O/bin/hostile
"$program" table >"$LOGS/table"
is "$(grep -cFxf "$LOGS/table" SECURITY.md)" "$(wc -l <"$LOGS/table")" 'SECURITY.md has every row'
is "$(sed -n '/^| attempt |/,/^$/p' SECURITY.md | tail -n +3 | grep -c '^|')" "$(wc -l <"$LOGS/table")" 'and no other'

lab_start hostile '{"limits":{"memory_max":134217728,"swap_max":0,"pids_max":100,"disk_max":104857600}}'
hostile=$LAB
runs 'a container' wait_until 60 lab_up
program_put "$program" "$hostile"
api_json POST "/containers/$hostile/exec" '{"command":["/hostile"],"timeout":600}' --max-time 620
is "$STATUS $(field .timed_out)" '200 false' 'it tries everything'
field .stdout.data | grep . >"$LOGS/hostile.txt"
is "$(grep -c . "$LOGS/hostile.txt")" "$(wc -l <"$LOGS/table")" 'and tells of each'
while IFS=$'\t' read -r outcome attempt how by; do
	is "$outcome" refused "$attempt: refused ($how; $by)"
done <"$LOGS/hostile.txt"
[ -z "$(field .stderr.data)" ] || diag "$(field .stderr.data)"
cp "$LOGS/hostile.txt" "$O/tests/hostile.txt"

# The host and the container are what they were.
runs 'the container is still there' lab_up
api GET /host
answers 200 'so is the host'
api DELETE "/containers/$hostile"
answers 204 'it goes'
finish
