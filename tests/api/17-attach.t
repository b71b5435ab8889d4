#!/bin/bash
# A client attached to a command: its streams or its terminal through HAProxy, the end of either side, and the ends that others make.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

lab_start attach '{"limits":{"memory_max":134217728,"pids_max":100}}'
box=$LAB
runs 'a container with a way in' wait_until 60 lab_up
printf '%s\n' "$TOKEN" >"$LOGS/token"
admin_ssh certificate </dev/null >"$LOGS/ca.pem" 2>/dev/null
server=("$O/bin/bulkhead" --server "https://api.$DOMAIN" --connect "127.0.0.1:$PORT_HTTPS" --ca "$LOGS/ca.pem" --token-file)
exec_in() { "${server[@]}" "$LOGS/token" exec "$@"; }
# The number of a sleep; the search does not find itself.
running() { lab "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c '[s]leep $1'"; }
gone() { [ "$(running "$1")" = 0 ]; }
there() { [ "$(running "$1")" = 1 ]; }

# -- streams --
code=0
exec_in "$box" sh -c 'echo out; echo err >&2; exit 7' >"$LOGS/out" 2>"$LOGS/err" </dev/null || code=$?
is "$code $(cat "$LOGS/out") $(cat "$LOGS/err")" '7 out err' 'a command, its streams and its exit code'
head -c 20000000 /dev/urandom >"$LOGS/large"
is "$(exec_in "$box" sha256sum <"$LOGS/large")" "$(sha256sum <"$LOGS/large")" '20 MB go in, and then there is an end'
is "$(exec_in "$box" sh -c 'head -c 20000000 /dev/zero | tr "\0" x' </dev/null | sha256sum)" "$(head -c 20000000 /dev/zero | tr '\0' x | sha256sum)" '20 MB come out'
is "$(exec_in "$box" cat <"$LOGS/large" | sha256sum)" "$(sha256sum <"$LOGS/large")" 'both at a time'
code=0
exec_in "$box" sh -c 'kill -KILL $$' </dev/null || code=$?
is "$code" 137 'a signal that ended it'
is "$(exec_in user=www-data cwd=/usr/bin "$box" sh -c 'id -un; pwd; echo to >/dev/stdout' </dev/null | tr '\n' ' ')" 'www-data /usr/bin to ' 'another user and folder'
code=0
exec_in "$box" /nothing/here </dev/null 2>"$LOGS/err" || code=$?
is "$code" 255 'a program that is not there'
like "$(cat "$LOGS/err")" 'cannot run /nothing/here.*\[field command\]' 'is told with its field'
code=0
exec_in user=nobody-knows "$box" id </dev/null 2>"$LOGS/err" || code=$?
like "$code $(cat "$LOGS/err")" '^255 .*\[field user\]' 'so is a user'

# -- a terminal --
typed() { # COMMAND: at a terminal of its own, with what comes on standard input typed
	script -qec "stty rows 43 cols 132; $O/bin/bulkhead --server https://api.$DOMAIN --connect 127.0.0.1:$PORT_HTTPS --ca $LOGS/ca.pem --token-file $LOGS/token exec $box $1" /dev/null | tr -d '\r'
}
out=$(sleep 5 | typed 'sh -c "tty; stty size; echo \$TERM; id -u"')
like "$out" $'^/dev/pts/[0-9]+\n43 132\n' 'a terminal that has a name in the container, and the size of the client'
out=$( (sleep 3; echo 'echo sum $((20 + 22))'; sleep 1; printf '\003'; sleep 1; echo 'sleep 300'; sleep 2; printf '\003'; sleep 1; echo 'echo code $?'; sleep 1; echo exit) | typed 'sh -i')
like "$out" $'\nsum 42\n' 'a shell at it takes what is typed'
like "$out" $'\ncode 130\n' 'Ctrl-C ends what runs there, not the client'
runs 'nothing is left of it' wait_until 20 gone '300'

