#!/bin/bash
# PATCH of a container: name, restart policy and limits, also while it runs; what is refused changes nothing.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

lab_start before '{"limits":{"memory_max":134217728,"swap_max":0,"pids_max":100,"disk_max":104857600}}'
box=$LAB
runs 'a container' wait_until 60 lab_up
lab_start neighbour
neighbour=$LAB neighbour_url=$LAB_URL
api GET "/containers/$box"
LAB=$box LAB_URL=$(field .url)
change() { api_json PATCH "/containers/$box" "$1"; }

change '{"limits":{"memory_max":67108864,"cpu_percent":50,"pids_max":60}}'
answers 200 'limits are changed while it runs'
is "$(field '.limits | [.memory_max, .swap_max, .disk_max, .cpu_percent, .cpu_weight, .pids_max] | map(tostring) | join(" ")')" \
	'67108864 0 104857600 50 100 60' 'those that were named'
is "$(lab 'cd /sys/fs/cgroup; cat memory.max cpu.max pids.max memory.swap.max' | tr '\n' ' ')" '67108864 50000 100000 60 0 ' 'and hold at once'
change '{"limits":{"memory_max":0,"cpu_percent":0}}'
is "$STATUS $(lab 'cd /sys/fs/cgroup; cat memory.max memory.high cpu.max' | tr '\n' ' ')" '200 max max max 100000 ' '0 is no limit'
change '{"limits":{"memory_high":33554432}}'
is "$STATUS $(field .limits.memory_high) $(lab 'cat /sys/fs/cgroup/memory.high')" '200 33554432 33554432' 'where memory is given back is its own to say'
change '{"limits":{"memory_max":25165824}}'
refused 400 invalid limits.memory_high 'which is not beyond all that it may have'
change '{"limits":{"memory_high":0}}'
is "$STATUS $(lab 'cat /sys/fs/cgroup/memory.high')" '200 max' 'and not at all'
lab 'head -c 30000000 /dev/urandom >/srv/big; sync' >/dev/null
change '{"limits":{"disk_max":41943040}}'
answers 200 'the disk limit, too'
is "$(lab 'head -c 30000000 /dev/urandom 2>/dev/null >/srv/more; echo $?; rm /srv/more')" 1 'it holds'

change '{"limits":{"cpus":"0","io_write_max":1000000}}'
answers 200 'CPUs and the rate of writing'
is "$(field '.limits | [.cpus, .io_read_max, .io_write_max] | map(tostring) | join(" ")')" '0 null 1000000' 'are shown'
is "$(lab 'cd /sys/fs/cgroup; cat cpuset.cpus.effective; cut -d" " -f2- io.max')" $'0\nrbps=max wbps=1000000 riops=max wiops=max' 'and hold'
begin=$SECONDS
api_json POST "/containers/$box/exec" '{"command":["sh","-c","head -c 8000000 /dev/urandom >/srv/slow; sync; rm /srv/slow"],"timeout":200}' --max-time 220
cmp_ok $((SECONDS - begin)) -ge 5 '8 MB at 1 MB a second take their time'
change '{"limits":{"cpus":"","io_write_max":0}}'
is "$STATUS $(lab 'cd /sys/fs/cgroup; cat cpuset.cpus.effective; cat io.max')" '200 0-1' 'and are taken away again'
for bad in 7 0-9 1-0 ',' '0,' a 0--1 0-; do
	change "{\"limits\":{\"cpus\":\"$bad\"}}"
	refused 400 invalid limits.cpus "CPUs '$bad'"
done

# -- labels --
change '{"labels":{"app":"web","tier/x":"1"},"start_order":7}'
is "$STATUS $(field '[.labels.app, .labels["tier/x"], .start_order] | map(tostring) | join(" ")')" '200 web 1 7' 'labels, and the order of starting'
found() { api GET "/containers?label=$1" && field '.items | map(.name) | join(" ")'; }
is "$(found app=web)$(found app)$(found app=db)$(found tier/x=1)" beforebeforebefore 'containers are found by them'
api GET '/containers?label=='
refused 400 invalid label 'a label without a name'
change '{"labels":{"a\"b":"x"}}'
refused 400 invalid - 'a name with a quote'
change '{"labels":{"a":7}}'
refused 400 invalid labels.a 'a value that is no text'
change '{"labels":{}}'
is "$STATUS $(field .labels) $(field .start_order)" '200 {} 7' 'they are replaced as a whole'

