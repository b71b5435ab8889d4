#!/bin/bash
# Egress by name: containers ask the host's resolver (a real dnsmasq is behind it), rules that name names open the way to what it found and to nothing else;
# aliases, names below one, addresses of private networks, answers too long for a datagram, what no rule names, killed roles, and what is refused.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin
W=$LOGS/names
mkdir -p "$W"
chmod 777 "$W"

# -- the outside: a resolver (QEMU hands it the host's questions), and a server at fec0::2 and 10.0.2.2 --
for n in $(seq 120); do echo "203.0.113.$n many.example.com"; done >"$W/hosts"
dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --no-poll --pid-file= --user=root --port=53 --listen-address="$RESOLVER" --bind-interfaces \
	--log-queries --log-facility="$W/log" --addn-hosts="$W/hosts" --local=/example.com/ --local=/example.org/ --host-record=v6.example.com,fec0::2 \
	--host-record=v4.example.com,203.0.113.7 --host-record=other.example.com,fec0::2 --host-record=rebind.example.com,10.0.2.2 \
	--cname=alias.example.com,v6.example.com --host-record=example.org,fec0::2 --host-record=deep.sub.example.org,fec0::2 </dev/null >"$W/dnsmasq.log" 2>&1 &
dnsmasq=$!
read -r port open_port _ < <(ports_pick | tr -c '0-9\n' ' ')
serve "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" SYSTEM:'echo served'
serve "TCP6-LISTEN:$port,bind=[::1],fork,reuseaddr" SYSTEM:'echo served'
serve -u "TCP6-LISTEN:$open_port,bind=[::1],fork,reuseaddr" SYSTEM:"cat >>$W/open"
SERVERS+=("$dnsmasq")
kill -0 "$dnsmasq" || bail "no resolver at $RESOLVER: $(cat "$W/dnsmasq.log" "$W/log")"

lab_start named
box=$LAB box_url=$LAB_URL
runs 'a container' wait_until 60 lab_up
program_put "$O/bin/forge" "$box"
rules() { api_json PUT "/containers/$box/firewall" "$1"; }
allow() { rules "$(jq -cn --argjson names "$1" '{egress: "allow-list", rules: [{direction: "egress", action: "allow", names: $names}]}')"; }
finds() { lab "getent ahosts $1 | cut -d' ' -f1 | sort -u"; } # NAME: its addresses
tcp6() { [ "$(lab "busybox nc -w 3 fec0::2 $port </dev/null")" = served ]; }
tcp() { [ "$(lab "busybox nc -w 3 10.0.2.2 $port </dev/null")" = served ]; }
resolved() { # NAME: as the API has it
	api GET "/containers/$box/firewall/effective"
	field ".resolved[\"$1\"] | keys | join(\" \")"
}

# -- all is open --
is "$(lab 'cat /etc/resolv.conf' | head -n 1)" 'nameserver 169.254.0.1' "a container asks the host's resolver"
is "$(finds v6.example.com)" fec0::2 'which knows a name'
is "$(finds nothing.example.com)" '' 'and that there is none'
is "$(finds many.example.com | grep -c .)" 120 'an answer that fits no datagram comes by TCP'
is "$(finds V6.Example.COM)" fec0::2 'in any case of letters'
by6() { # NAME: its addresses, asked for by IPv6
	lab "echo nameserver fd00::53 >/tmp/resolv.conf; busybox mount -o bind /tmp/resolv.conf /etc/resolv.conf
		grep -q fd00 /etc/resolv.conf && getent ahosts $1 | cut -d' ' -f1 | sort -u; busybox umount /etc/resolv.conf"
}
is "$(by6 v6.example.com)" fec0::2 'by IPv6, too'
is "$(by6 many.example.com | grep -c .)" 120 'and by TCP of it'

# -- by name --
allow '["v6.example.com"]'
answers 200 'a rule names a name'
refuses 'its address is closed before somebody asks' tcp6
is "$(resolved v6.example.com)" '' 'it leads nowhere yet'
is "$(finds v6.example.com)" fec0::2 'the container asks'
runs 'then the way is open' tcp6
is "$(by6 v6.example.com)" fec0::2 'by IPv6, too'
is "$(by6 other.example.com)" '' 'which is told no more there'
is "$(resolved v6.example.com)" fec0::2 'and told'
stays() {
	resolved v6.example.com >/dev/null
	field '.resolved["v6.example.com"]["fec0::2"]'
}
left=$(stays)
ok $((left > 3590 && left <= 3600 ? 0 : 1)) "for an hour ($left s)"
sleep 12
later=$(stays)
ok $((later < left - 8 ? 0 : 1)) "which runs out ($later s)"
finds v6.example.com >/dev/null
ok $(($(stays) > later + 5 ? 0 : 1)) 'and begins again when it is asked for again'
api GET "/containers/$box/firewall/test?direction=egress&protocol=tcp&address=fec0::2&port=$port"
is "$(field '.action + " " + .reason')" 'allow rule' 'a question what would be knows it, too'
api GET "/containers/$box/firewall/test?direction=egress&protocol=tcp&address=fec0::3&port=$port"
is "$(field '.action + " " + .reason')" 'deny egress' 'and what is not it'
refuses 'other addresses are closed' tcp
is "$(finds other.example.com)" '' 'a name that no rule names is refused'
refuses "nor do the outside's resolvers hear of it" grep -q 'other.example.com' "$W/log"
allow '["other.example.com"]'
refuses 'what was found for one name is not open by another' tcp6
is "$(finds other.example.com)" fec0::2 'before that was asked for'
runs 'as it is now' tcp6
allow '["*.example.org"]'
is "$(finds example.org)" '' 'names below one are not the one'
refuses 'which stays closed' tcp6
is "$(finds deep.sub.example.org)" fec0::2 'but all below it'
runs 'are open' tcp6
allow '["alias.example.com"]'
is "$(finds alias.example.com)" fec0::2 'an alias leads on'
runs 'to where its end is' tcp6
is "$(finds v6.example.com)" '' 'which cannot be asked for by its own name'
allow '["rebind.example.com"]'
is "$(finds rebind.example.com)" 10.0.2.2 'a name that leads into a private network'
refuses 'opens nothing' tcp
is "$(resolved rebind.example.com)" '' 'and has no address in the firewall'
allow '["many.example.com"]'
is "$(finds many.example.com | grep -c .)" 120 'of a long answer'
is "$(resolved many.example.com | wc -w)" 120 'all addresses are open'

