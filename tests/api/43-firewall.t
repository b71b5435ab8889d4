#!/bin/bash
# Firewall rules by API: what passes and what does not, in both directions, seen with real connections; order, modes, expiry, counters, published
# ports, flows that stand, other realms, a killed engine; and what is refused.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin
admin=$TOKEN
W=$LOGS/outside
mkdir -p "$W"

# -- the outside: two servers that the machine sees at 10.0.2.2 --
read -r open_port closed_port web_port _ < <(ports_pick | tr -c '0-9\n' ' ')
serve -u "TCP-LISTEN:$open_port,bind=127.0.0.1,fork,reuseaddr" SYSTEM:"cat >>$W/open"
serve "TCP-LISTEN:$closed_port,bind=127.0.0.1,fork,reuseaddr" SYSTEM:'echo served'
serve "TCP6-LISTEN:$closed_port,bind=[::1],fork,reuseaddr" SYSTEM:'echo served'
serve -u "UDP-RECV:$closed_port,bind=127.0.0.1,reuseaddr" "CREATE:$W/udp"

lab_start walled
box=$LAB box_url=$LAB_URL
runs 'a container' wait_until 60 lab_up
path="/containers/$box/firewall"
set_rules() { api_json PUT "$path" "$1"; }
tcp() { [ "$(lab "busybox nc -w 3 10.0.2.2 $closed_port </dev/null")" = served ]; }
tcp6() { [ "$(lab "busybox nc -w 3 fec0::2 $closed_port </dev/null")" = served ]; } # the same server, of QEMU's IPv6
# A question of TFTP that nobody answers: what came in was let out.
udp() {
	local before
	before=$(stat -c %s "$W/udp")
	lab "busybox timeout 2 busybox tftp -g -r x -l /dev/null 10.0.2.2 $closed_port" >/dev/null
	[ "$(stat -c %s "$W/udp")" -gt "$before" ]
}
ping_out() { [ "$(lab 'busybox ping -c 1 -W 3 10.0.2.2 >/dev/null 2>&1; echo $?')" = 0 ]; }
rule() { jq -cn --argjson more "$1" '{rules: [{direction: "egress", action: "deny"} + $more]}'; }

# -- as it is without a word --
api GET "$path"
is "$STATUS $(field 'del(.limits) | tojson')" '200 {"egress":null,"rules":[],"ports":[],"internal":null}' 'a container has no rules'
like "$(tr '[:upper:]' '[:lower:]' <<<"$HEADERS")" 'etag: "0"' 'in version 0'
runs 'all the outside is open: TCP' tcp
runs 'by IPv6' tcp6
runs 'UDP' udp
runs 'ping' ping_out

# -- one rule --
set_rules "$(rule "{\"protocol\":\"tcp\",\"addresses\":[\"10.0.2.2\"],\"ports\":[\"$closed_port\"]}")"
answers 200 'TCP to one port of one address is denied'
like "$(tr '[:upper:]' '[:lower:]' <<<"$HEADERS")" 'etag: "1"' 'that is version 1'
id=$(field '.rules[0].id')
like "$id" '^[0-9a-f]{24}$' 'the rule has an id'
refuses 'it does not pass' tcp
runs 'UDP to the same port does' udp
runs 'ping does' ping_out
api GET "$path/effective"
is "$(field '.rules[0] | [.from.scope, .from.id, .id, (.packets > 0)] | map(tostring) | join(" ")')" "container $box $id true" 'the effective rules say where it comes from, and that it has counted'
set_rules "$(rule '{"protocol":"udp","action":"reject"}')"
refuses 'UDP is rejected' udp
runs 'then TCP passes' tcp
set_rules "$(rule '{"addresses":["10.0.0.0/8"]}')"
refuses 'a whole network' tcp
refuses 'with any protocol' ping_out
runs 'of one family' tcp6
set_rules "$(rule '{"addresses":["fec0::/64","192.0.2.0/24"],"protocol":"tcp"}')"
refuses 'or of the other' tcp6
runs 'alone' tcp
set_rules "$(rule '{"addresses":["10.0.0.0/8"],"enabled":false}')"
runs 'a rule that is disabled does nothing' tcp
set_rules "$(rule '{"protocol":"icmp"}')"
refuses 'no ping' ping_out
runs 'but TCP' tcp

