#!/bin/bash
# What leads to a container: its services by name and port, with HTTP/1.1, HTTP/2 and HTTP/3 in front and HTTP, TLS, HTTP/2 in clear and websockets behind;
# aliases; changes while connections stand; what comes back after each role was killed; what is refused.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin
W=$LOGS/urls
mkdir -p "$W"

services_create services '[{"name":"plain","port":9000},{"name":"tls","port":9443,"protocol":"https"},{"name":"grpc","port":9001,"protocol":"h2c"},
	{"name":"ws","port":9002,"protocol":"websocket"},{"port":9003}]'
answers 201 'a container with services'
box=$(field .id) url=$(field .url)
base=${url%".$DOMAIN/"}
is "$(field '[.services[] | [.name // "-", .port, .protocol] | join(" ")] | join(", ")')" \
	'plain 9000 http, tls 9443 https, grpc 9001 h2c, ws 9002 websocket, - 9003 http' 'they are told'
is "$(field '.services[0].url, .services[4].url')" "$base-plain.$DOMAIN/
$base-9003.$DOMAIN/" 'with their URLs'
runs 'it answers' wait_until 120 web_up "$url"
of() { # SUFFIX CURL...: which service answers there
	local suffix=$1
	shift
	web "$base$suffix.$DOMAIN/" "$@"
	[ "$STATUS" = 200 ] && field .service || echo "$STATUS"
}

# -- by name and by port --
is "$(of '')" default 'the plain URL leads to the default port'
is "$(of -80)" default 'as its number does'
is "$(of -plain) $(of -9000)" 'plain plain' 'a service has its name and its port'
is "$(of -tls) $(of -9443)" 'tls tls' 'one that speaks TLS, too'
is "$(of -9003)" unnamed 'one without a name has its port'
web "https://$(printf '0%.0s' {1..24})-$(printf '1%.0s' {1..24}).$DOMAIN/"
is "$STATUS" 404 'nothing is where nobody is'
nothing=$BODY nothing_headers=$(grep -viE '^date:' <<<"$HEADERS")
dead() { # URL TEXT
	web "$1"
	is "$STATUS $BODY" "404 $nothing" "$2: nothing"
	is "$(grep -viE '^date:' <<<"$HEADERS")" "$nothing_headers" "$2: with the same headers"
}
dead "$base-9999.$DOMAIN/" 'a port that is open, and not listed'
dead "$base-nothing.$DOMAIN/" 'a service that is not there'
dead "$base-080.$DOMAIN/" 'a port with a zero in front'
dead "$base-.$DOMAIN/" 'a hyphen'

# -- what is spoken --
for version in 1.1:--http1.1 2:--http2 3:--http3-only; do
	for suffix in '' -tls; do
		web "$base$suffix.$DOMAIN/" "${version#*:}" -w '%{http_code} %{http_version}' --data-binary @tests/api/52-urls.t
		is "$STATUS $(field .size)" "200 ${version%%:*} $(wc -c <tests/api/52-urls.t)" "HTTP/${version%%:*} in front of the ${suffix:-default} service, with a body"
	done
done
like "$HEADERS" '[Aa]lt-[Ss]vc: h3=":443"' 'HTTP/3 is offered'
head -c 30000000 /dev/urandom >"$W/large"
web "$base-plain.$DOMAIN/" --http3-only --data-binary "@$W/large" --max-time 300
is "$STATUS $(field .size)" '200 30000000' '30 MB go up by HTTP/3'
web "$base-grpc.$DOMAIN/pkg.Service/Call" --http2 -H 'Content-Type: application/grpc' -H 'TE: trailers' --data-binary x
is "$STATUS $BODY" '200 grpc application/grpc /pkg.Service/Call' 'gRPC, which is HTTP/2 on both sides'
like "$HEADERS" 'grpc-status: 0' 'with its trailers'
web "$base-ws.$DOMAIN/"
is "$STATUS" 426 'a websocket service wants to be asked for one'
echoes() { # SUFFIX: sends a line through what was a HTTP connection, and reads it again
	timeout 20 bash -c '{ printf "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" "$1"
		sleep 1; echo from-us; sleep 3; } | openssl s_client -quiet -connect "127.0.0.1:$2" -servername "$1" 2>/dev/null' - "${base#https://}$1.$DOMAIN" "$PORT_HTTPS" || true
}
echoes -ws >"$W/echo"
like "$(head -n 1 "$W/echo")" '^HTTP/1.1 101 ' 'and becomes one'
runs 'that carries what is sent' grep -q '^from-us' "$W/echo"
curl -skN --max-time 3 --connect-to "::127.0.0.1:$PORT_HTTPS" "${url}events" >"$W/events" 2>/dev/null || true
cmp_ok "$(grep -c '^data:' "$W/events")" -gt 2 'events come while their stream goes on'

