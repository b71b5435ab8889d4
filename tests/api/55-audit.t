#!/bin/bash
# The audit log on a real machine: requests of real clients to a real container by every version of HTTP, websockets, who did what by the API, what realms see of one
# another, the CLI, and what is left after roles and the machine were killed. What can be tried without a machine is in 08-audit.t.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin
W=$LOGS/recorded
mkdir -p "$W"

services_create recorded '[{"name":"plain","port":9000},{"name":"ws","port":9002,"protocol":"websocket"}]'
answers 201 'a container'
box=$(field .id) url=$(field .url)
base=${url%".$DOMAIN/"}
runs 'it answers' wait_until 120 web_up "$url"
log=/realms/$REALM/audit
seen() { # QUERY COUNT TEXT: so many records, which are in BODY then; a moment later at the most
	local end=$((SECONDS + 30))
	while :; do
		api GET "$log/records?limit=1000&container=$box&$1"
		if [ "$(field '.records | length')" = "$2" ] || [ "$SECONDS" -ge "$end" ]; then break; fi
		sleep 0.5
	done
	is "$(field '.records | length')" "$2" "$3"
}

# -- requests --
for version in --http1.1 --http2 --http3-only; do web "${url}by/$version?q=1" "$version"; done
seen 'path=/by/' 3 'requests by each version of HTTP are on record'
is "$(field '[.records[] | .version] | sort | join(" ")')" 'HTTP/1 HTTP/2 HTTP/3' 'each with its own'
is "$(field '[.records[] | [.status, .service, .project] | map(tostring) | join(" ")] | unique | join(", ")')" "200 80 $PROJECT" 'where it went'
web "${url}named"
request=$(field '.headers["x-request-id"]')
seen "request=$request" 1 'the service knows a request by the same id'
head -c 300000 /dev/zero >"$LOGS/zeros"
web "$base-plain.$DOMAIN/upload" -T "$LOGS/zeros"
seen 'path=/upload' 1 'an upload'
is "$(field '.records[0].service')" plain 'to a named service'
cmp_ok "$(field '.records[0].received')" -ge 300000 'and how large it was'
web "${url}none" -X DELETE
seen 'method=DELETE&path=/none' 1 'by method'
key=dGhlIHNhbXBsZSBub25jZQ==
timeout 4 curl -sk --http1.1 --max-time 3 -o /dev/null --connect-to "::127.0.0.1:$PORT_HTTPS" -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
	-H "Sec-WebSocket-Key: $key" "$base-ws.$DOMAIN/socket" || true
seen 'path=/socket&status=101' 1 'a websocket, when it has ended'
cmp_ok "$(field '.records[0].duration')" -ge 2000 'and how long it was open'

# -- modes --
api_json PATCH "$log" '{"mode":"fail_closed"}'
answers 200 'a realm that wants all on record first'
web "${url}opened/http"
answers 200 'a request goes on'
seen 'path=/opened/http' 2 'and has two records'
(timeout 20 curl -sk --http1.1 --max-time 15 -o /dev/null --connect-to "::127.0.0.1:$PORT_HTTPS" -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
	-H "Sec-WebSocket-Key: $key" "$base-ws.$DOMAIN/opened/socket" || true) &
socket=$!
seen 'path=/opened/socket&kind=opened' 1 'a websocket is on record while it is open'
wait "$socket" || true

# -- calls --
api_json PATCH "/containers/$box" '{"labels":{"seen":"yes"}}'
answers 200 'a change'
api GET "$log/records?kind=call&method=PATCH&text=$box&limit=1"
is "$(field '.records[0] | [.status, .rule, .detail.after.labels.seen] | map(tostring) | join(" ")')" '200 admin yes' 'is on record with what it changed'
like "$(field '.records[0].identity')" '^token:[0-9a-f]{24}$' 'and by whose token'
like "$(field '.records[0].client')" '^[0-9a-f.:]+$' 'and from where'

# -- realms --
api_json POST /realms '{"name":"auditors"}'
other=$(field .id)
api_json POST /tokens "{\"name\":\"a\",\"role\":\"operator\",\"realms\":[\"$other\"]}"
theirs=$(field .token) theirs_id=$(field .id)
mine=$TOKEN
TOKEN=$theirs
api GET "/realms/$other/audit/records"
answers 200 'a token reads the log of its realm'
api GET "$log/records"
refused 404 not_found - 'not another one'
for what in export statistics verify tail; do
	api GET "$log/$what"
	is "$STATUS" 404 "nor its $what"
done
api GET /host/audit/records
is "$STATUS" 403 'nor the log of the host'
TOKEN=$mine
api DELETE "/tokens/$theirs_id"
api DELETE "/realms/$other"
answers 204 'a realm goes'
api GET "/realms/$other/audit/records"
is "$STATUS" 404 'and its log with it, for who asks'

# -- the CLI --
cli() { "$O/bin/bulkhead" --server "https://api.$DOMAIN" --connect "127.0.0.1:$PORT_HTTPS" --insecure --token-file "$M/token" "$@"; }
out=$(cli audit list "$REALM" path=/named "container=$box")
is "$(jq -r '.records[0].path' <<<"$out")" /named '`bulkhead audit list`'
out=$(cli audit statistics "$REALM" by=version "container=$box" path=/by/)
is "$(jq -r '[.rows[].key] | sort | join(" ")' <<<"$out")" 'HTTP/1 HTTP/2 HTTP/3' '`bulkhead audit statistics`'
out=$(cli audit verify "$REALM")
is "$(jq -r .intact <<<"$out")" true '`bulkhead audit verify`'
anchor=$(jq -r '"seq=\(.seq) chain=\(.chain)"' <<<"$out")
cli audit export "$REALM" "container=$box" >"$LOGS/export" 2>"$LOGS/export.next"
cmp_ok "$(wc -l <"$LOGS/export")" -ge 8 '`bulkhead audit export`'
like "$(cat "$LOGS/export.next")" 'after=[0-9]+' 'which says where it goes on'
is "$(jq -r .seq "$LOGS/export" | sort -n | uniq -d | wc -l)" 0 'has no record twice'
out=$(cli audit change "$REALM" max_days:=30)
is "$(jq -r .max_days <<<"$out")" 30 '`bulkhead audit change`'

# -- the power is cut --
web "${url}last/before"
answers 200 'a request that was let in'
machine_kill
MEMORY=3072 machine_start "${API_FIRMWARE:-uefi}"
wait_unlock_ssh 180 || give_up 'the machine does not boot again'
unlock_stdin "$PASSPHRASE"
is "$UNLOCK_STATUS" 0 'the machine lost its power; it boots again'
wait_admin_ssh 180 || give_up 'the system does not start again'
runs 'the API is back' wait_until 90 api_up
seen 'path=/last/before&kind=opened' 1 'what was let in before is on record'
# shellcheck disable=SC2086 # two words
out=$(cli audit verify "$REALM" $anchor)
is "$(jq -r .intact <<<"$out")" true 'and nothing before it has changed'
api_json PATCH "$log" '{"mode":"best_effort"}'
answers 200 'as before'
api DELETE "/containers/$box"
answers 204 'the container goes'
seen 'path=/named' 1 'its records stay'
finish
