#!/bin/bash
# Who administers the host: SSH and API limited to networks, never the caller shut out unasked, a change on trial that is taken back, also when the daemon
# was killed meanwhile, and one that is confirmed; a source that floods SSH.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin
admin=$TOKEN
container_start reached
box=$ID box_url=$URL

access() { api_json PUT "/host/access${2:-}" "$1"; } # DOCUMENT [QUERY]
# Dropped, its first packet is sent again and again: it must not outlast a trial.
ssh_answers() { SSH_TIMEOUT=8 admin_ssh help </dev/null >/dev/null 2>&1; }
shown() { api GET /host/access && field '[.ssh, .api, (.revert_at != null)] | tojson'; }

# -- as it is --
api GET /host/access
is "$STATUS $(field 'del(.x) | tojson')" '200 {"ssh":null,"api":null,"revert_at":null}' 'anybody may try'
like "$(tr '[:upper:]' '[:lower:]' <<<"$HEADERS")" 'etag: "[0-9]+"' 'in some version'
runs 'SSH answers' wait_until 30 ssh_answers
runs 'a container answers' wait_until 60 web_up "$box_url"

# -- not the caller --
access '{"ssh":["192.0.2.0/24","2001:db8::/32"]}'
refused 409 conflict ssh 'a list without the own address'
like "$(field .error.message)" 'revert_after' 'says what can be done'
access '{"api":["192.0.2.1"]}'
refused 409 conflict api 'the same of the API'
is "$(shown)" '[null,null,false]' 'nothing is changed'
access '{"ssh":["10.0.2.0/24"],"api":["10.0.0.0/8","::1"]}'
answers 200 'lists that hold it'
is "$(shown)" '[["10.0.2.0/24"],["10.0.0.0/8","::1"],false]' 'are in force'
runs 'SSH answers as before' wait_until 30 ssh_answers

# -- on trial --
access '{"ssh":["192.0.2.0/24"]}' '?revert_after=40'
answers 200 'one that does not, on trial'
is "$(shown)" '[["192.0.2.0/24"],null,true]' 'is in force'
refuses 'SSH does not answer' ssh_answers
runs 'the API does' api_up
runs 'so does a container' web_up "$box_url"
api POST /host/access/confirm
refused 409 conflict ssh 'it is not confirmed from here'
was() { [ "$(shown)" = '[["10.0.2.0/24"],["10.0.0.0/8","::1"],false]' ]; }
runs 'after its time it is as before' wait_until 90 was
runs 'and SSH answers' wait_until 30 ssh_answers
api POST /host/access/confirm
refused 409 conflict - 'then there is nothing to confirm'
access '{"api":["192.0.2.0/24"]}' '?revert_after=15'
answers 200 'the API on trial'
api GET /containers
is "$STATUS" 403 'takes nothing from here'
TOKEN=none api GET /containers
is "$STATUS" 403 'whatever the token'
api GET /openapi.yaml
is "$STATUS" 403 'nor is its description shown'
runs 'a container answers all the same' web_up "$box_url"
runs 'SSH does' wait_until 30 ssh_answers
runs 'after its time it is as before' wait_until 40 was
access '{"ssh":["10.0.2.2"]}' '?revert_after=20'
answers 200 'on trial once more'
api POST /host/access/confirm
answers 200 'and confirmed'
is "$(shown)" '[["10.0.2.2"],null,false]' 'it stays'
access '{"ssh":["192.0.2.0/24"]}' '?revert_after=3600'
access '{"ssh":["192.0.2.1"]}' '?revert_after=40'
answers 200 'a trial in place of another'
refuses 'holds' ssh_answers
kept() { [ "$(shown)" = '[["10.0.2.2"],null,false]' ]; }
runs 'and ends with what was kept' wait_until 90 kept
runs 'so that SSH answers' wait_until 30 ssh_answers

# -- a killed daemon --
access '{"ssh":["10.0.2.2","192.0.2.1"]}' '?revert_after=25'
answers 200 'on trial'
admin_ssh restart daemon </dev/null >/dev/null 2>&1 || true
runs 'the daemon is killed and back' wait_until 60 api_up
runs 'the trial ends all the same' wait_until 60 kept
admin_ssh restart engine </dev/null >/dev/null 2>&1 || true
sleep 3
runs 'the engine is killed: SSH answers whom it did' wait_until 60 ssh_answers

# -- versions, roles, nonsense --
api GET /host/access
tag=$(tr '[:upper:]' '[:lower:]' <<<"$HEADERS" | sed -n 's/^etag: //p')
api_json PUT /host/access '{}' -H 'If-Match: "999"'
refused 412 changed - 'a version that is not the present one'
api_json PUT /host/access '{}' -H "If-Match: $tag"
answers 200 'the present one'
is "$(shown)" '[null,null,false]' 'opens all'
bad() { # DOCUMENT FIELD
	access "$1"
	refused 400 invalid "$2" "$1"
}
bad '{"ssh":[]}' ssh
bad '{"ssh":["10.0.2.2/24"]}' 'ssh[0]'
bad '{"api":["everybody"]}' 'api[0]'
bad '{"web":["10.0.0.0/8"]}' web
for query in revert_after=9 revert_after=3601 revert_after=soon force=yes; do
	access '{}' "?$query"
	refused 400 invalid "${query%=*}" "$query"
done
api_json POST /tokens '{"name":"reader","role":"reader"}'
reader_id=$(field .id)
TOKEN=$(field .token)
api GET /host/access
answers 200 'a reader reads'
access '{}'
refused 403 forbidden - 'and does not write'
api POST /host/access/confirm
refused 403 forbidden - 'nor confirm'
TOKEN=$admin
api_json POST /tokens "{\"name\":\"bound\",\"role\":\"admin\",\"realms\":[\"$REALM\"]}"
bound_id=$(field .id)
TOKEN=$(field .token)
access '{}'
refused 403 forbidden - 'nor does the admin of a realm'
TOKEN=$admin
api DELETE "/tokens/$reader_id"
api DELETE "/tokens/$bound_id"

# -- a flood --
flood() {
	local i
	for ((i = 0; i < 400; i++)); do
		(exec 3<>"/dev/tcp/127.0.0.1/$PORT_ADMIN") 2>/dev/null &
	done
	wait
}
api GET /host
before=$(field .firewall.ssh_flood)
flood
api GET /host
cmp_ok "$(field .firewall.ssh_flood)" -gt "$before" 'of a flood of connections some are dropped, and counted'
cmp_ok "$(field .firewall.ssh_refused)" -gt 0 'so are those of whom a list did not hold'
runs 'after a flood of connections SSH answers again' wait_until 60 ssh_answers
runs 'the API as ever' api_up
container_gone "$box"
finish
