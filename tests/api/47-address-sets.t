#!/bin/bash
# Address sets: lists of up to 100,000 networks that rules name. In force for packets of both families and for flows that stand; changed whole or not at
# all; what is refused.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin
admin=$TOKEN
W=$LOGS/sets
mkdir -p "$W"
read -r open_port port web_port _ < <(ports_pick | tr -c '0-9\n' ' ')
serve -u "TCP-LISTEN:$open_port,bind=127.0.0.1,fork,reuseaddr" SYSTEM:"cat >>$W/open"
serve "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" SYSTEM:'echo served'
serve "TCP6-LISTEN:$port,bind=[::1],fork,reuseaddr" SYSTEM:'echo served'

lab_start listed
box=$LAB
runs 'a container' wait_until 60 lab_up
tcp() { [ "$(lab "busybox nc -w 3 10.0.2.2 $port </dev/null")" = served ]; }
tcp6() { [ "$(lab "busybox nc -w 3 fec0::2 $port </dev/null")" = served ]; }
rules() { api_json PUT "/containers/$box/firewall" "$1"; }
load() { api PUT "/address-sets/$1/addresses" -H 'Content-Type: text/plain' --data-binary "$2" --max-time 200 "${@:3}"; } # ID LIST|@FILE
etag() { tr '[:upper:]' '[:lower:]' <<<"$HEADERS" | sed -n 's/^etag: //p'; }
would() { # ADDRESS
	api GET "/containers/$box/firewall/test?direction=egress&protocol=tcp&port=$port&address=$1"
	field '.action + " " + .reason'
}

# -- one --
api_json POST /address-sets "{\"realm\":\"$REALM\",\"name\":\"office\",\"comment\":\"where we sit\"}"
answers 201 'an address set'
is "$(field '[.realm, .name, .comment, .ipv4, .ipv6] | map(tostring) | join(" ")')" "$REALM office where we sit 0 0" 'is empty at first'
set=$(field .id)
load "$set" $'# ours\n10.0.2.0/24 ; the outside\n10.0.2.7\n\nfec0::/64\n'
answers 200 'it gets addresses'
is "$(field '"\(.ipv4) \(.ipv6)"') $(etag)" '1 1 "1"' 'of both families, one within another left out'
api GET "/address-sets/$set/addresses"
is "$BODY" $'10.0.2.0/24\nfec0::/64' 'which come back'
api GET "/address-sets?realm=$REALM"
is "$(field '.items | length')" 1 'it is listed'

