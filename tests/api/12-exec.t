#!/bin/bash
# Commands in a running container: what comes back, what is refused, and that a command is no freer than what the container's own init starts.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

lab_start inside '{"limits":{"memory_max":134217728,"swap_max":0,"pids_max":100}, "environment":{"FROM":"container","BOTH":"container"}}'
inside=$LAB
runs 'a container with a way in' wait_until 60 lab_up

run() { # JSON, JQ ARGUMENTS...: answers as api_json
	local filter=$1
	shift
	api_json POST "/containers/$inside/exec" "$(jq -cn "$@" "$filter")" --max-time 120
}
sh_run() { # SCRIPT [JSON of further fields]
	run '{command: ["/bin/sh", "-c", $s]} + $more' --arg s "$1" --argjson more "${2:-{\}}"
}
out() { field .stdout.data; }

# -- what comes back --
sh_run 'echo out; echo err >&2; exit 7'
answers 200 'a command is run'
is "$(field '[.exit_code, .signal, .timed_out] | map(tostring) | join(" ")')" '7 null false' 'its exit code comes back'
is "$(field '.stdout.data + .stderr.data')" $'out\nerr' 'and both streams'
is "$(field '.stdout | [.encoding, .bytes, .truncated] | map(tostring) | join(" ")')" 'utf-8 4 false' 'with what they are'
sh_run 'kill -KILL $$'
is "$(field '[.exit_code, .signal] | map(tostring) | join(" ")')" 'null SIGKILL' 'a signal has its name'
sh_run 'printf "\377\000"'
is "$(field '.stdout.encoding + " " + .stdout.data')" 'base64 /wA=' 'bytes that are no text come as base64'
sh_run 'head -c 3000000 /dev/zero | tr "\0" a; echo done >&2' '{"output_max":1000}'
is "$(field '.stdout | [(.data | length), .bytes, .truncated] | map(tostring) | join(" ")')" '1000 3000000 true' 'output beyond the limit is counted, not kept'
is "$(field .stderr.data)" 'done' 'and did not hold the command up'
head -c 300000 "$O/guest.tar" | base64 -w0 >"$LOGS/input"
jq -cn --rawfile i "$LOGS/input" '{command: ["sha256sum"], stdin: $i}' >"$LOGS/request"
api_json POST "/containers/$inside/exec" "@$LOGS/request"
is "$(out)" "$(head -c 300000 "$O/guest.tar" | sha256sum)" 'standard input arrives'
run '{command: ["cat"]}'
is "$(field '.exit_code, .stdout.bytes' | tr '\n' ' ')" '0 0 ' 'without input there is none'
sh_run 'echo in >/dev/stdout; cat /dev/stdin; echo to >/dev/stderr' "{\"stdin\":\"$(printf text | base64)\",\"user\":\"www-data\"}"
is "$(field '[.stdout.data, .stderr.data] | join("|")')" $'in\ntext|to' 'streams can be opened by name, also by a user'

# -- who and where --
run '{command: ["id", "-u"]}'
is "$(out)" 0 'it is root'
sh_run 'id -un; id -gn; pwd; echo $HOME $USER' '{"user":"www-data"}'
is "$(out)" "$(printf 'www-data\nwww-data\n/\n/var/www www-data')" 'or the user that is named' || true
run '{command: ["id"], user: "4321"}'
is "$(out)" 'uid=4321 gid=4321 groups=4321' 'also by a number without an account'
run '{command: ["pwd"], cwd: "/usr/bin"}'
is "$(out)" /usr/bin 'in the folder that is named'
sh_run 'echo $FROM $BOTH $ONLY $container; echo $PATH' '{"environment":{"BOTH":"client","ONLY":"client"}}'
is "$(out)" "$(printf 'container client client lxc\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')" 'with the variables of container and client'

# -- no freer than a child of init --
for key in CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp Seccomp_filters; do
	line=$(lab "grep ^$key: /proc/self/status")
	sh_run "grep ^$key: /proc/self/status"
	is "$(out)" "$line" "$line, as for a child of init"
done
sh_run 'grep ^CapEff: /proc/self/status' '{"user":"www-data"}'
like "$(out)" '^CapEff:.0000000000000000$' 'a user has no capability'
for file in uid_map gid_map; do
	sh_run "cat /proc/self/$file"
	is "$(out)" "$(lab "cat /proc/self/$file")" "the same $file"
