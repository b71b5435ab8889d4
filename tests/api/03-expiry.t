#!/bin/bash
# What is open ends when the right by which it was let in ends: a token, a JWT; nothing else does. A real HAProxy in front of a service that never stops talking; roles
# with a stand-in for the engine, in namespaces of their own.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/roles.sh
roles_enter
roles_begin
ip addr add 10.77.0.2/16 dev lo
web_start() { haproxy -W -db -f /run/haproxy/domain.cfg -f rootfs/files/etc/haproxy/haproxy.cfg >>"$LOGS/haproxy.log" 2>&1 & proxy=$!; }
web_start
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
runs 'the API comes up' until_true 20 serving
runs 'so does HAProxy' until_true 20 port_open 443
post /realms '{"name":"r"}'
post /projects "{\"name\":\"p\",\"realm\":\"$(field .id)\"}"
project=$(field .id)
local_call POST '/images?name=guest' -H 'Content-Type: application/x-tar' --data-binary anything
post /containers "{\"project\":\"$project\",\"image\":\"guest\",\"name\":\"www\",\"services\":[{\"name\":\"raw\",\"port\":8081}]}"
www=$(field .id)
host=$project-$www-raw.$DOMAIN
cat >"$LOGS/service" <<'X'
#!/bin/bash
while IFS= read -r -t 2 line && [ "$line" != $'\r' ]; do
	case ${line,,} in upgrade:*) upgrade=1 ;; esac
done
if [ -n "${upgrade:-}" ]; then printf 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'
else printf 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'; fi
for _ in {1..150}; do printf x || exit 0; sleep 0.2; done
X
chmod 755 "$LOGS/service"
socat TCP-LISTEN:8081,bind=10.77.0.2,fork,reuseaddr EXEC:"$LOGS/service" 2>/dev/null & service=$!

secret=0123456789abcdef0123456789abcdef
b64() { base64 -w0 | tr '+/' '-_' | tr -d '='; }
jwt() { # EXPIRES
	local head
	head=$(printf '{"alg":"HS256"}' | b64).$(printf '{"sub":"one","exp":%s}' "$1" | b64)
	printf '%s.%s' "$head" "$(printf '%s' "$head" | openssl dgst -sha256 -hmac "$secret" -binary | b64)"
}
guard() { # TOKEN'S END
	local_call PUT "/containers/$www/proxy/permissions" -H 'Content-Type: application/json' --data-binary "{\"groups\":{
		\"short\":[{\"type\":\"token\",\"name\":\"short\",\"value\":\"aaaaaaaaaaaaaaaa\",\"expires_at\":\"$1\"}],
		\"long\":[{\"type\":\"token\",\"name\":\"long\",\"value\":\"bbbbbbbbbbbbbbbb\"}],
		\"jwt\":[{\"type\":\"jwt\",\"algorithm\":\"HS256\",\"secret\":\"$secret\",\"leeway\":0}]},
		\"permissions\":{\"short\":{\"*\":true},\"long\":{\"*\":true},\"jwt\":{\"*\":true}}}"
	[ "$STATUS" = 200 ]
}
opened() { # NAME CURL...: a stream in the background; how long it was open comes to $LOGS/NAME
	local name=$1
	shift
	rm -f "$LOGS/$name"
	(curl -sk -o /dev/null -w '%{http_code} %{time_total}\n' --max-time 25 --connect-to ::127.0.0.1:443 "$@" "https://$host/" >"$LOGS/$name.now" || true
	mv "$LOGS/$name.now" "$LOGS/$name") &
}
lasted() { awk '{ print int($2) }' "$LOGS/$1" 2>/dev/null; }
over() { [ -s "$LOGS/$1" ]; }

in_s() { date -u -d "@$(($(date +%s) + $1))" +%Y-%m-%dT%H:%M:%SZ; }
runs 'a document with a token that ends in 6 s' guard "$(in_s 6)"
opened short -H 'Authorization: Bearer aaaaaaaaaaaaaaaa'
opened short1 --http1.1 -H 'Authorization: Bearer aaaaaaaaaaaaaaaa'
opened socket --http1.1 -H 'Authorization: Bearer aaaaaaaaaaaaaaaa' -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
	-H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
opened long -H 'Authorization: Bearer bbbbbbbbbbbbbbbb'
opened jwt -H "Authorization: Bearer $(jwt $(($(date +%s) + 4)))"
opened jwtlong -H "Authorization: Bearer $(jwt $(($(date +%s) + 4000)))"
# Two streams of one connection.
(curl -skZ --http2 -w '%{num_connects} %{time_total} %{url.query}\n' --max-time 25 --connect-to ::127.0.0.1:443 -o /dev/null -H 'Authorization: Bearer aaaaaaaaaaaaaaaa' "https://$host/?short" \
	--next -sk -o /dev/null --http2 -w '%{num_connects} %{time_total} %{url.query}\n' --max-time 14 --connect-to ::127.0.0.1:443 -H 'Authorization: Bearer bbbbbbbbbbbbbbbb' "https://$host/?long" >"$LOGS/both.now" || true
mv "$LOGS/both.now" "$LOGS/both") &
for name in jwt short short1 socket; do runs "$name: it ends" until_true 12 over "$name"; done
cmp_ok "$(lasted jwt)" -ge 2 'the JWT opened it for its time'
cmp_ok "$(lasted jwt)" -le 6 'and no longer'
cmp_ok "$(lasted short)" -ge 4 'so did the token'
cmp_ok "$(lasted short)" -le 9 'and no longer'
cmp_ok "$(lasted socket)" -le 9 'a websocket ends likewise'
is "$(awk '{ print $1 }' "$LOGS/short") $(awk '{ print $1 }' "$LOGS/socket")" '200 101' 'they were open'
refuses 'what is open by a token that goes on is not touched' over long
refuses 'nor what is by a JWT that goes on' over jwtlong
runs 'two streams of one connection' until_true 20 over both
diag "$(cat "$LOGS/both")"
cmp_ok "$(awk '$3 ~ /short/ { print int($2) }' "$LOGS/both")" -le 9 'one ends'
cmp_ok "$(awk '$3 ~ /long/ { print int($2) }' "$LOGS/both")" -ge 13 'the other goes on'
said() { curl -sk -o /dev/null -w '%{http_code}' --max-time 5 --connect-to ::127.0.0.1:443 "$@" "https://$host/" || true; }
is "$(said -H 'Authorization: Bearer aaaaaaaaaaaaaaaa')" 401 'and it is not opened again'
refuses 'the long ones go on still' over long

# -- another HAProxy, with numbers of its own --
runs 'a token that ends in 5 s' guard "$(in_s 5)"
opened before -H 'Authorization: Bearer aaaaaaaaaaaaaaaa'
sleep 1
kill "$proxy"
wait "$proxy" || true
web_start
runs 'HAProxy is restarted' until_true 10 port_open 443
routed() { [ "$(said -I -H 'Authorization: Bearer bbbbbbbbbbbbbbbb' --max-time 1)" != 404 ]; }
until_true 10 routed || true
for i in 1 2 3 4; do opened "after$i" -H 'Authorization: Bearer bbbbbbbbbbbbbbbb'; done
sleep 7
for i in 1 2 3 4; do refuses "a new stream $i does not end by an old one's time" over "after$i"; done

kill "$service" "$proxy"
wait "$proxy" || true
local_call DELETE "/containers/$www"
roles_end
finish
