#!/bin/bash
# Snapshots, bringing them back, and copies of containers: what they hold, whose it is, that none of it disturbs the other, and what is left when it is cut off.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

lab_start snapped '{"limits":{"disk_max":134217728,"memory_max":134217728},"labels":{"kind":"first"},"environment":{"FROM":"first"}}'
box=$LAB box_url=$LAB_URL
runs 'a container with a way in' wait_until 60 lab_up
at() { LAB=$1 LAB_URL=$2; }
snapshot() { # NAME: its id in SNAPSHOT
	api_json POST "/containers/$box/snapshots" "{\"name\":\"$1\"}" --max-time 300
	SNAPSHOT=$(field .id)
}

# -- a snapshot of one that runs --
lab 'mkdir -p /srv/in/side; echo one >/srv/in/side/file; ln /srv/in/side/file /srv/second; ln -s side/file /srv/in/link; chown 5:6 /srv/in/side/file; chmod 4711 /srv/in/side/file; rm /etc/passwd-; mv /usr/share/misc /usr/share/moved 2>/dev/null; head -c 30000000 /dev/urandom >/srv/large; (i=0; while :; do i=$((i + 1)); echo $i >/srv/ticking; sleep 0.1; done) >/dev/null 2>&1 & true'
large=$(lab 'sha256sum </srv/large')
used=$(api GET "/containers/$box/usage" >/dev/null; field .disk.bytes)
snapshot first
answers 201 'a snapshot of a running container is made'
first=$SNAPSHOT
is "$(field '[.container, .name] | join(" ")')" "$box first" 'it says of what'
cmp_ok "$(field .bytes)" -ge 30000000 'and how much it holds'
runs 'the container runs on' lab_up
sleep 1
tick=$(lab 'cat /srv/ticking')
sleep 1
isnt "$(lab 'cat /srv/ticking')" "$tick" 'with all of its processes'
api GET "/containers/$box/usage"
cmp_ok "$(field .disk.bytes)" -le $((used + 4000000)) 'what the snapshot holds does not count as its own'
api GET "/containers/$box/snapshots"
is "$(field '.items | map(.id) | join(" ")')" "$first" 'it is listed'
api GET "/snapshots/$first"
is "$STATUS $(field .name)" '200 first' 'and shown'
lab 'echo two >/srv/in/side/file; rm /srv/large; echo new >/srv/new; rm -rf /usr/bin/du'
snapshot second
answers 201 'a second one'
second=$SNAPSHOT

# -- bringing one back --
api POST "/snapshots/$first/restore"
refused 409 conflict - 'a container that runs is not overwritten'
api POST "/containers/$box/stop?timeout=0"
api POST "/snapshots/$first/restore" --max-time 300
answers 200 'a stopped one is'
is "$(field .state)" stopped 'and stays stopped'
api POST "/containers/$box/start?wait=true"
runs 'it starts' wait_until 60 lab_up
is "$(lab 'cat /srv/in/side/file; stat -c "%u:%g %a %h" /srv/second; readlink /srv/in/link; ls /srv/new 2>&1 | grep -c "No such"; ls /usr/bin/du; ls /etc/passwd- 2>&1 | grep -c "No such"' | tr '\n' ' ')" 'one 5:6 4711 2 side/file 1 /usr/bin/du 1 ' 'with all that it had then, and nothing else'
is "$(lab 'sha256sum </srv/large')" "$large" 'to the last byte'
api GET "/containers/$box/usage"
cmp_ok "$(field .disk.bytes)" -ge 30000000 'which counts as its own'
lab 'head -c 120000000 /dev/zero >/srv/too-large 2>/dev/null'
cmp_ok "$(lab 'stat -c %s /srv/too-large')" -lt 120000000 'its limit of disk holds still'
lab 'rm -f /srv/too-large'

# -- a copy --
api_json POST "/containers/$box/copy" '{"name":"copied","start":true}' --max-time 300
answers 201 'a container that runs is copied, and the copy started'
copy=$(field .id) copy_url=$(field .url)
is "$(field '[.state, .labels.kind, .environment.FROM, (.limits.disk_max | tostring)] | join(" ")')" 'running first first 134217728' 'with all of its settings'
isnt "$(field .ipv4)" "$(api GET "/containers/$box" >/dev/null; field .ipv4)" 'but its address'
at "$copy" "$copy_url"
runs 'it answers at its own URL' wait_until 60 lab_up
is "$(lab 'cat /srv/in/side/file; stat -c "%u:%g %a %h" /srv/second; sha256sum </srv/large' | tr '\n' ' ')" "one 5:6 4711 2 $large " 'with the files of the first, in its own range of ids'
lab 'echo copy >/srv/in/side/file; echo more >/srv/in/side/more'
is "$(lab 'su -s /bin/sh www-data -c "id -u" 2>/dev/null || echo 33')" 33 'its users are its own'
at "$box" "$box_url"
is "$(lab 'cat /srv/in/side/file; ls /srv/in/side | tr "\n" " "' | tr '\n' ' ')" 'one file ' 'nothing that it does is seen in the first'
api_json POST "/containers/$box/copy" "{\"name\":\"as-it-was\",\"snapshot\":\"$second\"}" --max-time 300
answers 201 'a copy of a snapshot'
third=$(field .id) third_url=$(field .url)
is "$(field .state)" stopped 'is not started unasked'
api POST "/containers/$third/start?wait=true"
at "$third" "$third_url"
runs 'it starts' wait_until 60 lab_up
is "$(lab 'cat /srv/in/side/file /srv/new; ls /srv/large /usr/bin/du 2>&1 | grep -c "No such"' | tr '\n' ' ')" 'two new 2 ' 'as it was then'
at "$box" "$box_url"

