#!/bin/bash
# Supervisor, api and gate with a stand-in for the engine and a real HAProxy, in namespaces of their own: what they may do, and what
# is left when one of them dies in the middle. No machine, no containers; the daemon is the sanitised one.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/roles.sh
roles_enter

web_start() { haproxy -W -db -f /run/haproxy/domain.cfg -f rootfs/files/etc/haproxy/haproxy.cfg >>"$LOGS/haproxy.log" 2>&1 & proxy=$!; }
roles_begin
runs 'tls-init makes a certificate for the domain and its wildcard' \
	bash -c "openssl x509 -in /data/bulkhead/tls/bulkhead.pem -noout -ext subjectAltName | grep -q 'DNS:$DOMAIN, DNS:\*.$DOMAIN'"
is "$(stat -c '%a %u' /data/bulkhead/tls/bulkhead.pem)" '600 0' 'which only root can read'
sum=$(sha256sum /data/bulkhead/tls/bulkhead.pem)
"$DAEMON" tls-init 2>>"$LOGS/tls-init.log"
is "$(sha256sum /data/bulkhead/tls/bulkhead.pem)" "$sum" 'and keeps it the next time'
ip addr add 10.77.0.2/16 dev lo
web_start

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
routes() { echo 'show map virt@routes' | socat - UNIX-CONNECT:/run/haproxy/admin.sock | awk 'NF == 3 && $2 !~ /-80$/ { split($3, v, ":"); print $2 "=" v[1] ":" v[2] ":" v[3] ":" v[4] }' | sort; }
routed() { routes | grep -qF "$1"; }
outside() { curl -sk -o /dev/null -w '%{http_code}' --max-time 10 --connect-to ::127.0.0.1:443 "$@"; }
create() { # NAME [QUERY]: sets ID
	post "/containers${2:-}" "{\"project\":\"$project\",\"image\":\"guest\",\"name\":\"$1\"}"
	ID=$(field .id)
}

runs 'the API comes up' until_true 20 serving
runs 'so does HAProxy' until_true 20 port_open 443

# -- what the roles may do --
confined() { # ROLE UID
	local status
	status=$(cat "/proc/$(pid_of "$1")/status")
	is "$(awk '/^Uid:/ { print $2, $3, $4, $5 }' <<<"$status")" "$2 $2 $2 $2" "$1 is its own user"
	is "$(awk '/^CapEff:/ { print $2 }' <<<"$status")" 0000000000000000 "$1 has no capability"
	is "$(awk '/^Seccomp:|^NoNewPrivs:/ { printf "%s", $2 }' <<<"$status")" 12 "$1 has a system call filter and gets no new privileges"
	is "$(awk '/^Groups:/ { $1 = ""; print }' <<<"$status" | tr -d ' ')" '' "$1 is in no further group"
}
confined api 901
confined gate 902
confined names 905
confined audit 906
confined records 906
is "$(stat -c '%a %u %g' /run/bulkhead/api.sock)" '660 0 900' 'api.sock is for the group of the proxy'
is "$(stat -c '%a %u %g' /run/bulkhead/local.sock)" '600 0 0' 'local.sock is for root'
is "$(stat -c '%a %u' /data/bulkhead/api)" '700 901' 'the state is for api alone'
refuses 'a second supervisor is refused' timeout 10 "$DAEMON"

# -- a token, by which HAProxy's side is let in --
post /tokens '{"name":"t","role":"admin"}'
is "$STATUS" 201 'root mints a token'
token=$(field .token)
is "$(outside "https://api.$DOMAIN/api/v1/host" -H "Authorization: Bearer $token")" 200 'it opens the API through HAProxy'
is "$(outside "https://api.$DOMAIN/api/v1/host")" 401 'without it: 401'
is "$(outside "https://nobody.$DOMAIN/")" 404 'another host: 404'
post /realms '{"name":"r"}'
post /projects "{\"name\":\"p\",\"realm\":\"$(field .id)\"}"
project=$(field .id)
local_call POST '/images?name=guest' -H 'Content-Type: application/x-tar' --data-binary anything
is "$STATUS" 201 'an image'
local_call POST '/images?name=evil' -H 'Content-Type: application/x-tar' --data-binary 'bad one'
is "$STATUS $(field .error.code)" '400 invalid_image' 'one that the engine refuses'

# -- containers and their routes --
create www
is "$STATUS $(field .state)" '201 running' 'a container'
www=$ID
is "$(routes)" "$project-$www=10.77.0.2:80:h:o" 'its route is set before the answer'
create fails
is "$STATUS $(field .state) $(field .message)" '201 failed no /sbin/init in the image' 'one that cannot start exists, and says why'
local_call DELETE "/containers/$ID"
is "$STATUS" 204 'it can be deleted'
local_call POST "/containers/$www/stop"
is "$STATUS $(field .state) $(routes)" '200 stopped ' 'a stopped one has no route'
local_call POST "/containers/$www/start"
is "$STATUS $(field .state) $(routes)" "200 running $project-$www=10.77.0.2:80:h:o" 'a started one has it again'