# IPv4, seen at the network card: nobody is at the other end.
leaves() { # NAME: whether a packet to 203.0.113.7 leaves the host
	machine_qmp "{\"execute\":\"object-add\",\"arguments\":{\"qom-type\":\"filter-dump\",\"id\":\"$1\",\"netdev\":\"net0\",\"file\":\"$W/$1.pcap\"}}" >/dev/null
	lab '/forge one 203.0.113.7' >/dev/null
	sleep 1
	machine_qmp "{\"execute\":\"object-del\",\"arguments\":{\"id\":\"$1\"}}" >/dev/null
	grep -qa 'FORGE:one' "$W/$1.pcap"
}
allow '["v4.example.com"]'
refuses 'an address of IPv4 is closed, too' leaves before
is "$(finds v4.example.com)" 203.0.113.7 'until it is asked for'
runs 'then packets leave' leaves after

# -- with protocol and port, and connections that stand --
rules "{\"egress\":\"allow-list\",\"rules\":[{\"direction\":\"egress\",\"action\":\"allow\",\"protocol\":\"tcp\",\"ports\":[\"$open_port\"],\"names\":[\"v6.example.com\"]}]}"
finds v6.example.com >/dev/null
refuses 'another port stays closed' tcp6
: >"$W/open"
lab "(i=0; while [ \$i -lt 300 ]; do echo \$i; i=\$((i + 1)); sleep 0.2; done | busybox nc fec0::2 $open_port) >/dev/null 2>&1 &" >/dev/null
flows() { [ "$(wc -l <"$W/open")" -gt "$1" ]; }
runs 'a connection to a name stands' wait_until 20 flows 5
rules "{\"egress\":\"allow-list\",\"rules\":[{\"direction\":\"egress\",\"action\":\"allow\",\"protocol\":\"tcp\",\"ports\":[\"$open_port\"],\"names\":[\"v6.example.com\",\"v4.example.com\"]}]}"
before=$(wc -l <"$W/open")
runs 'a change that does not concern it lets it be' wait_until 20 flows $((before + 5))
allow '["v4.example.com"]'
sleep 1
before=$(wc -l <"$W/open")
sleep 3
is "$(wc -l <"$W/open")" "$before" 'one that takes its name away ends it'

# -- killed roles --
allow '["v6.example.com"]'
is "$(finds v6.example.com)" fec0::2 'a name'
for part in names engine api daemon; do
	admin_ssh restart "$part" </dev/null >/dev/null 2>&1
	sleep 4
	runs "what it led to is open after $part was killed" wait_until 60 tcp6
	LAB_URL=$box_url
	found() { [ "$(finds v6.example.com)" = fec0::2 ]; }
	runs 'and it can be asked for' wait_until 60 found
done
runs 'the API is back' wait_until 60 api_up
rules '{"egress":"none","rules":[{"direction":"egress","action":"allow","names":["v6.example.com"]}]}'
answers 200 'nothing goes out'
is "$(finds v6.example.com)" '' 'nor does a question'
refuses 'or a connection' tcp6

# -- what a rule does not take --
bad() { # RULE FIELD
	rules "{\"rules\":[$1]}"
	refused 400 invalid "$2" "$1"
}
for name in example '*' '*.com' 'a..example.com' '.example.com' 'exa mple.com' 'ex*.example.com' 'www.*.com' '192.0.2.1/24' "$(printf 'a%.0s' {1..64}).example.com" 'münchen.example'; do
	bad "{\"direction\":\"egress\",\"action\":\"allow\",\"names\":[\"$name\"]}" 'rules[0].names[0]'
done
bad '{"direction":"ingress","action":"allow","names":["www.example.com"]}' 'rules[0].names'
bad '{"direction":"egress","action":"deny","names":["www.example.com"]}' 'rules[0].names'
bad "{\"direction\":\"egress\",\"action\":\"allow\",\"names\":$(jq -cn '[range(33) | "n\(.).example.com"]')}" 'rules[0].names'
allow '["WWW.Example.com.","www.example.com"]'
is "$(field '.rules[0].names | join(" ")')" www.example.com 'one name in two forms is one'

# -- garbage --
lab "for i in 1 2 3; do head -c 300 /dev/urandom | busybox nc -u -w 1 169.254.0.1 53; head -c 300 /dev/urandom | busybox nc -w 1 169.254.0.1 53; done" >/dev/null
rules '{}'
is "$(finds v6.example.com)" fec0::2 'what is no question does no harm'
container_gone "$box"
finish