# -- rules that name it --
deny="{\"rules\":[{\"direction\":\"egress\",\"action\":\"deny\",\"protocol\":\"tcp\",\"address_sets\":[\"$set\"]}]}"
rules "$deny"
answers 200 'a rule names it'
refuses 'what it lists is denied' tcp
refuses 'by IPv6, too' tcp6
is "$(would 10.0.2.2)" 'deny rule' 'and it is known beforehand'
is "$(would 192.0.2.1)" 'allow egress' 'also of what it does not list'
load "$set" '192.0.2.0/24'
answers 200 'it gets others'
runs 'then that passes' tcp
runs 'in both families' tcp6
load "$set" 'fec0::2'
refuses 'one address of IPv6' tcp6
runs 'says nothing of IPv4' tcp
lab "(i=0; while [ \$i -lt 200 ]; do echo \$i; i=\$((i + 1)); sleep 0.2; done | busybox nc 10.0.2.2 $open_port) >/dev/null 2>&1 &" >/dev/null
flows() { [ "$(wc -l <"$W/open")" -gt "$1" ]; }
: >"$W/open"
runs 'a connection stands' wait_until 20 flows 5
load "$set" '203.0.113.0/24'
before=$(wc -l <"$W/open")
runs 'a change that does not concern it lets it be' wait_until 20 flows $((before + 5))
load "$set" '10.0.2.2'
sleep 1
before=$(wc -l <"$W/open")
sleep 3
is "$(wc -l <"$W/open")" "$before" 'one that does ends it'
rules "{\"egress\":\"allow-list\",\"rules\":[{\"direction\":\"egress\",\"action\":\"allow\",\"address_sets\":[\"$set\"]}]}"
runs 'an allowed list' tcp
refuses 'and nothing else' tcp6
machine_qmp "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"hostfwd_add net0 tcp:127.0.0.1:$web_port-:8090\"}}" >/dev/null
published() { [ "$(curl -s --max-time 5 "http://127.0.0.1:$web_port/")" = 'hello from bulkhead' ]; }
rules '{"ports":[{"host_port":8090,"port":80}]}'
runs 'a published port' wait_until 20 published
rules "{\"rules\":[{\"direction\":\"ingress\",\"action\":\"deny\",\"address_sets\":[\"$set\"]}],\"ports\":[{\"host_port\":8090,\"port\":80}]}"
refuses 'is closed to a set' published
load "$set" '#'
answers 200 'a comment alone empties it'
runs 'then the port is open' published

# -- many --
api_json POST /address-sets "{\"realm\":\"$REALM\",\"name\":\"many\"}"
many=$(field .id)
awk 'BEGIN { for (i = 0; i < 99999; i++) printf "%d.%d.%d.%d\n", 20 + int(i / 32768), int(i / 128) % 256, i % 128 * 2, 1; }' >"$W/list"
echo 10.0.2.2 >>"$W/list"
started=$(date +%s%N)
load "$many" "@$W/list"
diag "100,000 networks in $((($(date +%s%N) - started) / 1000000)) ms of emulation"
answers 200 'a hundred thousand networks'
is "$(field .ipv4)" 100000 'all of them'
rules "{\"rules\":[{\"direction\":\"egress\",\"action\":\"deny\",\"address_sets\":[\"$many\"]}]}"
answers 200 'a rule names them'
refuses 'and finds the last' tcp
runs 'no other' tcp6
is "$(would 20.1.4.1)" 'deny rule' 'nor in the question what would be'
is "$(would 20.1.5.1)" 'allow egress' 'between two'
echo 192.0.2.1 >>"$W/list"
load "$many" "@$W/list"
refused 400 invalid 'line 100001' 'one more'
refuses 'changes nothing' tcp
sed -i '$d' "$W/list"
load "$set" "@$W/list"
answers 200 'a second of that size'
api_json POST /address-sets "{\"realm\":\"$REALM\",\"name\":\"third\"}"
third=$(field .id)
load "$third" '192.0.2.1'
refused 409 limit - 'is all that a realm may have'
load "$set" '192.0.2.1'
answers 200 'until it has less'

# -- killed roles --
lab "(for i in \$(seq 25); do busybox nc -w 1 10.0.2.2 $port </dev/null; done >/tmp/leaked 2>&1; echo done >>/tmp/leaked) </dev/null >/dev/null 2>&1 &" >/dev/null
knocked() { [ "$(lab 'tail -n 1 /tmp/leaked')" = 'done' ]; }
for part in engine api daemon; do
	admin_ssh restart "$part" </dev/null >/dev/null 2>&1
	sleep 5
done
runs 'the daemon is back' wait_until 90 api_up
runs 'somebody has knocked all the time' wait_until 120 knocked
is "$(lab 'grep -c served /tmp/leaked')" 0 'nothing passed while each role was killed'
refuses 'the set holds' tcp
load "$many" '192.0.2.1'
answers 200 'and can be changed'
runs 'as before' tcp

# -- the end of one --
api DELETE "/address-sets/$many"
refused 409 conflict - 'a set that a rule names stays'
api DELETE "/realms/$REALM"
refused 409 - - 'and so does its realm'
rules '{}'
for id in "$many" "$third"; do
	api DELETE "/address-sets/$id"
	answers 204 'one that no rule names goes'
done
api GET "/address-sets/$many"
refused 404 not_found - 'then it is gone'
rules "{\"rules\":[{\"direction\":\"egress\",\"action\":\"deny\",\"address_sets\":[\"$many\"]}]}"
refused 400 invalid 'rules[0].address_sets[0]' 'and no rule can name it'

# -- whose, and what makes no sense --
api_json POST /address-sets "{\"realm\":\"$REALM\",\"name\":\"office\"}"
refused 409 conflict name 'a name that is taken'
api_json PATCH "/address-sets/$set" '{"name":"office-2","comment":"moved"}'
is "$STATUS $(field '.name + " " + .comment')" '200 office-2 moved' 'a new name'
for list in '10.0.0.1/8' $'10.0.0.0/8\nexample.org' '10.0.0.0/40'; do
	load "$set" "$list"
	refused 400 invalid "line $(wc -l <<<"$list")" "a list with ${list##*$'\n'}"
done
load "$set" ''
refused 400 invalid body 'an empty body'
load "$set" '192.0.2.2' -H 'If-Match: "1"'
refused 412 changed - 'a version that is not the present one'
api GET "/address-sets/$set/addresses"
is "$BODY" 192.0.2.1 'nothing of it has changed anything'
load "$set" '192.0.2.2' -H "If-Match: $(etag)"
answers 200 'the present one'
api_json POST /address-sets "{\"realm\":\"$box\",\"name\":\"x\"}"
refused 404 not_found realm 'of no realm'
api_json POST /realms '{"name":"neighbours"}'
other=$(field .id)
api_json POST /tokens "{\"name\":\"t\",\"role\":\"admin\",\"realms\":[\"$other\"]}"
TOKEN=$(field .token)
api GET "/address-sets/$set"
refused 404 not_found - "another realm's"
load "$set" '10.0.0.0/8'
refused 404 not_found - "another realm's, to be changed"
api_json POST /address-sets "{\"realm\":\"$other\",\"name\":\"theirs\"}"
theirs=$(field .id)
TOKEN=$admin
rules "{\"rules\":[{\"direction\":\"egress\",\"action\":\"deny\",\"address_sets\":[\"$theirs\"]}]}"
refused 400 invalid 'rules[0].address_sets[0]' "no rule names another realm's"
api DELETE "/realms/$other"
refused 409 in_use - 'a realm with a set stays'
api DELETE "/address-sets/$theirs"
api DELETE "/realms/$other"
answers 204 'without it goes'
api_json POST /tokens "{\"name\":\"t\",\"role\":\"operator\",\"realms\":[\"$REALM\"]}"
TOKEN=$(field .token)
api GET "/address-sets/$set/addresses"
answers 200 'an operator reads'
load "$set" '10.0.0.0/8'
refused 403 forbidden - 'and does not write'
TOKEN=$admin

# -- the command --
cli() { "$O/bin/bulkhead" --server "https://api.$DOMAIN" --connect "127.0.0.1:$PORT_HTTPS" --insecure --token-file "$M/token" "$@"; }
echo '198.51.100.0/24' >"$W/short"
is "$(cli address-set load "$W/short" "$set" 2>"$LOGS/cli.err"; cli address-set addresses "$set")" 198.51.100.0/24 'the command loads and shows'
api DELETE "/address-sets/$set"
answers 204 'the set goes'
container_gone "$box"
finish
