#!/bin/bash
# The audit log: what HAProxy, the gate and the API tell of, what can be asked of it, and what is left of it when a part dies or the disk is full.
# Supervisor and roles with a stand-in for the engine and a real HAProxy, in namespaces of their own; the daemon is the sanitised one.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/roles.sh
roles_enter

web_start() { haproxy -W -db -f /run/haproxy/domain.cfg -f rootfs/files/etc/haproxy/haproxy.cfg >>"$LOGS/haproxy.log" 2>&1 & proxy=$!; }
roles_begin
ip addr add 10.77.0.2/16 dev lo
web_start
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
runs 'the API comes up' until_true 20 serving
runs 'so does HAProxy' until_true 20 port_open 443

patch() { local_call PATCH "$1" -H 'Content-Type: application/json' --data-binary "$2"; }
visit() { # PATH CURL...: STATUS
	STATUS=$(curl -sk -o /dev/null -w '%{http_code}' --max-time 15 --connect-to ::127.0.0.1:443 "${@:2}" "https://$project-$www.$DOMAIN$1") || true
}
records() { local_call GET "$log/records?$1"; }
seen() { # QUERY COUNT TEXT: so many records, which are in BODY then; a moment later at the most
	local end=$((SECONDS + 10))
	until records "limit=1000&$1" && [ "$(field '.records | length')" = "$2" ] || [ "$SECONDS" -ge "$end" ]; do sleep 0.1; done
	is "$(field '.records | length')" "$2" "$3"
}
post /tokens '{"name":"t","role":"admin"}'
token=$(field .token) token_id=$(field .id)
post /realms '{"name":"r"}'
realm=$(field .id)
post /projects "{\"name\":\"p\",\"realm\":\"$realm\"}"
project=$(field .id)
local_call POST '/images?name=guest' -H 'Content-Type: application/x-tar' --data-binary anything
post /containers "{\"project\":\"$project\",\"image\":\"guest\",\"name\":\"www\"}"
www=$(field .id)
log=/realms/$realm/audit

# -- requests --
visit '/one/two%20three?secret=1' -H 'User-Agent: x'
is "$STATUS" 308 'a request'
seen kind=request 1 'is on record'
is "$(field '.records[0] | [.project, .container, .service, .method, .host, .path, .status, .version, .client, .decision] | map(tostring) | join(" ")')" \
	"$project $www 80 GET $project-$www.$DOMAIN /one/two%20three 308 HTTP/2 127.0.0.1 null" 'with all that is known of it'
unlike "$BODY" secret 'but its query'
cmp_ok "$(field '.records[0].sent')" -gt 100 'bytes are counted'
runs 'it has a time' jq -e '.records[0] | (.time | test("^20..-..-..T..:..:..[.]...Z$")) and (.started <= .time)' <<<"$BODY"
visit /x -H 'X-Request-Id: mine' -X POST
seen 'kind=request&method=POST' 1 'another one'
unlike "$(field '.records[0].request')" mine 'a client does not name its requests'
host=nobody.$DOMAIN
curl -sk -o /dev/null --max-time 10 --connect-to ::127.0.0.1:443 "https://$host/"
printf 'GET /bad HTTP/1.1\r\nHost : x\r\n\r\n' | timeout 5 openssl s_client -quiet -connect 127.0.0.1:443 -servername "$host" >/dev/null 2>&1 || true
log=/host/audit
seen "kind=request&host=$host" 1 'what leads nowhere is in the log of the host'
seen 'kind=failed' 1 'so is what is no request'
log=/realms/$realm/audit

# -- calls --
is "$(curl -sk -o /dev/null -w '%{http_code}' --connect-to ::127.0.0.1:443 "https://api.$DOMAIN/api/v1/projects/$project" -H "Authorization: Bearer $token")" 200 'a call of the API'
seen "kind=call&identity=token:$token_id" 1 'is on record'
is "$(field '.records[0] | [.method, .path, .status, .client, .rule] | map(tostring) | join(" ")')" "GET /api/v1/projects/$project 200 127.0.0.1 admin" 'as whose it was'
seen "kind=request&host=api.$DOMAIN" 0 'once'
local_call PUT "/containers/$www/proxy/permissions" -H 'Content-Type: application/json' --data-binary \
	'{"groups":{"g":[{"type":"token","name":"robot","value":"0123456789abcdef"}]},"permissions":{"g":{"*":true}}}'