done
# systemd is not in the image: its init and a command differ in nothing but the group below.
sh_run 'for n in user mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done; readlink /proc/1/ns/pid'
is "$(out)" "$(lab 'for n in user mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done; readlink /proc/1/ns/pid')" 'the same namespaces'
sh_run 'cat /proc/self/cgroup'
like "$(out)" '^0::/exec\.[0-9a-f]{24}$' "a control group below the container's"
sh_run 'cat /proc/self/limits | grep -E "open files|core file|processes"'
is "$(out)" "$(lab 'cat /proc/self/limits | grep -E "open files|core file|processes"')" 'the same limits'
sh_run 'cat /proc/self/oom_score_adj; ls -l /proc/self/fd | grep -c -e "->"; grep -E "^(SigBlk|SigIgn|Umask)" /proc/self/status'
like "$(out)" $'^0\n4\nUmask:.0022\nSigBlk:.0000000000000000\nSigIgn:.0000000000000000$' 'no descriptor, mask or privilege of the host'
is "$(sh_run 'cat /proc/self/ksm_stat' >/dev/null; lab 'grep any /proc/self/ksm_stat')" "$(lab 'grep any /proc/self/ksm_stat')" 'merging as for the others'
sh_run 'grep any /proc/self/ksm_stat'
like "$(out)" 'ksm_merge_any: *yes' 'memory merging is as for the others'
sh_run 'busybox reboot -f; date -s 2001-01-01; mknod /tmp/disk b 254 0; echo 1 >/proc/sys/kernel/panic; echo max >/sys/fs/cgroup/memory.max; echo after' '{"cwd":"/"}'
like "$(out)" $'\nafter$' 'it may not what the container may not'
is "$(field '.stderr.data' | grep -ciE 'not permitted|read-only|denied')" 5 'each of it is refused'
runs 'and nothing came of it' lab_up
sh_run 'cat /proc/[0-9]*/comm | sort -u | tr "\n" " "'
unlike "$(out)" 'bulkheadd|haproxy|dropbear' 'no process of the host is seen'
lab 'sleep 47 & ls -l /proc/[0-9]*/exe /proc/[0-9]*/root 2>&1' >"$LOGS/seen"
unlike "$(cat "$LOGS/seen")" 'bulkheadd' 'nor by the container while a command runs'
# Random bytes: equal pages would be merged into one and fit.
sh_run 'head -c 200000000 /dev/urandom | tail -c 199999999 | wc -c' '{"timeout":100}'
unlike "$(out)" 199999999 'it has no more memory than the container'
runs 'the container is still there' wait_until 30 lab_up
sh_run 'i=0; while [ $i -lt 200 ]; do sleep 40 & i=$((i + 1)); done; echo all; kill $(jobs -p)' '{"timeout":30}'
unlike "$(out)" '^all' 'and no more processes'
few() { [ "$(lab 'ls -d /proc/[0-9]* | wc -l')" -lt 30 ]; }
runs 'which end' wait_until 90 few

# -- its end --
sh_run 'echo begun; sleep 300 & sleep 301; echo not' '{"timeout":2}'
answers 200 'a command that takes too long'
is "$(field '[.timed_out, .signal, .stdout.data] | map(tostring) | join(" ")')" 'true SIGKILL begun' 'is killed, and says so'
is "$(lab 'ps ax 2>/dev/null | grep -c "[s]leep 30[01]"; cat /proc/[0-9]*/cmdline | tr "\0" " " | grep -c "sleep 30[01]"' | tail -n 1)" 0 'with all that it started'
sh_run 'sleep 60 >/dev/null 2>&1 & echo left'
is "$(out)" left 'what goes into the background does not hold the answer up'
is "$(lab 'cat /proc/[0-9]*/cmdline | tr "\0" " " | grep -c "sleep 60"')" 1 'and lives on'
begin=$SECONDS
sh_run 'sleep 20 & echo left'
is "$(out)" left 'even if it holds the output open'
cmp_ok $((SECONDS - begin)) -lt 20 'and is not waited for'