# -- each role dies --
before=$(pid_of api)
kill -9 "$before"
runs 'api is started again' until_true 10 serving
isnt "$(pid_of api)" "$before" 'as another process'
local_call GET "/containers/$www"
is "$(field .state)" running 'and knows what runs'
is "$(routes)" "$project-$www=10.77.0.2:80:h:o" 'the routes stood meanwhile'
kill -9 "$(pid_of gate)"
sleep 0.5
is "$(routes)" "$project-$www=10.77.0.2:80:h:o" 'gate dies: the routes stand'
create second
is "$STATUS $(field .state)" '201 running' 'a container after that'
runs 'gets its route' until_true 5 routed "$project-$ID"
local_call DELETE "/containers/$ID"
create crashes
is "$STATUS" 201 'a container over which the engine dies each time is acknowledged once'
runs 'the engine is started again' until_true 10 pid_of engine
local_call DELETE "/containers/$ID"
is "$STATUS" 204 'and it can be deleted'
kill "$proxy"
wait "$proxy" || true
web_start
runs 'HAProxy is restarted: it gets all routes again' until_true 5 routed "$project-$www=10.77.0.2:80:h:o"
is "$(outside "https://api.$DOMAIN/api/v1/host" -H "Authorization: Bearer $token")" 200 'and the API answers through it'

# -- a guarded URL --
# What is at port 80 of the container's address here is HAProxy's own redirect.
said() { curl -sk --max-time 10 --connect-to ::127.0.0.1:443 -w '{"error":{"message":"%{http_code}"}}' "$@" "https://$project-$www.$DOMAIN/" | jq -rs '.[0].error.message'; }
is "$(said)" 308 'an open URL leads to the service'
local_call PUT "/containers/$www/proxy/permissions" -H 'Content-Type: application/json' --data-binary \
	'{"groups":{"g":[{"type":"token","value":"0123456789abcdef"},{"type":"password","username":"u","password":"long enough"}]},"permissions":{"g":{"*":true}}}'
is "$STATUS $(routes)" "200 $project-$www=10.77.0.2:80:h:g" 'permissions are marked where HAProxy looks'
is "$(said)" 'user and password are needed' 'it is guarded'
is "$(said -H 'Authorization: Bearer 0123456789abcdef')" 308 'a token leads to the service'
is "$(said -u 'u:long enough')" 308 'so does a password'
is "$(said -H 'Authorization: Bearer 0123456789abcdef' -H "X-Large: $(head -c 14400 /dev/zero | tr '\0' x)")" 308 'with all the head that HAProxy takes'
is "$(said -H "X-Large: $(head -c 14400 /dev/zero | tr '\0' x)")" 'user and password are needed' 'or without'
kill -STOP "$(pid_of api)"
kill -9 "$(pid_of gate)"
runs 'a gate that has not heard all documents yet' until_true 10 pid_of gate
sleep 1
is "$(said)" 'who may come in cannot be told at the moment' 'lets in nobody'
is "$(said -H 'Authorization: Bearer 0123456789abcdef')" 'who may come in cannot be told at the moment' 'also not who has a right'
kill -CONT "$(pid_of api)"
told() { [ "$(said)" = 'user and password are needed' ]; }
runs 'until it has' until_true 20 told
pkill -9 -f '^bulkheadd passwords$'
runs 'the process for passwords is killed' until_true 20 told
is "$(said -u 'u:long enough')" 308 'and compares again'
local_call DELETE "/containers/$www/proxy/permissions"
is "$STATUS $(routes)" "204 $project-$www=10.77.0.2:80:h:o" 'without permissions the mark is gone'

# -- death between a decision and its end --
create tomb
kill -STOP "$(pid_of engine)"
curl -s -o /dev/null --max-time 30 --unix-socket /run/bulkhead/local.sock -X DELETE "http://host/api/v1/containers/$ID" &
deleting=$!
sleep 0.5
kill -9 "$(pid_of api)"
wait "$deleting" || true
runs 'api dies while it deletes' until_true 10 serving
local_call GET "/containers/$ID"
is "$STATUS" 404 'the deletion stays decided'
kill -CONT "$(pid_of engine)"
gone() { local_call DELETE "/projects/$1" && [ "$STATUS" = 204 ]; }
local_call DELETE "/containers/$www"
runs 'and is carried through: the project is empty' until_true 20 gone "$project"
is "$(routes)" '' 'no route is left'
is "$(find /data/bulkhead/api/spool -mindepth 1 | wc -l)" 0 'nothing is left in the spool'

# -- the end --
roles_end
finish