is "$STATUS" 200 'permissions change'
records 'text=permissions&order=oldest'
is "$(field '[.records[] | .kind] | join(" ")')" 'calling call' 'a change is on record before it is made, and after'
is "$(field '.records[1] | [.identity, .method, (.detail.before.groups | length), .detail.after.groups.g[0].name] | map(tostring) | join(" ")')" 'root PUT 0 robot' \
	'with what was before and what is after'
unlike "$BODY" 0123456789abcdef 'and no secret'
patch "/containers/$www" '{"environment":{"KEY":"s3cret"}}'
is "$STATUS" 200 'an environment changes'
records 'text=KEY'
is "$(field '.records[0].detail.after.environment | join(" ")')" KEY 'of which the log has the names'
unlike "$BODY" s3cret 'and not the values'
local_call GET /projects/0123456789abcdef01234567
log=/host/audit
seen 'kind=call&status=404&text=0123456789abcdef01234567' 1 'a call that leads nowhere is on record'
is "$(field '.records[0].detail.error')" not_found 'with its error'
is "$(curl -sk -o /dev/null -w '%{http_code}' --connect-to ::127.0.0.1:443 "https://api.$DOMAIN/api/v1/host" -H 'Authorization: Bearer no')" 401 'a stranger'
seen 'kind=call&status=401&decision=deny' 1 'is on record'
log=/realms/$realm/audit

# -- who was let in --
visit /guarded
is "$STATUS" 401 'who has no right is refused'
visit /guarded -H 'Authorization: Bearer 0123456789abcdef'
is "$STATUS" 308 'who has one is not'
seen 'path=/guarded' 2 'both are on record'
is "$(field '[.records[] | [.status, .decision, .identity, .rule] | map(tostring) | join(" ")] | join(", ")')" '308 allow robot g, 401 bearer null null' 'with decision, identity, group'
unlike "$BODY" 0123456789abcdef 'and no credential'

# -- questions --
for i in 1 2 3 4 5 6 7 8 9; do visit "/page/$i" -H 'Authorization: Bearer 0123456789abcdef'; done
seen 'path=/page/' 9 'nine more'
records 'path=/page/&limit=4&order=oldest'
is "$(field '[.records[].path] | join(" ")')" '/page/1 /page/2 /page/3 /page/4' 'in parts, oldest first'
records "path=/page/&limit=9&order=oldest&after=$(field .next)"
is "$(field '[.records[].path] | join(" ")')" '/page/5 /page/6 /page/7 /page/8 /page/9' 'without a gap'
records 'path=/page/&limit=2'
is "$(field '[.records[].path] | join(" ")')" '/page/9 /page/8' 'newest first'
records "path=/page/&limit=2&before=$(field .next)"
is "$(field '[.records[].path] | join(" ")')" '/page/7 /page/6' 'likewise'
for query in status=4xx status=401 status=400-410 decision=bearer 'text=/guard&decision=bearer' "container=$www&status=401" "since=1h&status=401" "until=2100-01-01T00:00:00Z&status=401"; do
	seen "$query" 1 "$query"
done
seen 'until=1h' 0 'before there was any'
seen 'since=2100-01-01T00:00:00Z' 0 'after all there are'
seen "container=${www:1}0" 0 'of another container'
for bad in since=yesterday until=5 status=9999 status=4x limit=0 limit=1001 order=up before=x; do
	records "$bad"
	is "$STATUS $(field .error.field)" "400 ${bad%%=*}" "$bad is refused"
done
records other=1
is "$STATUS" 400 'so is what is unknown'

# -- export --
export_page() { # AFTER [LIMIT]: lines to $LOGS/page; next
	next=$(curl -s -D "$LOGS/head" -o "$LOGS/page" --max-time 60 --unix-socket /run/bulkhead/local.sock "http://host/api/v1$log/export?after=$1&limit=${2:-10000}" && sed -n 's/^X-Next-Cursor: \([0-9]*\).*/\1/p' "$LOGS/head")
}
export_page 0
cp "$LOGS/page" "$LOGS/all"
last=$next
is "$(jq -s '[.[].seq] == [range(1; length + 1)]' "$LOGS/all")" true 'an export has every record once, in order'
like "$(cat "$LOGS/head")" 'application/x-ndjson' 'a line of JSON each'
export_page 0 7
cp "$LOGS/page" "$LOGS/parts"
like "$(cat "$LOGS/head")" 'X-More: true' 'in parts'
while :; do
	export_page "$next" 7
	had=$(wc -l <"$LOGS/parts")
	head -n $((last - had)) "$LOGS/page" >>"$LOGS/parts"
	[ "$next" -lt "$last" ] || break
