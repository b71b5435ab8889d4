#!/bin/bash
# A container's root with a raw socket (tests/forge): other people's addresses, VLANs, fragments, tunnels, source routes, false neighbours and routers. Nothing of
# it leaves the host or comes to another container, of its realm or another one; what is its own does; and nobody else notices.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin
home=$PROJECT program=$O/bin/forge
host4=10.0.2.15 host6=fec0::5054:ff:fe12:3456
read -r port _ < <(ports_pick | tr -c '0-9\n' ' ')
serve "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" SYSTEM:'echo served'
serve "TCP6-LISTEN:$port,bind=[::1],fork,reuseaddr" SYSTEM:'echo served'

declare -A id url v4 v6
box() { # NAME PROJECT
	PROJECT=$2 lab_start "forged-$1"
	id[$1]=$LAB url[$1]=$LAB_URL
	wait_until 60 lab_up || return 1
	api GET "/containers/$LAB"
	v4[$1]=$(field .ipv4) v6[$1]=$(field .ipv6)
	program_put "$program" "$LAB"
}
api_json POST /realms '{"name":"forged"}'
abroad=$(field .id)
api_json POST /projects "{\"realm\":\"$abroad\",\"name\":\"forged\"}"
far=$(field .id)
box forger "$home"
box peer "$home"
box stranger "$far"
inside() { LAB_URL=${url[$1]} lab "$2"; } # NAME SCRIPT
served() { [ "$(inside "$1" "busybox nc -w 3 $2 $port </dev/null")" = served ]; }

# What passes the uplink, as the network card sees it.
dump() { machine_qmp "{\"execute\":\"object-add\",\"arguments\":{\"qom-type\":\"filter-dump\",\"id\":\"$1\",\"netdev\":\"net0\",\"file\":\"$LOGS/$1.pcap\"}}" >/dev/null; }
undump() { machine_qmp "{\"execute\":\"object-del\",\"arguments\":{\"id\":\"$1\"}}" >/dev/null; }
outside() { grep -aoE 'FORGE:[a-z0-9-]+' "$LOGS/$1.pcap" | cut -c7- | sort -u; }
listen() { inside "$1" '(/forge listen 300 </dev/null >/heard 2>&1 &) ; while ! grep -q listening /heard; do sleep 0.1; done' >/dev/null; }
heard() { inside "$1" 'pkill forge; sleep 1; grep -v listening /heard' | sort -u; }

"$program" table >"$LOGS/table"
expected=$(sed -n 's/^outside //p' "$LOGS/table" | sort)
attempts=$(wc -l <"$LOGS/table")
round() { # NAME TARGET
	dump "$1"
	listen peer
	listen stranger
	is "$(inside forger "/forge send 10.0.2.2 fec0::2 $host4 $host6 ${v4[$2]} ${v6[$2]} 2>&1; echo \$?")" 0 "$attempts kinds of packets, aimed at $2"
	sleep 2
	undump "$1"
}
round realm peer
is "$(outside realm)" "$expected" 'none but its own leaves the host'
refuses "and none bears the container's link address" env LC_ALL=C grep -qaP '\x02\x00\x00\x00\x00\x66' "$LOGS/realm.pcap"
is "$(heard peer)" '' 'none comes to the other container'
is "$(heard stranger)" '' 'nor to one of another realm'
round stranger stranger
is "$(outside stranger)" "$expected" 'none but its own leaves the host'
is "$(heard stranger)" '' 'none comes to a container of another realm'
is "$(heard peer)" '' 'nor to one of its own'

# Where the realm is open within, the same with its own address arrives: what is heard is heard.
api_json PUT "/realms/$REALM/firewall" '{"internal":"open"}'
answers 200 'containers of the realm may reach one another'
round open peer
is "$(heard peer)" $'fragments-6\nfragments-to-another\nto-another-container\nto-another-container-6' 'what bears its own address comes, also in pieces'
is "$(outside open)" "$expected" 'nothing more leaves the host'
api_json PUT "/realms/$REALM/firewall" '{}'

# Pieces do not get past a rule, which is asked about the whole.
api_json PUT "/containers/${id[forger]}/firewall" '{"rules":[{"direction":"egress","action":"deny","protocol":"udp","ports":["9"]}]}'
round denied peer
is "$(outside denied)" '' 'a rule is asked about all of it'
api_json PUT "/containers/${id[forger]}/firewall" '{}'

# Nobody else has noticed.
for name in peer stranger forger; do
	runs "$name reaches the outside" served "$name" 10.0.2.2
	runs "$name reaches it by IPv6" served "$name" fec0::2
	LAB_URL=${url[$name]}
	runs "$name is reached by its URL" lab_up
done
dump after
inside peer "/forge send 10.0.2.2 2001:db8:77::1 $host4 $host6 ${v4[forger]} ${v6[forger]}" >/dev/null
sleep 1
undump after
is "$(outside after | grep -c '^own-address-6$')" 1 'what goes far away by IPv6 still leaves by the uplink'
api GET /host
answers 200 'the host answers'
for name in "${!id[@]}"; do container_gone "${id[$name]}"; done
api DELETE "/projects/$far"
api DELETE "/realms/$abroad"
finish
