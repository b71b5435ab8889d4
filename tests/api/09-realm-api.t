#!/bin/bash
# The API of one realm, at "<realm>.api.<domain>": whoever asks there is bound to that realm, whatever the token reaches. Supervisor and roles with a stand-in for the
# engine and a real HAProxy, in namespaces of their own; the daemon is the sanitised one.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/roles.sh
roles_enter
roles_begin
haproxy -W -db -f /run/haproxy/domain.cfg -f rootfs/files/etc/haproxy/haproxy.cfg >>"$LOGS/haproxy.log" 2>&1 & proxy=$!
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
runs 'the API comes up' until_true 20 serving
runs 'so does HAProxy' until_true 20 port_open 443
runs 'the certificate is for such names, too' bash -c "openssl x509 -in /data/bulkhead/tls/bulkhead.pem -noout -ext subjectAltName | grep -qF 'DNS:*.api.$DOMAIN'"

at() { # HOST METHOD PATH CURL...: STATUS, BODY
	STATUS=$(curl -sk -o "$LOGS/body" -w '%{http_code}' --max-time 20 --connect-to ::127.0.0.1:443 -X "$2" ${token:+-H "Authorization: Bearer $token"} "${@:4}" "https://$1.$DOMAIN/api/v1$3") || true
	BODY=$(cat "$LOGS/body" 2>/dev/null) || true
	rm -f "$LOGS/body"
}
at_json() { at "$1" "$2" "$3" -H 'Content-Type: application/json' --data-binary "$4"; }
made() { field .id; }

post /realms '{"name":"one"}'
one=$(made)
post /realms '{"name":"two"}'
two=$(made)
post /projects "{\"name\":\"p\",\"realm\":\"$one\"}"
p_one=$(made)
post /projects "{\"name\":\"p\",\"realm\":\"$two\"}"
p_two=$(made)
post /address-sets "{\"name\":\"s\",\"realm\":\"$two\"}"
s_two=$(made)
local_call POST '/images?name=guest' -H 'Content-Type: application/x-tar' --data-binary anything
image=$(made)
post /containers "{\"project\":\"$p_two\",\"image\":\"guest\",\"name\":\"c\"}"
c_two=$(made)
post /tokens '{"name":"all","role":"admin"}'
token=$(field .token) all=$(made)
post /tokens "{\"name\":\"two\",\"role\":\"admin\",\"realms\":[\"$two\"]}"
of_two=$(field .token) of_two_id=$(made)

# -- a token of the platform --
at api GET /realms
is "$STATUS $(field '.items | length')" '200 2' 'without a realm the token sees all'
at "$one.api" GET /realms
is "$STATUS $(field '[.items[].id] | join(" ")')" "200 $one" 'with one it sees that'
at "$one.api" GET /projects
is "$(field '[.items[].id] | join(" ")')" "$p_one" 'its projects'
for path in "/realms/$two" "/projects/$p_two" "/containers/$c_two" "/address-sets/$s_two" "/realms/$two/firewall" "/realms/$two/audit/records" "/containers/$c_two/proxy/permissions"; do
	at "$one.api" GET "$path"
	is "$STATUS" 404 "$path is not there"
	at "$two.api" GET "$path"
	is "$STATUS" 200 'and is in the other realm'
done
at "$one.api" DELETE "/containers/$c_two"
is "$STATUS" 404 'nothing is deleted'
at_json "$one.api" PATCH "/containers/$c_two" '{"labels":{"a":"b"}}'
is "$STATUS" 404 'nor changed'
at "$one.api" GET /host
is "$STATUS" 403 'the host is not the realm'"'"'s'
at_json "$one.api" POST /realms '{"name":"three"}'
is "$STATUS" 403 'nor are realms'
at "$one.api" GET /images
is "$(field '[.items[].id] | join(" ")')" "$image" 'images of the host are for all'
at "$one.api" DELETE "/images/$image"
is "$STATUS" 403 'and deleted by the host alone'