# -- its ends --
"${server[@]}" "$LOGS/token" exec "$box" sleep 311 </dev/null &
pid=$!
runs 'a command runs' wait_until 20 there '311'
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
runs 'it ends with its client' wait_until 20 gone '311'
"${server[@]}" "$LOGS/token" exec "$box" sh -c 'trap "echo caught; exit 4" TERM; while :; do sleep 0.1; done' </dev/null >"$LOGS/out" &
pid=$!
sleep 3
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
is "$code $(cat "$LOGS/out")" '4 caught' 'a signal for the client reaches the command'
"${server[@]}" "$LOGS/token" exec "$box" sh -c 'sleep 312 & sleep 313' </dev/null >/dev/null &
pid=$!
runs 'one with children' wait_until 20 there '312'
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
runs 'ends with all of them' wait_until 20 gone '31[23]'
api_json POST /tokens '{"name":"short","role":"operator"}'
field .token >"$LOGS/other"
other=$(field .id)
"${server[@]}" "$LOGS/other" exec "$box" sleep 314 </dev/null &
pid=$!
runs 'a command of another token' wait_until 20 there '314'
api DELETE "/tokens/$other"
answers 204 'the token is deleted'
code=0
wait "$pid" || code=$?
is "$code" 255 'its client is cut off'
runs 'its command ends' wait_until 20 gone '314'
api_json POST /tokens '{"name":"timed","role":"operator","expires_in":10}'
field .token >"$LOGS/other"
code=0 begin=$SECONDS
"${server[@]}" "$LOGS/other" exec "$box" sleep 315 </dev/null || code=$?
is "$code" 255 'a token that expires cuts its client off'
cmp_ok $((SECONDS - begin)) -lt 40 'when it does'
runs 'and ends its command' wait_until 20 gone '315'
"${server[@]}" "$LOGS/token" exec "$box" sleep 316 </dev/null &
pid=$!
runs 'a command runs' wait_until 20 there '316'
admin_ssh restart api </dev/null >/dev/null 2>&1 || true
code=0
wait "$pid" || code=$?
is "$code" 255 'an API that starts anew cuts its client off'
wait_until 60 api_up
runs 'and ends its command' wait_until 20 gone '316'

# -- a session by hand --
open_session() { # ID CURL...
	local id=$1
	shift
	curl -sk --http1.1 -N --max-time 20 --connect-to "::127.0.0.1:$PORT_HTTPS" -H "Authorization: Bearer $TOKEN" -o "$LOGS/frames" -w '%{http_code}' \
		"$@" "https://api.$DOMAIN/api/v1/sessions/$id" || true
}
websocket=(-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
api_json POST "/containers/$box/exec" '{"command":["echo","hi"],"attach":true}'
answers 201 'a session is made'
session=$(field .id)
like "$(field '.container + " " + .expires_at')" "^$box 20[0-9-]*T" 'it says whose, and until when'
is "$(open_session "$session")" 426 'it is no plain page'
is "$(open_session "$session" -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 12')" 400 'an old version is refused, by HAProxy'
is "$(TOKEN=$(printf 'a%.0s' {1..64}); open_session "$session" "${websocket[@]}")" 401 'nobody opens it without a token'
api_json POST /tokens '{"name":"thief","role":"admin"}'
thief=$(field .token)
is "$(TOKEN=$thief; open_session "$session" "${websocket[@]}")" 404 'nor with the token of another'
is "$(open_session "$session" "${websocket[@]}" -D "$LOGS/head")" 101 'its own token does'
like "$(tr -d '\r' <"$LOGS/head" | tr '[:upper:]' '[:lower:]')" 'sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk\+xoo=' 'as RFC 6455 says'
is "$(od -An -tx1 "$LOGS/frames" | tr -d ' \n')" "$(printf '\202\004\001hi\n\201\053{"type":"exit","exit_code":0,"signal":null}\210\002\003\350' | od -An -tx1 | tr -d ' \n')" 'the frames are those of the RFC'
is "$(open_session "$session" "${websocket[@]}")" 404 'a second time it is not there'
api_json POST "/containers/$box/exec" '{"command":["id"],"attach":true,"stdin":""}'
refused 400 invalid stdin 'input in the body does not go with a client'
api_json POST "/containers/$box/exec" '{"command":["id"],"terminal":{}}'
refused 400 invalid terminal 'nor a terminal without one'
api_json POST "/containers/$box/exec" '{"command":["id"],"attach":true,"terminal":{"rows":0}}'
refused 400 invalid terminal.rows 'a terminal of no lines'
for _ in {1..32}; do api_json POST "/containers/$box/exec" '{"command":["id"],"attach":true}'; done
api_json POST "/containers/$box/exec" '{"command":["id"],"attach":true}'
refused 409 limit - 'a realm has not more than 32 of them'
room() { api_json POST "/containers/$box/exec" '{"command":["id"],"attach":true}' && [ "$STATUS" = 201 ]; }
runs 'who is not taken goes' wait_until 50 room
api_json POST "/containers/$box/exec" '{"command":["id"],"attach":true}'
session=$(field .id)
api POST "/containers/$box/freeze"
is "$(open_session "$session" "${websocket[@]}")" 409 'a container that was frozen meanwhile'
api POST "/containers/$box/unfreeze"
"${server[@]}" "$LOGS/token" exec "$box" sleep 317 </dev/null &
pid=$!
runs 'a command runs' wait_until 20 there '317'
begin=$SECONDS
api DELETE "/containers/$box"
answers 204 'the container is deleted'
code=0
wait "$pid" || code=$?
like "$code" '^(137|255)$' 'the client is told of a kill, or cut off'
cmp_ok $((SECONDS - begin)) -lt 20 'at once'
api_json POST "/containers/$box/exec" '{"command":["id"],"attach":true}'
answers 404 'there is nothing to attach to'
rm -f "$LOGS/large"
finish
