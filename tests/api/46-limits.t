#!/bin/bash
# Limits of a container's traffic: connections at a time, new ones a second, bytes a second in both directions, also through the proxy; the smallest of realm,
# project and container; counted; kept when the engine is killed.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin
W=$LOGS/outside
mkdir -p "$W"

read -r hold_port sink_port source_port _ < <(ports_pick | tr -c '0-9\n' ' ')
SIZE=1500000 RATE=100000
# A rate may be ahead by a part of a second and by 256 KiB: what is left takes at least this long, whatever the machine.
LEAST=$(((SIZE - RATE - 262144) * 1000 / RATE))
head -c "$SIZE" /dev/zero >"$W/zeros"
serve "TCP-LISTEN:$hold_port,bind=127.0.0.1,fork,reuseaddr" SYSTEM:'echo served; sleep 12'
serve -u "TCP-LISTEN:$sink_port,bind=127.0.0.1,fork,reuseaddr" OPEN:/dev/null
serve -U "TCP-LISTEN:$source_port,bind=127.0.0.1,fork,reuseaddr" "OPEN:$W/zeros,rdonly"

lab_start limited
box=$LAB box_url=$LAB_URL
runs 'a container' wait_until 60 lab_up
path="/containers/$box/firewall"
limits() { api_json PUT "$path" "{\"limits\":$1}"; }
effective() { api GET "$path/effective" && field "$1"; } # JQ

# -- connections at a time --
held() { lab 'rm -f /tmp/o*; for i in 1 2 3 4 5 6; do (sleep 12 | busybox nc -w 6 10.0.2.2 '"$hold_port"') >/tmp/o$i 2>/dev/null & done; sleep 7; cat /tmp/o* | grep -c served'; }
is "$(effective '[.limits, .dropped] | map(to_entries[] | select(.value != null)) | length')" 0 'nothing is limited'
limits '{"connections":3}'
answers 200 'three connections at a time'
is "$(held)" 3 'are three, of six'
cmp_ok "$(effective .dropped.connections)" -gt 0 'the others are counted'
runs 'its URL answers all the same' web_up "$box_url"
limits '{}'
is "$(held)" 6 'without a limit six are six'

# -- new ones a second --
pings() { lab 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do busybox ping -c 1 -W 2 10.0.2.2 >/dev/null 2>&1 && echo answered & done; wait' | grep -c answered; }
is "$(pings)" 20 'twenty pings are answered'
limits '{"new_per_second":1}'
answers 200 'one new connection a second'
got=$(pings)
cmp_ok "$got" -gt 0 'some are answered'
cmp_ok "$got" -lt 15 "and not all ($got)"
cmp_ok "$(effective .dropped.new_per_second)" -gt 4 'the others are counted'

# -- bytes a second --
took() { # COMMAND...: milliseconds
	local start
	start=$(date +%s%N)
	"$@" >/dev/null
	echo $((($(date +%s%N) - start) / 1000000))
}
sends() { lab "head -c $SIZE /dev/zero | busybox nc 10.0.2.2 $sink_port" --max-time 120; }
takes() { lab "busybox nc 10.0.2.2 $source_port </dev/null | wc -c" --max-time 120; }
lab "head -c $SIZE /dev/zero >/srv/www/zeros" >/dev/null
limits "{\"egress_rate\":$RATE}"
answers 200 'so many bytes a second that it sends'
cmp_ok "$(took sends)" -ge "$LEAST" 'it takes as long as that'
cmp_ok "$(took web "${box_url}zeros" --max-time 120)" -ge "$LEAST" 'through the proxy, too'
web "${box_url}zeros" --max-time 120 -r 0-99999
like "$STATUS" '^20[06]$' 'and all comes in the end'
cmp_ok "$(effective .dropped.egress_rate)" -gt 0 'what was too much is counted'
is "$(takes)" "$SIZE" 'what it receives comes whole'
limits "{\"ingress_rate\":$RATE}"
cmp_ok "$(took takes)" -ge "$LEAST" 'so many that it receives'
cmp_ok "$(effective .delayed)" -gt 0 'that packets had to wait is counted'
like "$(effective .dropped.ingress_rate)" '^[0-9]+$' 'and what was dropped, if any'

# -- of all three the smallest --
api_json PUT "/realms/$REALM/firewall" '{"limits":{"connections":5,"egress_rate":1000000}}'
answers 200 'the realm has limits'
api_json PUT "/projects/$PROJECT/firewall" '{"limits":{"connections":50,"egress_rate":50000}}'
answers 200 'the project, too'
is "$(effective '.limits | [.connections, .new_per_second, .egress_rate, .ingress_rate] | tojson')" "[5,null,50000,$RATE]" 'the smallest of each is in force'
limits '{"connections":2}'
is "$(effective .limits.connections)" 2 'which may be its own'

# -- a killed engine --
admin_ssh restart engine </dev/null >/dev/null 2>&1 || true
runs 'the engine is killed' wait_until 60 api_up
sleep 3
is "$(held)" 2 'and the limit holds'
limits "{\"ingress_rate\":$RATE}"
admin_ssh restart engine </dev/null >/dev/null 2>&1 || true
runs 'the engine is killed with a rate' wait_until 60 api_up
sleep 3
cmp_ok "$(took takes)" -ge "$LEAST" 'it holds'
cmp_ok "$(effective .delayed)" -gt 0 'and counts'
api POST "/containers/$box/restart"
runs 'it starts again' wait_until 60 web_up "$box_url"
cmp_ok "$(took takes)" -ge "$LEAST" 'with its rate'
api_json PUT "/realms/$REALM/firewall" '{}'
api_json PUT "/projects/$PROJECT/firewall" '{}'
limits '{}'
is "$(effective '[.limits, .dropped] | map(to_entries[] | select(.value != null)) | length')" 0 'then nothing is limited again'
is "$(pings)" 20 'nor dropped'

# -- what makes no sense --
bad() { # LIMITS FIELD
	limits "$1"
	refused 400 invalid "limits$2" "$1"
}
bad '{"connections":0}' .connections
bad '{"connections":65537}' .connections
bad '{"new_per_second":"many"}' .new_per_second
bad '{"egress_rate":9999}' .egress_rate
bad '{"ingress_rate":10000000001}' .ingress_rate
bad '{"packets":1}' .packets
bad '[]' ''
api GET "$path"
is "$(field '.limits | map(select(. != null)) | length')" 0 'none of them changed anything'
container_gone "$box"
finish