# -- who asks, and what is said about it --
web "$url" -H 'X-Forwarded-For: 192.0.2.1' -H 'X-Forwarded-Host: other' -H 'Forwarded: for=192.0.2.1' -H 'X-Real-IP: 192.0.2.1' -H 'X_Forwarded_For: 192.0.2.1'
is "$(field '.headers["x-forwarded-for"]')" 10.0.2.2 'the client is named by its own address'
is "$(field '.headers["x-forwarded-host"]')" "${base#https://}.$DOMAIN" 'and the host by what was asked for'
is "$(field '.headers | [keys[] | select(test("^forwarded|real|_"))] | join(" ")')" '' 'what the client said of itself is dropped'
web "${url}cookies"
is "$(grep -i '^set-cookie:' <<<"$HEADERS" | cut -d' ' -f2- | tr '\n' '|')" 'a=1|b=2; Path=/; Secure|c=3|d=4|domain=5; Path=/|e=6;Path=/e|' 'cookies are for their host alone'
like "$HEADERS" '[Rr]eferrer-[Pp]olicy: no-referrer' 'no referrer tells the URL'
like "$HEADERS" '[Xx]-[Rr]obots-[Tt]ag: noindex' 'and no index'

# -- changes, while connections stand --
stream() { # SUFFIX NAME: events until they end; its process
	curl -skN --max-time 120 --connect-to "::127.0.0.1:$PORT_HTTPS" "$base$1.$DOMAIN/events" >"$W/$2" 2>/dev/null </dev/null &
	STREAM=$!
}
flows() { local before; before=$(grep -c data: "$W/$1"); sleep 2; [ "$(grep -c data: "$W/$1")" -gt "$before" ]; }
stream -plain plain
plain=$STREAM
stream -tls tls
tls=$STREAM
runs 'a stream from one service' wait_until 20 flows plain
runs 'and one from another' wait_until 20 flows tls
api_json PATCH "/containers/$box" '{"services":[{"name":"tls","port":9443,"protocol":"https"},{"name":"late","port":9999}]}'
answers 200 'the services are others'
sleep 0.3
refuses 'the stream of one that is gone has ended' kill -0 "$plain"
runs 'that of one that stays goes on' flows tls
dead "$base-plain.$DOMAIN/" 'its name'
dead "$base-9000.$DOMAIN/" 'its port'
is "$(of -late) $(of -9999)" 'unlisted unlisted' 'a new one is there when it is answered'
api_json PATCH "/containers/$box" '{"port":9000}'
answers 200 'the URL leads elsewhere'
is "$(of '') $(of -9000)" 'plain plain' 'at once'
dead "$base-80.$DOMAIN/" 'the port that it led to'
runs 'the other stream goes on' flows tls
kill "$tls" 2>/dev/null || true
api_json PATCH "/containers/$box" '{"port":80,"services":[{"name":"plain","port":9000},{"name":"tls","port":9443,"protocol":"https"}]}'

# -- aliases --
alias_of() { web "https://$1/" && { [ "$STATUS" = 200 ] && field .service || echo "$STATUS"; }; }
api_json POST /aliases "{\"host\":\"Shop.$DOMAIN\",\"container\":\"$box\"}"
answers 201 'an alias below our domain'
shop=$(field .id)
is "$(field '[.host, .url, .service, .enabled] | map(tostring) | join(" ")')" "shop.$DOMAIN https://shop.$DOMAIN/ null true" 'in its normal form'
is "$(alias_of "shop.$DOMAIN")" default 'leads to the container'
api_json POST /aliases "{\"host\":\"www.example.com\",\"container\":\"$box\",\"service\":\"tls\"}"
answers 201 'one that is a name of its own'
www=$(field .id)
is "$(alias_of www.example.com)" tls 'leads to a service'
web https://www.example.com/cookies
like "$HEADERS" 'b=2; Path=/; Domain=box1.test' 'its cookies are its own'
api GET "/aliases?container=$box"
is "$(field '.items | length')" 2 'both are listed'
api_json POST /aliases "{\"host\":\"www.EXAMPLE.com.\",\"container\":\"$box\"}"
refused 409 conflict host 'a name leads to one container'
api_json PATCH "/containers/$box" '{"services":[]}'
refused 409 conflict services 'a service with an alias stays'
api GET "/containers/$box"
is "$(field '.services | length')" 2 'nothing has changed'
lab_start other
other=$LAB
runs 'another container' wait_until 60 lab_up
(
	for n in $(seq 60); do
		[ "$n" != 10 ] || : >"$W/asking"
		web https://www.example.com/
		echo "$STATUS"
	done >"$W/switch"
) &
asking=$!
wait_until 60 test -e "$W/asking" || true
api_json PATCH "/aliases/$www" "{\"container\":\"$other\",\"service\":\"\"}"
answers 200 'an alias is led elsewhere'
is "$(web https://www.example.com/ && echo "$BODY")" 'hello from bulkhead' 'where it is at once'
wait "$asking" || true
is "$(sort -u "$W/switch")" 200 'no request in between got anything but an answer'
api_json PATCH "/aliases/$shop" '{"enabled":false}'
answers 200 'an alias is switched off'
dead "https://shop.$DOMAIN/" 'it'
api_json PATCH "/aliases/$shop" '{"enabled":true,"service":"plain"}'
is "$(alias_of "shop.$DOMAIN")" plain 'and on, to a service'

