#!/bin/bash
# Packets between containers: none unless the realm or a rule of the receiver says so, both ends asked, rules that name containers and projects, none ever
# between realms. Seen with real connections of both families.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin
admin=$TOKEN home=$PROJECT

declare -A url v4 v6 id
box() { # NAME PROJECT
	PROJECT=$2 lab_start "between-$1"
	id[$1]=$LAB url[$1]=$LAB_URL
	api GET "/containers/$LAB"
	v4[$1]=$(field .ipv4) v6[$1]=$(field .ipv6)
}
up() { LAB_URL=${url[$1]} lab_up; }
api_json POST /projects "{\"realm\":\"$REALM\",\"name\":\"annex\"}"
annex=$(field .id)
api_json POST /realms '{"name":"abroad"}'
abroad=$(field .id)
api_json POST /projects "{\"realm\":\"$abroad\",\"name\":\"far\"}"
far=$(field .id)
box a "$home"
box b "$home"
box c "$annex"
box d "$far"
runs 'a container' wait_until 60 up a
runs 'one of the same project' wait_until 60 up b
runs 'one of another project' wait_until 60 up c
runs 'one of another realm' wait_until 60 up d

inside() { LAB_URL=${url[$1]} lab "$2"; } # NAME SCRIPT
by4() { [ "$(inside "$1" "busybox wget -q -T 3 -O /dev/null http://${v4[$2]}/ && echo yes")" = yes ]; }
by6() { [ "$(inside "$1" "busybox wget -q -T 3 -O /dev/null 'http://[${v6[$2]}]/' && echo yes")" = yes ]; }
reaches() { by4 "$1" "$2" && by6 "$1" "$2"; }
pings() { [ "$(inside "$1" "busybox ping -c 1 -W 3 ${v4[$2]} >/dev/null 2>&1 && echo yes")" = yes ]; }
cut_off() { # FROM TO TEXT
	refuses "$3" by4 "$1" "$2"
	refuses "$3, by IPv6" by6 "$1" "$2"
}
rules() { api_json PUT "/containers/${id[$1]}/firewall" "$2"; } # NAME DOCUMENT
realm() { api_json PUT "/realms/$REALM/firewall" "$1"; }
would() { # NAME DIRECTION PEER: action and reason for TCP to port 80
	api GET "/containers/${id[$1]}/firewall/test?direction=$2&protocol=tcp&port=80&$3"
	field '.action + " " + .reason'
}

# -- as it is without a word --
cut_off a b 'containers do not reach one another'
is "$(would a egress "container=${id[b]}")" 'deny internal' 'and it is known beforehand'
is "$(would a egress "address=${v4[b]}")" 'deny internal' 'also by address'
is "$(would b ingress "address=${v6[a]}")" 'deny internal' 'and from the other side'

# -- one rule, of the receiver --
rules b "{\"rules\":[{\"direction\":\"ingress\",\"action\":\"allow\",\"protocol\":\"tcp\",\"ports\":[\"80\"],\"containers\":[\"${id[a]}\"]}]}"
answers 200 'one lets another in'
rule=$(field '.rules[0].id')
is "$(field '.rules[0].containers | join(" ")')" "${id[a]}" 'by its id'
runs 'which reaches it' wait_until 20 reaches a b
refuses 'at that port alone' pings a b
cut_off c b 'others do not'
cut_off b a 'nor does it reach the other'
is "$(would a egress "container=${id[b]}")" 'allow rule' 'the question is answered by both ends'
would a egress "address=${v6[b]}" >/dev/null
is "$(field '.rule.id + " " + .rule.from.id')" "$rule ${id[b]}" 'with the rule of the other'
is "$(would b ingress "container=${id[a]}")" 'allow rule' 'from there, too'
is "$(would c egress "container=${id[b]}")" 'deny internal' 'and for a third'
api GET "/containers/${id[b]}/firewall/effective"
is "$(field '.internal, .rules[0].packets > 0' | xargs)" 'closed true' 'the effective rules show what it has counted'

# -- a project, with what is in it later --
rules b "{\"rules\":[{\"direction\":\"ingress\",\"action\":\"allow\",\"projects\":[\"$annex\"]}]}"
answers 200 'a whole project is let in'
runs 'its container reaches it' reaches c b
runs 'with any protocol' pings c b
cut_off a b 'one of another project'
box e "$annex"
runs 'one more of that project' wait_until 60 up e
runs 'reaches it without another word' reaches e b
container_gone "${id[e]}"

# -- a connection that stands --
inside b '(sleep 600 | busybox nc -l -p 7000 >/tmp/heard 2>/dev/null) >/dev/null 2>&1 &' >/dev/null
inside c "(i=0; while [ \$i -lt 300 ]; do echo \$i; i=\$((i + 1)); sleep 0.2; done | busybox nc ${v4[b]} 7000) >/dev/null 2>&1 &" >/dev/null
heard() { inside b 'wc -l </tmp/heard'; }
more() { [ "$(heard)" -gt "$1" ]; }
runs 'a connection stands' wait_until 30 more 5
rules b "{\"rules\":[{\"direction\":\"ingress\",\"action\":\"allow\",\"protocol\":\"tcp\",\"ports\":[\"7000\"],\"projects\":[\"$annex\"]}]}"
before=$(heard)
runs 'rules that allow it let it be' wait_until 30 more $((before + 5))
rules b '{}'
sleep 1
before=$(heard)
sleep 3
is "$(heard)" "$before" 'without one it ends'

# -- the realm --
realm '{"internal":"open"}'
answers 200 'a realm that is open within'
runs 'all reach one another' reaches a b
runs 'across projects' reaches c a
cut_off a d 'but not another realm'
cut_off d a 'nor does that reach them'
is "$(would a egress "address=${v4[d]}")" 'deny closed' 'whose addresses are closed'
is "$(would a egress "container=${id[c]}")" 'allow internal' 'what the realm says is told'
rules b "{\"rules\":[{\"direction\":\"ingress\",\"action\":\"deny\",\"containers\":[\"${id[a]}\"]}]}"
cut_off a b 'a rule of the receiver comes first'
runs 'and concerns whom it names' reaches c b
rules b '{}'
rules a "{\"rules\":[{\"direction\":\"egress\",\"action\":\"deny\",\"projects\":[\"$annex\"]}]}"
cut_off a c 'so does one of the sender'
runs 'for whom it names' reaches a b
rules a '{"egress":"allow-list"}'
cut_off a b 'an egress mode holds here, too'
is "$(would a egress "container=${id[b]}")" 'deny egress' 'and is told'
rules a "{\"egress\":\"allow-list\",\"rules\":[{\"direction\":\"egress\",\"action\":\"allow\",\"containers\":[\"${id[b]}\"]}]}"
runs 'until a rule allows it' reaches a b
cut_off a c 'whom it names'
rules a "{\"egress\":\"none\",\"rules\":[{\"direction\":\"egress\",\"action\":\"allow\",\"containers\":[\"${id[b]}\"]}]}"
cut_off a b 'with mode none nothing'
rules a '{}'

# -- both realms open to all: still nothing between them --
api_json PUT "/realms/$abroad/firewall" '{"internal":"open","rules":[{"direction":"ingress","action":"allow"},{"direction":"egress","action":"allow"}]}'
answers 200 'the other realm lets everybody in'
realm "{\"internal\":\"open\",\"rules\":[{\"direction\":\"egress\",\"action\":\"allow\",\"addresses\":[\"${v4[d]}\",\"${v6[d]}\"]}]}"
answers 200 'and this one out to it'
cut_off a d 'nothing passes between them'
refuses 'no ping' pings a d

# -- a killed engine --
realm '{}'
rules b "{\"rules\":[{\"direction\":\"ingress\",\"action\":\"allow\",\"containers\":[\"${id[a]}\"]}]}"
admin_ssh restart engine </dev/null >/dev/null 2>&1
runs 'with the engine killed it reaches whom it may' wait_until 20 reaches a b
cut_off c b 'and nobody else'
runs 'the daemon is back' wait_until 60 api_up
sleep 3
runs 'it still does' wait_until 20 reaches a b
cut_off c b 'and others still not'
realm '{"internal":"open"}'
runs 'and what changes is in force' reaches c b
realm '{}'

# -- who is gone --
rules b "{\"rules\":[{\"direction\":\"ingress\",\"action\":\"allow\",\"containers\":[\"${id[c]}\"]}]}"
container_gone "${id[c]}"
api GET "/containers/${id[b]}/firewall"
document=$BODY
is "$(field '.rules[0].containers | join(" ")')" "${id[c]}" 'a rule keeps the name of one that is gone'
rules b "$document"
answers 200 'and can be written back'
rules a "$document"
refused 400 invalid 'rules[0].containers[0]' 'but not anew'

# -- what makes no sense --
bad() { # DOCUMENT FIELD
	rules a "$1"
	refused 400 invalid "$2" "$1"
}
in='"direction":"ingress","action":"allow"'
bad "{\"rules\":[{$in,\"containers\":[\"$(printf '0%.0s' {1..24})\"]}]}" 'rules[0].containers[0]'
bad "{\"rules\":[{$in,\"containers\":[\"${id[b]}\",\"${id[d]}\"]}]}" 'rules[0].containers[1]'
bad "{\"rules\":[{$in,\"projects\":[\"$far\"]}]}" 'rules[0].projects[0]'
bad "{\"rules\":[{$in,\"projects\":[\"${id[b]}\"]}]}" 'rules[0].projects[0]'
bad "{\"rules\":[{$in,\"containers\":[\"web\"]}]}" 'rules[0].containers[0]'
bad "{\"rules\":[{$in,\"containers\":\"${id[b]}\"}]}" 'rules[0].containers'
bad '{"internal":"open"}' internal
realm '{"internal":"half"}'
refused 400 invalid internal 'neither open nor closed'
for query in '' "&container=${id[b]}&address=${v4[b]}" "&container=${id[d]}" '&container=web'; do
	api GET "/containers/${id[a]}/firewall/test?direction=egress&protocol=tcp&port=80$query"
	refused 400 invalid - "a question about${query:- nobody}"
done
TOKEN=$admin
for name in a b d; do container_gone "${id[$name]}"; done
api DELETE "/projects/$annex"
answers 204 'the project goes'
api DELETE "/projects/$far"
api DELETE "/realms/$abroad"
answers 204 'the realm goes'
finish
