#!/bin/bash
# What api does around files, attached commands, snapshots and copies, with the sanitised daemon and a stand-in for the engine: answers to what goes
# well and what does not, and what is left when a client, the engine or api itself goes in the middle.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/roles.sh
roles_enter
roles_begin
runs 'the API comes up' until_true 20 serving
said() { grep -q "$1" "$ROLES_LOG"; }
count() { grep -c "$1" "$ROLES_LOG" || true; }
fake() { echo "$1" >/data/fake; }
fake well
post /realms '{"name":"r"}'
realm=$(field .id)
post /projects "{\"name\":\"p\",\"realm\":\"$realm\"}"
project=$(field .id)
local_call POST '/images?name=guest' -H 'Content-Type: application/x-tar' --data-binary anything
post /containers "{\"project\":\"$project\",\"image\":\"guest\",\"name\":\"c\"}"
box=$(field .id)
is "$STATUS $(field .state)" '201 running' 'a container runs'
path="/containers/$box"

# -- files --
local_call GET "$path/files?path=/etc/x" -D "$LOGS/head"
is "$STATUS $BODY" '200 pulled' 'a file comes'
like "$(tr -d '\r' <"$LOGS/head")" $'X-Bulkhead-Type: file\nX-Bulkhead-Mode: 0644' 'with what it is'
local_call PUT "$path/files?path=/etc/x" --data-binary content
is "$STATUS" 204 'a file goes'
local_call PUT "$path/files?path=/etc/d&type=folder"
is "$STATUS" 204 'a folder is made'
local_call DELETE "$path/files?path=/etc/x"
is "$STATUS" 204 'a file is deleted'
fake fail
local_call GET "$path/files?path=/x"
is "$STATUS $(field .error.field)" '404 path' 'what a path meets is told with its field'
fake refuse
local_call PUT "$path/files?path=/x" --data-binary content
is "$STATUS $(field .error.code)" '409 conflict' 'what the engine refuses is a conflict'
fake gone
local_call GET "$path/files?path=/x"
is "$STATUS $(field .error.code)" '409 conflict' 'a process that ends without a word'
fake hang
callers=()
for _ in 1 2; do
	curl -s -o /dev/null --max-time 3 --unix-socket /run/bulkhead/local.sock "http://host/api/v1$path/files?path=/x" &
	callers+=($!)
done
sleep 1
local_call GET "$path/files?path=/x"
is "$STATUS $(field .error.code)" '503 unavailable' 'two files of a realm are under way, and no more'
wait "${callers[@]}" || true
fake well