# -- refused --
path="/containers/$inside/exec"
api_json POST "$path" '{}'
refused 400 invalid command 'a command is needed'
api_json POST "$path" '{"command":[]}'
refused 400 invalid command 'of one word at least'
api_json POST "$path" '{"command":["ls"],"extra":1}'
refused 400 invalid extra 'an unknown key is refused'
api_json POST "$path" '{"command":["ls"],"stdin":"***"}'
refused 400 invalid stdin 'so is input that is no base64'
api_json POST "$path" '{"command":["ls"],"timeout":0}'
refused 400 invalid timeout 'and a time out of range'
api_json POST "$path" '{"command":["ls"],"cwd":"etc"}'
refused 400 invalid cwd 'a relative folder'
api_json POST "$path" '{"command":["/nowhere"]}'
refused 400 invalid command 'a program that is not there'
api_json POST "$path" '{"command":["/etc/passwd"]}'
refused 400 invalid command 'or is none'
api_json POST "$path" '{"command":["ls"],"user":"nobody-of-this-name"}'
refused 400 invalid user 'a user who is not there'
api_json POST "$path" '{"command":["ls"],"cwd":"/nowhere"}'
refused 400 invalid cwd 'a folder that is not there'
api_json POST "/containers/$(printf '0%.0s' {1..24})/exec" '{"command":["ls"]}'
refused 404 not_found - 'a container that is not there'
admin=$TOKEN
api_json POST /tokens "{\"role\":\"reader\",\"realms\":[\"$REALM\"]}"
TOKEN=$(field .token)
api_json POST "$path" '{"command":["ls"]}'
refused 403 forbidden - 'a reader may not'
TOKEN=$admin
api_json POST /realms '{"name":"others"}'
others=$(field .id)
api_json POST /tokens "{\"role\":\"operator\",\"realms\":[\"$others\"]}"
TOKEN=$(field .token)
api_json POST "$path" '{"command":["ls"]}'
refused 404 not_found - 'nor may another realm'
TOKEN=$admin
api DELETE "/realms/$others"

# A container that lies about itself does not hold the host up.
sh_run 'mv /etc/passwd /etc/passwd.true; mkfifo /etc/passwd'
api_json POST "$path" '{"command":["true"]}'
answers 200 'a pipe in the place of /etc/passwd is not waited for'
sh_run 'rm /etc/passwd; mv /etc/passwd.true /etc/passwd'

# -- many at a time --
rm -f "$M"/many.*
for i in {1..20}; do
	curl -sk --max-time 60 -o "$M/many.$i" --connect-to "::127.0.0.1:$PORT_HTTPS" -H "Authorization: Bearer $TOKEN" --json '{"command":["sleep","8"]}' \
		"https://api.$DOMAIN/api/v1$path" &
done
wait
is "$(cat "$M"/many.* | jq -r '.exit_code // .error.code' | sort | uniq -c | awk '{print $1, $2}' | tr '\n' ' ')" '16 0 4 limit ' '16 commands at a time, the rest is refused'
sh_run 'ls -d /sys/fs/cgroup/exec.* | wc -l'
cmp_ok "$(out)" -le 4 'their control groups are cleared away'

# -- stopped --
(sh_run 'sleep 100'; printf '%s\n' "$STATUS" >"$M/cut") &
cut=$!
runs 'a command runs' wait_until 30 eval 'lab "cat /proc/[0-9]*/cmdline" | tr "\0" " " | grep -q "sleep 100"'
api POST "/containers/$inside/stop?timeout=0"
answers 200 'the container is stopped'
wait "$cut"
like "$(cat "$M/cut")" '^(200|409)$' "the command's end is told at once ($(cat "$M/cut"))"
api_json POST "$path" '{"command":["ls"]}'
refused 409 conflict - 'in a stopped container nothing is run'
like "$(field .error.message)" 'is stopped' 'and it says why'
api POST "/containers/$inside/start"
answers 200 'it starts again'
wait_until 60 lab_up || true
sh_run 'echo again'
is "$(out)" again 'and takes commands again'
api DELETE "/containers/$inside"
answers 204 'it goes'
api_json POST "$path" '{"command":["ls"]}'
refused 404 not_found - 'and takes none any more'
finish