# -- after each role was killed, and when the container was --
for part in gate proxy api daemon; do
	admin_ssh restart "$part" </dev/null >/dev/null 2>&1 || true
	back() { [ "$(of -tls) $(alias_of "shop.$DOMAIN")" = 'tls plain' ]; }
	runs "services and aliases are there after $part was killed" wait_until 60 back
done
runs 'the API is back' wait_until 60 api_up
api POST "/containers/$box/stop?timeout=1"
answers 200 'the container is stopped'
dead "https://shop.$DOMAIN/" 'its alias'
dead "$base-tls.$DOMAIN/" 'its service'
api POST "/containers/$box/start"
runs 'and started' wait_until 120 back
api_json POST "/containers/$box/copy" '{"name":"services2"}'
like "$STATUS" '^20[01]$' 'a copy'
is "$(field '[.services[].name] | join(" ")')" 'plain tls' 'has its services'
container_gone "$(field .id)"

cli() { "$O/bin/bulkhead" --server "https://api.$DOMAIN" --connect "127.0.0.1:$PORT_HTTPS" --insecure --token-file "$M/token" "$@"; }
runs "the operator's binary makes an alias" cli alias create "host=cli.$DOMAIN" "container=$box" service=plain
is "$(alias_of "cli.$DOMAIN")" plain 'that leads there'
like "$(cli alias list 2>&1)" "cli.$DOMAIN" 'and lists it'

# -- what makes no sense --
bad() { # SERVICES FIELD
	api_json PATCH "/containers/$box" "{\"services\":$1}"
	refused 400 invalid "$2" "$1"
}
bad '[{"name":"a"}]' 'services[0].port'
bad '[{"port":0}]' 'services[0].port'
bad '[{"port":70000}]' 'services[0].port'
bad '[{"port":1,"protocol":"ftp"}]' 'services[0].protocol'
bad '[{"port":1,"name":"9"}]' 'services[0].name'
bad '[{"port":1,"name":"A"}]' 'services[0].name'
bad '[{"port":1,"name":"a-"}]' 'services[0].name'
bad '[{"port":1,"name":"abcdefghijklmn"}]' 'services[0].name'
bad '[{"port":1},{"port":1,"name":"a"}]' 'services[1]'
bad '[{"port":1,"name":"a"},{"port":2,"name":"a"}]' 'services[1]'
bad '[{"port":1,"path":"/"}]' 'services[0].path'
bad '["a"]' 'services[0]'
bad "$(jq -cn '[range(33) | {port: (. + 1)}]')" services
bad_alias() { # HOST
	api_json POST /aliases "$(jq -cn --arg h "$1" --arg c "$box" '{host: $h, container: $c}')"
	refused 400 invalid host "$1"
}
for host in single '' '*.example.com' a..b 'a b.c' -a.b 'a_b.example.com' "api.$DOMAIN" "$REALM.api.$DOMAIN" "${base#https://}.$DOMAIN" "${base#https://}-admin.$DOMAIN" "$(printf 'a%.0s' {1..64}).b" "$(printf 'a.%.0s' {1..127})b"; do
	bad_alias "$host"
done
api_json POST /aliases "{\"host\":\"a.example.com\",\"container\":\"$box\",\"service\":\"nothing\"}"
refused 400 invalid service 'a service that is not there'
api_json POST /aliases "{\"host\":\"a.example.com\",\"container\":\"$(printf '0%.0s' {1..24})\"}"
refused 404 not_found container 'a container that is not there'
api_json POST /realms '{"name":"elsewhere"}'
elsewhere=$(field .id)
api_json POST /tokens "{\"role\":\"operator\",\"realms\":[\"$elsewhere\"]}"
admin=$TOKEN TOKEN=$(field .token)
api GET "/aliases/$shop"
refused 404 not_found - "another realm's alias is not there"
api GET /aliases
is "$(field '.items | length')" 0 'nor in a list'
api_json PATCH "/aliases/$shop" '{"enabled":false}'
refused 404 not_found - 'nor to be changed'
api DELETE "/aliases/$shop"
refused 404 not_found - 'nor deleted'
api_json POST /aliases "{\"host\":\"b.example.com\",\"container\":\"$box\"}"
refused 404 not_found container "nor is another realm's container"
TOKEN=$admin
api DELETE "/realms/$elsewhere"

# -- the end --
api DELETE "/aliases/$www"
answers 204 'an alias is deleted'
dead https://www.example.com/ 'it'
api DELETE "/aliases/$www"
refused 404 not_found - 'and gone'
container_gone "$box"
dead "https://shop.$DOMAIN/" "a deleted container's alias"
dead "$base-tls.$DOMAIN/" 'and service'
api GET /aliases
is "$(field '.items | length')" 0 'its aliases went with it'
container_gone "$other"
finish