# -- attached --
upgrade=(-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' --http1.1)
attach() { post "$path/exec" '{"command":["sh"],"attach":true,"terminal":{"columns":99}}'; }
attach
is "$STATUS" 201 'a session is made'
local_call GET "/sessions/$(field .id)" "${upgrade[@]}" -D "$LOGS/head"
like "$(head -n 1 "$LOGS/head")" '^HTTP/1.1 101' 'and opened'
is "$(tr -dc '[:lower:]' <<<"$BODY")" hi 'the connection is handed on'
attach
session=$(field .id)
local_call GET "/sessions/$session"
is "$STATUS $(field .error.code)" '426 upgrade_required' 'without an upgrade it is not opened'
fake refuse
local_call GET "/sessions/$session" "${upgrade[@]}"
is "$STATUS $(field .error.code)" '409 conflict' 'nor when the engine refuses'
local_call GET "/sessions/$session" "${upgrade[@]}"
is "$STATUS" 404 'and that was it'
fake hang
post /tokens '{"name":"t","role":"operator"}'
token=$(field .token) token_id=$(field .id)
as_token() { curl -s --max-time 30 --unix-socket /run/bulkhead/api.sock -H "Authorization: Bearer $token" "$@"; }
session=$(as_token -H 'Content-Type: application/json' -d '{"command":["sh"],"attach":true}' "http://host/api/v1$path/exec" | jq -r .id)
begun=$(count 'lost its client')
gone=$(count 'go, action 0, connection 1')
opened() { [ "$(count 'go, action 0, connection 1')" -gt "$gone" ]; }
as_token -N "${upgrade[@]}" -o /dev/null -w '%{http_code}' "http://host/api/v1/sessions/$session" >"$LOGS/open" &
open=$!
runs 'a session of a token is open' until_true 10 opened
local_call DELETE "/tokens/$token_id"
is "$STATUS" 204 'its token is deleted'
lost() { [ "$(count 'lost its client')" -gt "$begun" ]; }
runs 'its command is ended' until_true 10 lost
wait "$open" || true
is "$(cat "$LOGS/open")" 101 'and its connection'
post /tokens '{"name":"u","role":"operator"}'
token=$(field .token)
session=$(as_token -H 'Content-Type: application/json' -d '{"command":["sh"],"attach":true}' "http://host/api/v1$path/exec" | jq -r .id)
begun=$(count 'lost its client') gone=$(count 'go, action 0, connection 1')
as_token -N "${upgrade[@]}" -o /dev/null "http://host/api/v1/sessions/$session" &
open=$!
until_true 10 opened
kill -KILL "$(pid_of api)"
runs 'an API that is killed ends the command' until_true 10 lost
wait "$open" || true
runs 'it comes back' until_true 20 serving
for _ in {1..32}; do attach; done
attach
is "$STATUS $(field .error.code)" '409 limit' 'sessions that wait are limited'
fake well

# -- snapshots and copies --
post "$path/snapshots" '{"name":"one"}'
is "$STATUS $(field '[.name, .entries, .bytes] | map(tostring) | join(" ")')" '201 one 5 50' 'a snapshot'
one=$(field .id)
fake fail
post "$path/snapshots" '{"name":"two"}'
is "$STATUS $(field .error.code)" '507 no_space' 'one that fails'
local_call GET "$path/snapshots"
is "$(field '.items | length')" 1 'is not there'
post "$path/copy" '{"name":"d"}'
is "$STATUS $(field .error.code)" '507 no_space' 'nor a copy that fails'
local_call GET '/containers'
is "$(field '.items | length')" 1 'of which nothing is seen'
fake well
post "$path/copy" '{"name":"d"}'
is "$STATUS $(field '[.name, .state] | join(" ")')" '201 d stopped' 'another is, whole'
post "$path/copy" '{"name":"d"}'
is "$STATUS $(field .error.field)" '409 name' 'once'
local_call POST "/snapshots/$one/restore"
is "$STATUS" 409 'no snapshot comes back into what runs'
local_call POST "$path/stop"
local_call POST "/snapshots/$one/restore"
is "$STATUS $(field .id)" "200 $box" 'but into what is stopped'
runs 'as it was asked' said "copy $one [0-9]* to $box [0-9]* snapshot 0 replace 1"
fake hang
curl -s -o /dev/null --max-time 60 --unix-socket /run/bulkhead/local.sock -H 'Content-Type: application/json' -d '{"name":"three"}' "http://host/api/v1$path/snapshots" &
callers=($!)
curl -s -o /dev/null --max-time 60 --unix-socket /run/bulkhead/local.sock -H 'Content-Type: application/json' -d '{"name":"e"}' "http://host/api/v1$path/copy" &
callers+=($!)
asked() { [ "$(count '^.*copy [0-9a-f]* ')" -ge 7 ]; }
runs 'two are under way' until_true 10 asked
kill -KILL "$(pid_of engine)"
more() { [ "$(count '^.*copy [0-9a-f]* ')" -ge 9 ]; }
runs 'a new engine is asked again' until_true 20 more
kill -KILL "$(pid_of api)"
runs 'an API that comes back' until_true 20 serving
wait "${callers[@]}" || true
fake well
local_call GET "$path/snapshots"
is "$(field '.items | map(.name) | join(" ")')" one 'has what was acknowledged, and nothing else'
local_call GET '/containers'
is "$(field '.items | map(.name) | sort | join(" ")')" 'c d' 'neither a copy'
begun=$(grep -o 'copy .* to [0-9a-f]*' "$ROLES_LOG" | tail -n 2 | sed 's/.* to //')
taken_back() { # ID...
	local id
	for id; do said "delete $id" || return 1; done
}
# shellcheck disable=SC2086 # two ids
runs 'and takes back what was begun' until_true 40 taken_back $begun
runs 'the engine hears which snapshot is to stay' said "sync snapshot $one"
local_call DELETE "$path"
is "$STATUS" 204 'a container is deleted'
local_call GET "/snapshots/$one"
is "$STATUS" 404 'with its snapshot'
runs 'the files of both go' until_true 40 taken_back "$box" "$one"
roles_end
finish