# -- order --
set_rules "{\"rules\":[{\"direction\":\"egress\",\"action\":\"deny\"},{\"direction\":\"egress\",\"action\":\"allow\",\"protocol\":\"tcp\",\"priority\":100}]}"
runs 'the lower priority is asked first' tcp
refuses 'and what it does not match, by the next' ping_out
api GET "$path/effective"
is "$(field '[.rules[].action] | join(" ")')" 'allow deny' 'the effective rules are in that order'
api_json PUT "/realms/$REALM/firewall" '{"rules":[{"direction":"egress","action":"deny","protocol":"tcp","priority":100}]}'
answers 200 'the realm says something at the same priority'
refuses 'which is asked before' tcp
api GET "$path/effective"
is "$(field '[.rules[] | .from.scope + ":" + .action] | join(" ")')" 'realm:deny container:allow container:deny' 'and shown so'
api_json PUT "/projects/$PROJECT/firewall" '{"egress":"allow-list"}'
answers 200 'a project has a mode'
api_json PUT "/realms/$REALM/firewall" '{}'
set_rules '{"egress":"open"}'
api GET "$path/effective"
is "$(field .egress)" allow-list 'the strictest mode holds'
refuses 'what no rule allows is dropped' tcp
set_rules "{\"rules\":[{\"direction\":\"egress\",\"action\":\"allow\",\"protocol\":\"tcp\",\"ports\":[\"1-$((closed_port - 1))\",\"$closed_port\"]}]}"
is "$(field '.rules[0].ports | join(",")')" "1-$closed_port" 'ranges that touch are one'
runs 'what one allows passes' tcp
refuses 'and nothing else' udp
set_rules "{\"egress\":\"none\",\"rules\":[{\"direction\":\"egress\",\"action\":\"allow\"}]}"
refuses 'with mode none nothing passes, whatever rules allow' tcp
api_json PUT "/projects/$PROJECT/firewall" '{}'
set_rules '{}'
runs 'all is open again' tcp

# -- the question what would be --
set_rules "{\"egress\":\"allow-list\",\"rules\":[{\"direction\":\"egress\",\"action\":\"log\"},{\"direction\":\"egress\",\"action\":\"allow\",\"protocol\":\"tcp\",\"addresses\":[\"10.0.2.0/24\",\"2001:db8::/32\"],\"ports\":[\"$closed_port\"]}],\"ports\":[{\"host_port\":8080,\"port\":80}]}"
answers 200 'rules to ask about'
would() { # DIRECTION PROTOCOL ADDRESS PORT: action and reason
	local port=''
	[ "$4" = 0 ] || port="&port=$4"
	api GET "$path/test?direction=$1&protocol=$2&address=$3$port"
	field '.action + " " + .reason'
}
is "$(would egress tcp 10.0.2.2 "$closed_port")" 'allow rule' 'allowed by a rule'
would egress tcp 10.0.2.2 "$closed_port" >/dev/null
is "$(field .rule.from.scope)" container 'which is told'
runs 'as it is' tcp
is "$(would egress tcp 10.0.2.2 1)" 'deny egress' 'another port: denied by the mode'
is "$(would egress udp 10.0.2.2 "$closed_port")" 'deny egress' 'UDP'
refuses 'as it is' udp
is "$(would egress tcp 2001:db8::1 "$closed_port")" 'allow rule' 'the other family'
is "$(would egress tcp 169.254.169.254 80)" 'deny closed' "clouds' metadata"
is "$(would egress icmpv6 fe80::1 0)" 'deny closed' 'link-local'
is "$(would egress tcp 10.77.255.250 80)" 'deny closed' 'an address that no container of the realm has'
is "$(would ingress tcp 192.0.2.1 80)" 'allow published' 'in by a published port'
is "$(would ingress tcp 192.0.2.1 81)" 'deny not-published' 'in by another'
for bad in direction=egress\&protocol=tcp\&address=10.0.2.2 direction=egress\&protocol=icmp\&address=10.0.2.2\&port=1 \
	direction=out\&protocol=tcp\&address=10.0.2.2\&port=1 direction=egress\&protocol=tcp\&address=10.0.0.0/8\&port=1 \
	direction=egress\&protocol=icmpv6\&address=10.0.0.1 direction=egress\&protocol=tcp\&port=1 direction=egress\&protocol=tcp\&address=::1\&port=70000; do
	api GET "$path/test?$bad"
	refused 400 invalid - "$bad"