done
runs 'the parts are the whole' cmp "$LOGS/all" "$LOGS/parts"

# -- live --
follow() { # NAME CURL...: a client that follows the log
	curl -sN -D "$LOGS/$1.head" -o "$LOGS/$1" --max-time 60 "${@:2}" &
	followers+=("$!")
}
followers=()
post /tokens "{\"name\":\"f\",\"role\":\"operator\",\"realms\":[\"$realm\"]}"
follower=$(field .token) follower_id=$(field .id)
follow tail --unix-socket /run/bulkhead/local.sock "http://host/api/v1$log/tail?path=/live/"
follow from --unix-socket /run/bulkhead/local.sock -H "Last-Event-ID: $((last - 3))" "http://host/api/v1$log/tail"
follow token -k --connect-to ::127.0.0.1:443 -H "Authorization: Bearer $follower" "https://api.$DOMAIN/api/v1$log/tail?kind=request"
until_true 10 grep -qs text/event-stream "$LOGS/token.head" || true
like "$(cat "$LOGS/token.head")" 'text/event-stream' 'a log can be followed'
sleep 1
for i in 1 2 3; do visit "/live/$i" -H 'Authorization: Bearer 0123456789abcdef'; done
events() { [ "$(grep -c '^event: record' "$LOGS/$1")" -ge "$2" ]; }
runs 'what is new comes as an event' until_true 10 events tail 3
is "$(sed -n 's/^data: //p' "$LOGS/tail" | jq -r .path | tr '\n' ' ')" '/live/1 /live/2 /live/3 ' 'once, and nothing else'
runs 'a client goes on where it was' until_true 10 events from 6
is "$(sed -n 's/^id: //p' "$LOGS/from" | head -n 3 | tr '\n' ' ')" "$((last - 2)) $((last - 1)) $last " 'with the next record'
runs 'likewise through the proxy' until_true 10 events token 3
local_call DELETE "/tokens/$follower_id"
ended() { ! kill -0 "${followers[2]}" 2>/dev/null; }
runs 'it ends with its token' until_true 10 ended
kill "${followers[@]:0:2}"
wait "${followers[@]}" || true
local_call GET "$log/tail" -H 'Last-Event-ID: x'
is "$STATUS $(field .error.field)" '400 Last-Event-ID' 'a place that is none is refused'

# -- statistics --
local_call GET "$log/statistics?by=status&path=/page/"
is "$(field '[.by, .rows[0].key, .rows[0].count, .rows[0].errors, .total.count] | map(tostring) | join(" ")')" 'status 308 9 0 9' 'counted by status'
local_call GET "$log/statistics?by=path&top=2&path=/page/"
is "$(field '.rows | length')" 2 'the most frequent ones'
local_call GET "$log/statistics?by=minute"
runs 'by time' jq -e '.rows | length > 0 and all(.p50 <= .p95 and .p95 <= .p99) and (.[0].key | test("^20..-..-..T..:..:00Z$"))' <<<"$BODY"
kill -STOP "$(pid_of records)"
curl -s -o "$LOGS/counted" --max-time 30 --unix-socket /run/bulkhead/local.sock "http://host/api/v1$log/statistics?by=hour" &
counting=$!
sleep 0.5
local_call GET "$log/statistics?by=hour"
is "$STATUS $(field .error.code)" '503 unavailable' 'one at a time'
kill -CONT "$(pid_of records)"
wait "$counting" || true
is "$(jq -r .by "$LOGS/counted")" hour 'which is answered'
local_call GET "$log/statistics?by=hour"
is "$STATUS" 200 'and then the next'
local_call GET "$log/statistics?by=detail"
is "$STATUS $(field .error.field)" '400 by' 'not by anything'