# -- refused --
path="/containers/$box"
snapshot first
refused 409 conflict name 'a name that is taken'
api_json POST "$path/snapshots" '{}'
refused 400 invalid name 'a snapshot needs a name'
api_json POST "$path/snapshots" '{"name":"No Good"}'
refused 400 invalid name 'of sound characters'
api_json POST "$path/copy" '{"name":"copied"}'
refused 409 conflict name "a copy's name that is taken"
api_json POST "$path/copy" '{"name":"x","project":"000000000000000000000000"}'
refused 404 not_found project 'a project that is not there'
api_json POST /realms '{"name":"elsewhere"}'
elsewhere=$(field .id)
api_json POST /projects "{\"name\":\"other\",\"realm\":\"$elsewhere\"}"
other=$(field .id)
api_json POST "$path/copy" "{\"name\":\"x\",\"project\":\"$other\"}"
refused 404 not_found project 'or is of another realm'
api_json POST "$path/copy" "{\"name\":\"x\",\"snapshot\":\"000000000000000000000000\"}"
refused 404 not_found snapshot 'a snapshot that is not there'
api_json POST "/containers/$copy/copy" "{\"name\":\"x\",\"snapshot\":\"$first\"}"
refused 404 not_found snapshot 'or of another container'
api_json POST /tokens "{\"name\":\"b\",\"role\":\"operator\",\"realms\":[\"$elsewhere\"]}"
admin=$TOKEN
TOKEN=$(field .token)
api GET "/snapshots/$first"
refused 404 not_found - "another realm's caller does not see it"
api DELETE "/snapshots/$first"
refused 404 not_found - 'nor deletes it'
api POST "/snapshots/$first/restore"
refused 404 not_found - 'nor brings it back'
snapshot theirs
answers 404 'nor makes one'
TOKEN=$admin
for i in {3..16}; do snapshot "n$i"; done
answers 201 'sixteen are made'
last=$SNAPSHOT
snapshot one-more
refused 409 limit - 'and no more'
api_json POST "$path/freeze" '{}'
api DELETE "/snapshots/$last"
api DELETE "/snapshots/$second"
answers 204 'one is deleted'
api GET "/snapshots/$second"
answers 404 'and gone'
made() { snapshot frozen && [ "$STATUS" = 201 ]; }
runs 'one of a frozen container' wait_until 30 made
is "$(api GET "$path" >/dev/null; field .state)" frozen 'which stays frozen'
api_json POST "$path/unfreeze" '{}'
runs 'until it is told otherwise' wait_until 20 lab_up

# -- cut off --
lab 'i=0; while [ $i -lt 4000 ]; do echo $i >/srv/many$i; i=$((i + 1)); done'
api GET "$path/snapshots"
before=$(field '.items | length')
aside() { # PATH JSON: a call whose answer goes to files of its own
	curl -sk --max-time 200 -o "$LOGS/aside" -w '%{http_code}' --connect-to "::127.0.0.1:$PORT_HTTPS" -H "Authorization: Bearer $TOKEN" \
		-H 'Content-Type: application/json' -d "$2" "https://api.$DOMAIN/api/v1$1" >"$LOGS/aside.status" || true
}
aside "$path/snapshots" '{"name":"cut"}' &
sleep 0.3
admin_ssh restart engine </dev/null >/dev/null 2>&1
wait
diag "a snapshot whose engine was killed: $(cat "$LOGS/aside.status") $(cat "$LOGS/aside")"
runs 'the API is there' wait_until 60 api_up
runs 'a container whose engine was killed while it was copied goes on' wait_until 60 lab_up
tick=$(lab 'echo alive')
is "$tick" alive 'and its processes are not held'
settled() { api GET "$path/snapshots" && [ "$(field '.items | length')" = $((before + 1)) ]; }
runs 'the snapshot is made all the same, by the new engine' wait_until 60 settled
api GET "$path/snapshots"
cut=$(field '.items[] | select(.name == "cut") | .id')
api POST "$path/stop?timeout=0"
api POST "/snapshots/$cut/restore" --max-time 200
answers 200 'and is whole'
api POST "$path/start?wait=true"
runs 'it starts' wait_until 60 lab_up
is "$(lab 'ls /srv | grep -c many; cat /srv/many3999' | tr '\n' ' ')" '4000 3999 ' 'with all its files'
aside "$path/copy" '{"name":"cut-copy"}' &
sleep 0.3
admin_ssh restart api </dev/null >/dev/null 2>&1
wait
runs 'the API is there' wait_until 60 api_up
runs 'the container runs on' wait_until 60 lab_up
# Whole, or never there: it was not acknowledged.
sane() {
	api GET '/containers?label=kind'
	[ "$(field '[.items[] | select(.name == "cut-copy")] | length')" = 0 ] || [ "$(field '[.items[] | select(.name == "cut-copy" and .state == "stopped")] | length')" = 1 ]
}
runs 'a copy whose API was killed is whole or not there' wait_until 60 sane
again() { api_json POST "$path/copy" '{"name":"cut-again"}' --max-time 100 && [ "$STATUS" = 201 ]; }
runs 'and can be made' wait_until 90 again

# -- what is left --
disk() { api GET /host && field .data.free_bytes; }
for id in $(api GET '/containers?label=kind' >/dev/null; field '.items[].id'); do
	api DELETE "/containers/$id"
	is "$STATUS" 204 'a container is deleted with its snapshots'
done
api GET "/snapshots/$first"
answers 404 'they are gone'
api DELETE "/projects/$other"
api DELETE "/realms/$elsewhere"
answers 204 'the other realm is empty'
finish