done

# -- published ports --
forward() { machine_qmp "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"hostfwd_add net0 tcp:127.0.0.1:$web_port-:8080\"}}" >/dev/null; }
forward
published() { [ "$(curl -s --max-time 5 "http://127.0.0.1:$web_port/")" = 'hello from bulkhead' ]; }
runs 'a published port answers' wait_until 20 published
set_rules '{"rules":[{"direction":"ingress","action":"deny","addresses":["10.0.2.2"]}],"ports":[{"host_port":8080,"port":80}]}'
answers 200 'not for this source'
refuses 'which it does not answer' published
runs 'the proxy reaches it all the same' web_up "$box_url"
set_rules '{"rules":[{"direction":"ingress","action":"allow","addresses":["10.0.2.0/24"],"priority":1},{"direction":"ingress","action":"deny"}],"ports":[{"host_port":8080,"port":80}]}'
runs 'for this one it does' published
lab_start second
second=$LAB
api_json PUT "/containers/$second/firewall" '{"ports":[{"host_port":8080,"port":80}]}'
refused 409 conflict 'ports[0].host_port' 'a port that leads to another'
api_json PUT "/containers/$second/firewall" '{"ports":[{"host_port":8081,"port":80},{"host_port":8080,"port":80,"protocol":"udp"}]}'
answers 200 'another port, and the same number of UDP'
set_rules '{}'
refuses 'a port that is published no more' published
api_json PUT "/containers/$second/firewall" '{"ports":[{"host_port":8080,"port":80}]}'
answers 200 'is free for the other'
runs 'which answers there' published
container_gone "$second"
refuses 'until it is deleted' published
set_rules '{"ports":[{"host_port":8080,"port":80}]}'
answers 200 'then the port is free at once'
runs 'and answers' published

# By IPv6, which QEMU forwards no port of: datagrams that come in at the network card.
LAB_URL=$box_url
program_put "$O/bin/forge" "$box"
machine_qmp "{\"execute\":\"chardev-add\",\"arguments\":{\"id\":\"wire\",\"backend\":{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":\"unix\",\"data\":{\"path\":\"$M/wire.sock\"}},\"server\":true,\"wait\":false}}}}" >/dev/null
machine_qmp '{"execute":"object-add","arguments":{"qom-type":"filter-redirector","id":"wire0","netdev":"net0","queue":"tx","indev":"wire"}}' >/dev/null
exec {wire}> >(cd "$M" && exec socat -u - UNIX-CONNECT:wire.sock) # once: who comes after it is not heard
datagram6() { # PORT NAME: whether the container hears it
	lab '(/forge listen 20 </dev/null >/heard 2>&1 &) ; while ! grep -q listening /heard; do sleep 0.1; done' >/dev/null
	"$O/bin/forge" frame 52:54:00:12:34:56 fec0::77 fec0::5054:ff:fe12:3456 "$1" "$2" >&"$wire"
	sleep 1
	[ "$(lab 'pkill forge; sleep 0.5; grep -v listening /heard')" = "$2" ]
}
set_rules '{"ports":[{"host_port":8080,"port":80},{"protocol":"udp","host_port":8094,"port":9}]}'
runs 'a published port is reached by IPv6' datagram6 8094 by-v6
refuses 'another one is not' datagram6 8095 not-published
set_rules '{"rules":[{"direction":"ingress","action":"deny","addresses":["fec0::77"]}],"ports":[{"host_port":8080,"port":80},{"protocol":"udp","host_port":8094,"port":9}]}'
refuses 'nor is one that is closed to its source' datagram6 8094 denied
set_rules '{"rules":[{"direction":"ingress","action":"deny","addresses":["fec0::78"]}],"ports":[{"host_port":8080,"port":80},{"protocol":"udp","host_port":8094,"port":9}]}'
runs 'as it is not to this one' datagram6 8094 allowed
exec {wire}>&-
machine_qmp '{"execute":"object-del","arguments":{"id":"wire0"}}' >/dev/null
machine_qmp '{"execute":"chardev-remove","arguments":{"id":"wire"}}' >/dev/null
set_rules '{"ports":[{"host_port":8080,"port":80}]}'
runs 'the port answers as before' published

# -- connections that stand --
LAB_URL=$box_url
: >"$W/open"
lab "(i=0; while [ \$i -lt 200 ]; do echo \$i; i=\$((i + 1)); sleep 0.2; done | busybox nc 10.0.2.2 $open_port) >/dev/null 2>&1 &" >/dev/null
flows() { [ "$(wc -l <"$W/open")" -gt "$1" ]; }
runs 'a connection stands' wait_until 20 flows 5
set_rules '{"rules":[{"direction":"egress","action":"deny","protocol":"udp"}]}'
before=$(wc -l <"$W/open")
runs 'a rule that allows it lets it be' wait_until 20 flows $((before + 5))
set_rules "{\"rules\":[{\"direction\":\"egress\",\"action\":\"deny\",\"protocol\":\"tcp\",\"ports\":[\"$open_port\"]}]}"
sleep 1
before=$(wc -l <"$W/open")
sleep 3
is "$(wc -l <"$W/open")" "$before" 'a rule that denies it ends it'

# -- time --
set_rules "{\"rules\":[{\"direction\":\"egress\",\"action\":\"deny\",\"expires_at\":\"$(date -u -d '+8 seconds' +%Y-%m-%dT%H:%M:%SZ)\"}]}"
answers 200 'a rule for some seconds'
refuses 'which holds' tcp
runs 'until its time is over' wait_until 30 tcp

# -- a killed engine --
set_rules '{"rules":[{"direction":"egress","action":"deny","protocol":"tcp"}],"ports":[{"host_port":8080,"port":80}]}'
lab "(for i in \$(seq 30); do busybox nc -w 1 10.0.2.2 $closed_port </dev/null; done >/tmp/leaked 2>&1; echo done >>/tmp/leaked) </dev/null >/dev/null 2>&1 &" >/dev/null
knocked() { [ "$(lab 'tail -n 1 /tmp/leaked')" = 'done' ]; }
lab '(busybox ping -c 25 -W 10 10.0.2.2 >/tmp/pinged 2>&1; echo done >>/tmp/pinged) </dev/null >/dev/null 2>&1 &' >/dev/null
for part in engine api gate names daemon; do
	admin_ssh restart "$part" </dev/null >/dev/null 2>&1
	sleep 4
done
runs 'the daemon is back' wait_until 60 api_up
runs 'somebody has knocked all the time' wait_until 120 knocked
is "$(lab 'grep -c served /tmp/leaked')" 0 'nothing passed while each role was killed'
pinged() { [ "$(lab 'tail -n 1 /tmp/pinged')" = 'done' ]; }
runs 'somebody else has pinged' wait_until 120 pinged
like "$(lab 'cat /tmp/pinged')" '25 packets transmitted, 25 packets received' 'and what may pass has passed, every packet'
runs 'the published port answers' published
refuses 'the rule holds' tcp
set_rules '{}'
runs 'and can be taken away' tcp

# -- a copy --
set_rules '{"egress":"none","rules":[{"direction":"egress","action":"deny","comment":"kept"}],"ports":[{"host_port":8080,"port":80}]}'
api_json POST "/containers/$box/copy" '{"name":"walled-too"}' --max-time 120
answers 201 'a copy'
copy=$(field .id)
api GET "/containers/$copy/firewall"
is "$(field '[.egress, .rules[0].comment, (.ports | length)] | map(tostring) | join(" ")')" 'none kept 0' 'has the rules, and not the ports'
container_gone "$copy"
set_rules '{}'

# -- versions --
api GET "$path"
tag=$(tr '[:upper:]' '[:lower:]' <<<"$HEADERS" | sed -n 's/^etag: //p')
api_json PUT "$path" '{"egress":"none"}' -H 'If-Match: "1"'
refused 412 changed - 'a version that is not the present one'
api_json PUT "$path" '{}' -H "If-Match: $tag"
answers 200 'the present one'

# -- whose --
api_json POST /realms '{"name":"elsewhere"}'
elsewhere=$(field .id)
api_json POST /tokens "{\"name\":\"t\",\"role\":\"admin\",\"realms\":[\"$elsewhere\"]}"
TOKEN=$(field .token)
for what in "realms/$REALM" "projects/$PROJECT" "containers/$box"; do
	api GET "/$what/firewall"
	refused 404 not_found - "another realm's: GET $what"
	api_json PUT "/$what/firewall" '{"egress":"none"}'
	refused 404 not_found - "another realm's: PUT $what"
done
api GET "$path/effective"
refused 404 not_found - "another realm's effective rules"
TOKEN=$admin
api_json POST /tokens "{\"name\":\"t\",\"role\":\"reader\",\"realms\":[\"$REALM\"]}"
TOKEN=$(field .token)
api GET "$path"
answers 200 'a reader reads'
set_rules '{}'
refused 403 forbidden - 'and does not write'
TOKEN=$admin
api DELETE "/realms/$elsewhere"

# -- what makes no sense --
bad() { # DOCUMENT FIELD
	set_rules "$1"
	refused 400 invalid "$2" "$1"
}
bad '{"rules":[{"direction":"egress"}]}' 'rules[0].action'
bad '{"rules":[{"direction":"sideways","action":"deny"}]}' 'rules[0].direction'
bad '{"rules":[{"direction":"egress","action":"drop"}]}' 'rules[0].action'
bad '{"rules":[{"direction":"egress","action":"deny","addresses":["10.0.0.1/8"]}]}' 'rules[0].addresses[0]'
bad '{"rules":[{"direction":"egress","action":"deny","addresses":["10.0.0.0/33"]}]}' 'rules[0].addresses[0]'
bad '{"rules":[{"direction":"egress","action":"deny","addresses":["example.org"]}]}' 'rules[0].addresses[0]'
bad '{"rules":[{"direction":"egress","action":"deny","protocol":"tcp","ports":["0"]}]}' 'rules[0].ports[0]'
bad '{"rules":[{"direction":"egress","action":"deny","protocol":"tcp","ports":["70000"]}]}' 'rules[0].ports[0]'
bad '{"rules":[{"direction":"egress","action":"deny","protocol":"tcp","ports":["9-1"]}]}' 'rules[0].ports[0]'
bad '{"rules":[{"direction":"egress","action":"deny","ports":["80"]}]}' 'rules[0].ports'
bad '{"rules":[{"direction":"egress","action":"deny","protocol":"icmp","addresses":["::1"]}]}' 'rules[0].addresses'
bad '{"rules":[{"direction":"egress","action":"deny","priority":1001}]}' 'rules[0].priority'
bad '{"rules":[{"direction":"egress","action":"deny","expires_at":"tomorrow"}]}' 'rules[0].expires_at'
bad '{"rules":[{"direction":"egress","action":"deny","id":"mine"}]}' 'rules[0].id'
bad "{\"rules\":[{\"direction\":\"egress\",\"action\":\"deny\",\"id\":\"$box\"},{\"direction\":\"egress\",\"action\":\"deny\",\"id\":\"$box\"}]}" 'rules[1]'
bad '{"rules":[{"direction":"egress","action":"deny","colour":"red"}]}' 'rules[0].colour'
bad '{"egress":"half"}' egress
bad '{"ports":[{"host_port":443,"port":80}]}' 'ports[0].host_port'
bad '{"ports":[{"host_port":2222,"port":80}]}' 'ports[0].host_port'
bad '{"ports":[{"host_port":8080,"port":0}]}' 'ports[0].port'
bad '{"ports":[{"host_port":8080,"port":80,"protocol":"icmp"}]}' 'ports[0].protocol'
bad '{"ports":[{"host_port":8080,"port":80},{"host_port":8080,"port":81}]}' 'ports[1]'
api_json PUT "/realms/$REALM/firewall" '{"ports":[{"host_port":8080,"port":80}]}'
refused 400 invalid ports 'a realm publishes no ports'
jq -cn '{rules: [range(1001) | {direction: "egress", action: "deny"}]}' >"$W/many"
set_rules "@$W/many"
refused 400 invalid rules 'a rule too many'
jq -cn '{rules: [range(1000) | {direction: "egress", action: "deny", addresses: ["192.0.2.\(. % 256)"], protocol: "tcp", ports: ["\(. + 1)"]}]}' >"$W/many"
set_rules "@$W/many" --max-time 120
answers 200 'a thousand are taken'
runs 'and leave the rest alone' tcp
set_rules '{}'
answers 200 'and go'
is "$(api GET "$path/effective" && field '.rules | length')" 0 'all of them'
container_gone "$box"
api GET "$path"
refused 404 not_found - 'of a container that is gone'
finish