# -- refused --
kept() {
	api GET "/containers/$box"
	is "$(field '[.name, .restart, .limits.disk_max, .limits.pids_max] | map(tostring) | join(" ")')" 'before no 41943040 60' "$1: nothing is changed"
}
change '{"limits":{"disk_max":20000000}}'
refused 409 conflict limits.disk_max 'less disk than is in use'
kept 'disk'
# 40 MB that no page cache is.
api_json POST "/containers/$box/exec" '{"command":["sh","-c","head -c 40000000 /dev/urandom >/dev/shm/held"]}'
is "$(field .exit_code)" 0 'memory is taken'
change '{"limits":{"memory_max":20971520}}'
refused 409 conflict limits.memory_max 'less memory than is in use'
like "$(field .error.message)" 'in use' 'and it says how much that is'
runs 'nobody was killed for it' lab_up
lab 'rm /dev/shm/held' >/dev/null
change '{"limits":{"memory_max":1}}'
refused 400 invalid limits.memory_max 'a limit out of range'
change '{"limits":{"pids_max":1}}'
refused 409 conflict limits.pids_max 'fewer processes than there are'
change '{"limits":{"wings":2}}'
refused 400 invalid limits.wings 'a limit that is none'
change '{"image":"other"}'
refused 400 invalid image 'what cannot be changed'
change '{"name":"-odd-"}'
refused 400 invalid name 'an odd name'
change '{"name":"neighbour"}'
refused 409 - name "another's name"
change '{"restart":"sometimes"}'
refused 400 invalid restart 'a policy that is none'
kept 'all that'
api_json PATCH "/containers/$(printf '0%.0s' {1..24})" '{"name":"x"}'
refused 404 not_found - 'a container nobody has'

# -- name and policy --
change '{"name":"after","restart":"on-failure"}'
is "$STATUS $(field '[.name, .restart] | join(" ")')" '200 after on-failure' 'name and policy'
runs 'its URL stays' lab_up
is "$(lab hostname)" before 'inside it has its name'
api POST "/containers/$box/restart?timeout=1"
runs 'after a restart' wait_until 60 lab_up
is "$(lab hostname)" after 'it has the new one'
is "$(lab 'cat /sys/fs/cgroup/pids.max')" 60 'and the limits that it was given'

# -- stopped --
api POST "/containers/$box/stop?timeout=0"
change '{"limits":{"memory_max":50331648}}'
answers 200 'one that is stopped'
api POST "/containers/$box/start"
runs 'starts' wait_until 60 lab_up
is "$(lab 'cat /sys/fs/cgroup/memory.max')" 50331648 'with what it was given'

# -- what is run --
change '{"environment":{"WORD":"new"},"cwd":"/srv","command":["/bin/sh","-c","echo $WORD by $(id -u) in $PWD; sleep 600"],"user":"nobody"}'
is "$STATUS $(field '[.environment.WORD, .cwd, .user, .command[0]] | join(" ")')" '200 new /srv nobody /bin/sh' 'what is run, as whom and where'
runs 'goes on as it was until it is started again' lab_up
for bad in '{"environment":{"1":"x"}}' '{"environment":{"A":7}}' '{"cwd":"srv"}' '{"command":[""]}' '{"command":"sh"}' '{"user":7}'; do
	change "$bad"
	refused 400 invalid - "$bad"
done
is "$(api GET "/containers/$box" && field .cwd)" /srv 'and changes nothing'
api POST "/containers/$box/restart?timeout=1"
said() { api GET "/containers/$box/console" && grep -q 'new by 65534 in /srv' <<<"$BODY"; }
runs 'then it is what was asked for' wait_until 60 said
change '{"environment":{},"cwd":"","command":[],"user":""}'
is "$STATUS $(field '[.environment, .cwd, .user, .command] | tojson')" '200 [{},null,null,null]' 'empty ones are the image'"'"'s'
api POST "/containers/$box/restart?timeout=1"
LAB_URL=$(field .url)
runs 'which is run again' wait_until 60 web_up "$LAB_URL"

api DELETE "/containers/$box"
change '{"name":"late"}'
refused 404 not_found - 'one that is gone'
LAB_URL=$neighbour_url
runs 'the other one is untouched' lab_up
api DELETE "/containers/$neighbour"
finish