# -- verification --
local_call GET "$log/verify"
is "$STATUS $(field '[.intact, .first] | map(tostring) | join(" ")')" '200 true 1' 'the log is intact'
seq=$(field .seq) chain=$(field .chain)
local_call GET "$log/verify?seq=$seq&chain=$chain"
is "$(field .intact)" true 'also with what an earlier answer said'
local_call GET "$log/verify?seq=$seq&chain=${chain:1}0"
is "$(field .intact)" false 'not with anything else'
runs 'the file is a database' test -f "$(echo "/data/bulkhead/audit/$realm"/0*.db)"
tamper() { sqlite3 -cmd '.timeout 5000' "$(echo "/data/bulkhead/audit/$realm"/0*.db)" "$1"; }
refuses 'nobody else reads it' setpriv --reuid 901 --regid 900 --clear-groups ls /data/bulkhead/audit
if command -v sqlite3 >/dev/null; then
	path=$(tamper "SELECT path FROM records WHERE seq = 3")
	tamper "UPDATE records SET path = '/forged' WHERE seq = 3"
	local_call GET "$log/verify"
	is "$(field '[.intact, .problem] | map(tostring) | join(" ")')" 'false a record was changed behind record 2' 'a changed record is found'
	tamper "UPDATE records SET path = nullif('$path', '') WHERE seq = 3"
	local_call GET "$log/verify"
	is "$(field .intact)" true 'put back, it is intact'
	tamper 'CREATE TABLE kept AS SELECT * FROM records WHERE seq = 4; DELETE FROM records WHERE seq = 4'
	local_call GET "$log/verify"
	is "$(field '[.intact, .problem] | map(tostring) | join(" ")')" 'false a record is missing behind record 3' 'so is a missing one'
	tamper 'INSERT INTO records SELECT * FROM kept; DROP TABLE kept'
	local_call GET "$log/verify"
	is "$(field .intact)" true 'put back'
fi

# -- settings --
local_call GET "$log"
is "$(field '[.mode, .max_bytes, .max_days] | map(tostring) | join(" ")')" 'best_effort 1073741824 90' 'how long it is kept'
for bad in '{"mode":"x"}' '{"max_bytes":1}' '{"max_days":0}' '{"other":1}'; do
	patch "$log" "$bad"
	is "$STATUS $(field .error.field)" "400 $(jq -r 'keys[0]' <<<"$bad")" "$bad is refused"
done
local_call PATCH "$log" -H 'If-Match: "7"' -H 'Content-Type: application/json' --data-binary '{"max_days":30}'
is "$STATUS" 412 'a change of another version is refused'
patch "$log" '{"max_days":30}'
is "$STATUS $(field .max_days)" '200 30' 'a change'

# -- modes --
count() { records "kind=$1&path=$2&limit=1000" && field '.records | length'; }
for mode in block fail_closed; do
	patch "$log" "{\"mode\":\"$mode\"}"
	is "$STATUS $(field .mode)" "200 $mode" "$mode"
	visit "/$mode" -H 'Authorization: Bearer 0123456789abcdef'
	is "$STATUS $(count opened "/$mode")" '308 1' 'a request is on record before it goes on'
	seen "kind=request&path=/$mode" 1 'and when it has ended'
	records "path=/$mode"
	is "$(field '[.records[].request] | unique | length')" 1 'under one id'
	is "$(field '[.records[].identity] | unique | join(" ")')" robot 'with who it was'
done
local_call DELETE "/containers/$www/proxy/permissions"
visit /unguarded
is "$STATUS $(count opened /unguarded)" '308 1' 'also where nobody is asked who he is'
kill -STOP "$(pid_of audit)"
visit /stopped
is "$STATUS" 503 'fail_closed: without a record no request goes on'
patch "/containers/$www" '{"labels":{"a":"b"}}'
is "$STATUS $(field .error.code)" '503 unavailable' 'and no change is made'
kill -CONT "$(pid_of audit)"
seen 'kind=request&path=/stopped&status=503' 1 'the refusal is on record'
visit /again
is "$STATUS" 308 'it goes on as soon as it can'
patch "$log" '{"mode":"block"}'
kill -STOP "$(pid_of audit)"
visit /waited
is "$STATUS" 308 'block: a request waits for a while, and goes on'
kill -CONT "$(pid_of audit)"
seen 'kind=request&path=/waited' 1 'its end is on record'

# -- death --
patch "$log" '{"mode":"fail_closed"}'
for role in audit records gate api; do
	(
		for i in $(seq 40); do
			visit "/killed/$role/$i"
			if [ "$STATUS" = 308 ]; then echo "/killed/$role/$i"; fi
		done >"$LOGS/passed-$role"
	) &
	load=$!
	for i in 1 2 3; do
		sleep 0.4
		kill -9 "$(pid_of "$role")" || true
	done
	wait "$load"
	runs "$role was killed under load" until_true 20 serving
	cmp_ok "$(wc -l <"$LOGS/passed-$role")" -gt 10 'requests went on'
	records "kind=opened&path=/killed/$role/&limit=1000"
	field '.records[].path' | sort -u >"$LOGS/opened"
	is "$(sort "$LOGS/passed-$role" | comm -23 - "$LOGS/opened" | head -n 3)" '' 'and none of them without a record'