at_json "$one.api" PATCH "/realms/$one/audit" '{"max_bytes":2147483648}'
is "$STATUS $(field .error.field)" '403 max_bytes' 'a realm does not take the disk for its log'
at_json api PATCH "/realms/$one/audit" '{"max_bytes":2147483648}'
is "$STATUS" 200 'the host gives it'
at_json "$one.api" PATCH "/realms/$one/audit" '{"max_bytes":1500000000}'
is "$STATUS" 200 'and the realm may take less'

# -- what is made there --
at_json "$one.api" POST /projects '{"name":"made"}'
is "$STATUS $(field .realm)" "201 $one" 'a project is made in the realm'
at_json "$one.api" POST /projects "{\"name\":\"other\",\"realm\":\"$two\"}"
is "$STATUS" 404 'and in no other'
at_json "$one.api" POST /address-sets '{"name":"made"}'
is "$STATUS $(field .realm)" "201 $one" 'so is an address set'
at "$one.api" POST '/images?name=own' -H 'Content-Type: application/x-tar' --data-binary own
is "$STATUS $(field .realm)" "201 $one" 'and an image'
at_json "$one.api" POST /tokens '{"name":"made","role":"admin"}'
is "$STATUS $(field '.realms | join(" ")')" "201 $one" 'a token made there is of the realm'
made_token=$(field .token)
at_json "$one.api" POST /tokens "{\"name\":\"made\",\"role\":\"admin\",\"realms\":[\"$two\"]}"
is "$STATUS" 404 'and of no other'
at "$one.api" GET /tokens
is "$(field '[.items[].name] | join(" ")')" made 'tokens that reach further are not seen'
for id in "$all" "$of_two_id"; do
	at "$one.api" DELETE "/tokens/$id"
	is "$STATUS" 404 'nor deleted'
done
at "$one.api" GET /metrics
unlike "$BODY" "$two" 'nothing of another realm is in the metrics'

# -- a token of a realm --
token=$of_two
at "$two.api" GET "/realms/$two"
is "$STATUS" 200 'a token of the realm is let in'
at "$one.api" GET "/realms/$two"
is "$STATUS $(field .error.field)" '404 host' 'at another realm'"'"'s it is as if that were not there'
at "$(printf '0%.0s' {1..24}).api" GET /realms
is "$STATUS $(field .error.field)" '404 host' 'as at one that is not'
token=$made_token
at "$two.api" GET /realms
is "$STATUS" 404 'the token made there opens no other'
token=''
at "$one.api" GET /realms
is "$STATUS" 401 'a stranger does not learn which realms there are'
at "$(printf '0%.0s' {1..24}).api" GET /realms
is "$STATUS" 401 'of these neither'

# -- what is no realm --
post /tokens '{"name":"again","role":"admin"}'
token=$(field .token)
for label in x "${one:1}" "${one}0" "${one^^}" "g${one:1}" api www "$one-$one" "-$one"; do
	at "$label.api" GET /realms
	case $label in
	"${one^^}") is "$STATUS $(field '.items | length')" '200 1' 'a host name in capitals is the same one' ;;
	*) is "$STATUS" 400 "$label is an error, not all realms" ;;
	esac
done
at "x.$one.api" GET /realms
is "$STATUS" 404 'below it there is nothing'
at api GET /realms -H "X-Bulkhead-Realm: $one"
is "$(field '.items | length')" 2 'nobody forges the header'
local_call GET /realms -H "X-Bulkhead-Realm: $one"
is "$(field '.items | length')" 2 'which root'"'"'s socket does not take either'

# -- on record --
end=$((SECONDS + 10))
until local_call GET "/realms/$one/audit/records?method=GET&text=tokens" && [ "$(field '.records | length')" -gt 0 ] || [ "$SECONDS" -ge "$end" ]; do sleep 0.2; done
is "$(field '.records[0].identity')" "token:$all" 'what was done there is in the log of the realm'

local_call DELETE "/containers/$c_two"
kill "$proxy"
wait "$proxy" || true
roles_end
finish