done
local_call GET "$log/verify"
is "$(field .intact)" true 'the chain holds'
kill "$proxy"
wait "$proxy" || true
web_start
log=/host/audit
seen 'kind=lost&text=proxy' 1 'a proxy that ended is a gap on record'
log=/realms/$realm/audit

# -- more than can be taken --
patch "$log" '{"mode":"best_effort"}'
records limit=1
before=$(field '.records[0].seq')
wrk -t1 -c16 -d4s "https://127.0.0.1/load" -H "Host: $project-$www.$DOMAIN" >"$LOGS/wrk.log" 2>&1
done_count=$(sed -n 's/^ *\([0-9]*\) requests in.*/\1/p' "$LOGS/wrk.log")
# What is at port 80 of the container's address here is HAProxy's own redirect: it tells of each request, too.
counted() {
	local_call GET "$log/statistics?by=path&path=/load"
	recorded=$(field .total.count)
	local_call GET '/host/audit/statistics?by=path&path=/load'
	recorded=$((recorded + $(field .total.count)))
	local_call GET '/host/audit/records?kind=lost&text=could%20be%20taken&limit=1000'
	lost=$(field '[.records[].detail.records] | add // 0')
	[ "$((recorded + lost))" -ge "$((2 * done_count))" ]
}
until_true 30 counted || true
counted || true
diag "of 2 * $done_count requests $recorded are on record, $lost are told to be lost"
cmp_ok "$((recorded + lost))" -ge "$((2 * done_count))" 'all requests of a flood are on record, or known to be lost'
cmp_ok "$((recorded + lost))" -le "$((2 * done_count + 64))" 'and not more'
local_call GET "$log/verify"
is "$(field '.intact')" true 'the chain holds'
: "$before"

# -- a full disk --
patch "$log" '{"mode":"fail_closed"}'
kill "$(pid_of audit)" # which leaves no room in files that it has
there() { visit /before-full && [ "$STATUS" = 308 ]; }
runs 'there is room' until_true 10 there
dd if=/dev/zero of=/data/fill bs=1M count=64 2>/dev/null
busybox mount -o remount,size="$(df --output=used -k /data | tail -n 1)k" /data
for i in $(seq 60); do visit "/full/$i"; echo "$STATUS"; done >"$LOGS/full"
like "$(tail -n 1 "$LOGS/full")" 503 'the disk is full: no request goes on'
patch "/projects/$project/proxy/permissions" '{"default":"allow"}'
is "$STATUS $(field .error.code)" '503 unavailable' 'and nothing is changed'
patch "$log" '{"mode":"fail_closed"}'
isnt "$STATUS $(field .error.message)" '503 the audit log does not take a record, and without one nothing may be changed here; see its disk' 'but how the log is kept can be'
rm /data/fill
busybox mount -o remount,size=1g /data
again() { visit /after-full && [ "$STATUS" = 308 ]; }
runs 'with room it goes on' until_true 10 again
records 'path=/full/&kind=opened&limit=1000'
is "$(field '.records | length')" "$(grep -c 308 "$LOGS/full")" 'what went on is on record, and nothing else'
seen 'kind=lost' 1 'that records are missing is on record'
local_call GET "$log/verify"
is "$(field .intact)" true 'the chain holds'
patch "$log" '{"mode":"best_effort"}'

# -- retention --
patch "$log" '{"max_bytes":4194304}'
for i in 1 2 3; do wrk -t1 -c16 -d3s "https://127.0.0.1/more" -H "Host: $project-$www.$DOMAIN" >>"$LOGS/wrk.log" 2>&1; done
patch "$log" '{"max_bytes":4194305}'
size() { du -sb "/data/bulkhead/audit/$realm" | cut -f1; }
small() { [ "$(size)" -lt 8000000 ]; }
runs 'the oldest records go when there are too many' until_true 20 small
local_call GET "$log/verify"
is "$(field .intact)" true 'what is left is intact'
cmp_ok "$(field .first)" -gt 1 'and begins later'
records 'order=oldest&limit=1'
is "$(field '.records[0].seq')" "$(local_call GET "$log/verify"; field .first)" 'as its records do'

local_call DELETE "/containers/$www"
local_call DELETE "/projects/$project"
is "$STATUS" 204 'all goes'
kill "$proxy"
wait "$proxy" || true
roles_end
finish
