#!/bin/bash
# What clients try with the text of a request: two lengths, folded and broken lines, hosts that are none, absolute targets, paths that go around a rule, slow and idle
# ones. A real HAProxy with our configuration in front of a service that keeps every byte it gets; roles with a stand-in for the engine, in namespaces of their own.
# shellcheck disable=SC2317 # functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/roles.sh
roles_enter
roles_begin
ip addr add 10.77.0.2/16 dev lo
sed 's/^\ttimeout http-request 10s/\ttimeout http-request 2s/' rootfs/files/etc/haproxy/haproxy.cfg >"$LOGS/haproxy.cfg"
haproxy -W -db -f /run/haproxy/domain.cfg -f "$LOGS/haproxy.cfg" >>"$LOGS/haproxy.log" 2>&1 & proxy=$!
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
runs 'the API comes up' until_true 20 serving
runs 'so does HAProxy' until_true 20 port_open 443
post /realms '{"name":"r"}'
realm=$(field .id)
post /projects "{\"name\":\"p\",\"realm\":\"$realm\"}"
project=$(field .id)
local_call POST '/images?name=guest' -H 'Content-Type: application/x-tar' --data-binary anything
post /containers "{\"project\":\"$project\",\"image\":\"guest\",\"name\":\"www\",\"services\":[{\"name\":\"raw\",\"port\":8081}]}"
www=$(field .id)
host=$project-$www-raw.$DOMAIN
open=$project-$www.$DOMAIN

# One request a connection: what came is kept, byte by byte, until its body is there or half a second is over.
cat >"$LOGS/service" <<'X'
#!/bin/bash
at=$(mktemp "$1/XXXXXX")
head=''
while IFS= read -r -t 2 line; do
	printf '%s\n' "$line" >>"$at"
	[ "$line" != $'\r' ] || break
	case ${line,,} in content-length:*) length=${line#*: }; length=${length%$'\r'} ;; esac
done
[ -z "${length:-}" ] || head -c "$length" >>"$at"
[ -n "${length:-}" ] || timeout 0.3 cat >>"$at"
printf 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes'
X
chmod 755 "$LOGS/service"
socat TCP-LISTEN:8081,bind=10.77.0.2,fork,reuseaddr EXEC:"$LOGS/service $LOGS/got" 2>/dev/null & service=$!
got=$LOGS/got
mkdir -p "$got"

# Bytes over TLS as they are; the first line of each answer.
sent() { # TEXT (printf) [SECONDS]
	rm -f "$got"/*
	# shellcheck disable=SC2059 # it is the format
	{ printf "$1"; sleep "${2:-0.5}"; } | timeout 15 openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:443 -servername "$host" 2>/dev/null | tr -d '\r' | grep -aoE '^(yes)?HTTP/1.1 [0-9]+' | sed 's/.*HTTP/HTTP/' | tr '\n' ' '
}
heads() { cat "$got"/* 2>/dev/null | tr -d '\r'; }
count() { find "$got" -type f | wc -l; }

is "$(sent "GET /plain HTTP/1.1\r\nHost: $host\r\n\r\n")" 'HTTP/1.1 200 ' 'a request goes through'
like "$(heads)" '^GET /plain HTTP/1.1' 'as it was sent'

# -- two requests in one --
smuggled="GET /smuggled HTTP/1.1\r\nHost: $host\r\n\r\n"
out=$(sent "POST /a HTTP/1.1\r\nHost: $host\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n$smuggled")
unlike "$(heads)" '[Cc]ontent-[Ll]ength.*[Tt]ransfer|[Tt]ransfer.*[Cc]ontent-[Ll]ength' 'CL.TE: the service never sees both lengths'
first=$(find "$got" -type f -exec grep -alE '^POST /a ' {} + | head -n 1)
is "$(grep -ac smuggled "${first:-/dev/null}" || true)" 0 'and nothing hidden behind the body'
for bad in 'Content-Length: 3\r\nContent-Length: 4' 'Content-Length: 3, 4' 'Content-Length: +3' 'Content-Length: -1' 'Content-Length: 0x3' 'Content-Length: 3 4' 'Content-Length:' \
	'Content-Length: 99999999999999999999' 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity' 'Transfer-Encoding: xchunked' 'Transfer-Encoding: chunked, identity'; do
	out=$(sent "POST /bad HTTP/1.1\r\nHost: $host\r\n$bad\r\n\r\nabc")
	like "$out" '^HTTP/1.1 (400|422|501) $' "refused: ${bad//\\r\\n/ | }"
	is "$(count)" 0 'and not handed on'
done
out=$(sent "POST /chunk HTTP/1.1\r\nHost: $host\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n")
unlike "$out" 200 'a chunk whose size is none is refused'
out=$(sent "POST /chunk HTTP/1.1\r\nHost: $host\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n")
unlike "$out" 200 'so is one that is longer than it says'

# -- lines --
for bad in 'X-Folded: a\r\n b' 'X-Folded: a\r\n\tb'; do
	out=$(sent "GET /folded HTTP/1.1\r\nHost: $host\r\n$bad\r\n\r\n")
	unlike "$(heads)" '^[ 	]' 'a folded line does not arrive as one'
done
for bad in 'Host : x' ' Leading: x' 'No colon' 'Bad\x01Name: x' ': empty' 'Na(me: x'; do
	out=$(sent "GET /line HTTP/1.1\r\nHost: $host\r\n$bad\r\n\r\n")
	unlike "$out" 200 "refused: $bad"
	is "$(count)" 0 'and not handed on'
done
out=$(sent "GET /nul HTTP/1.1\r\nHost: $host\r\nX: a\\000b\r\n\r\n")
unlike "$out" 200 'a NUL in a value is refused'
out=$(sent "GET /bare HTTP/1.1\nHost: $host\nX: a\n\n")
unlike "$(cat "$got"/* 2>/dev/null | grep -av $'\r$' | grep -aE '^(GET|Host|X)' || true)" . 'bare line feeds arrive as whole line ends, or not at all'
out=$(sent "GET /cr HTTP/1.1\r\nHost: $host\r\nX: a\rX-Bulkhead-Identity: root\r\n\r\n")
unlike "$(heads)" '^X-Bulkhead-Identity' 'a lone carriage return makes no line'
out=$(sent "GET /names HTTP/1.1\r\nHost: $host\r\nX_Bulkhead_Identity: root\r\nX-Bulkhead.Identity: root\r\nX-BULKHEAD-GROUP: root\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\n\r\n")
like "$out" '200|400' 'names that a service might take for ours'
unlike "$(heads)" 'root|1\.2\.3\.4' 'do not arrive'

# -- hosts --
for bad in '' 'Host: ' 'Host: a\r\nHost: b' "Host: $host\r\nHost: $open" 'Host: a b' 'Host: a/b' 'Host: [::1' "Host: $host@x" "Host: x@$host" 'Host: %%61' "Host: .$host" "Host: $host.$DOMAIN" "Host: ${host}x"; do
	out=$(sent "GET /host HTTP/1.1\r\n${bad:+$bad\r\n}\r\n")
	like "$out" '^HTTP/1.1 (400|404|421) $' "no such host: ${bad:-none}"
	is "$(count)" 0 'and nothing is handed on'
done
is "$(sent "GET /case HTTP/1.1\r\nHost: ${host^^}\r\n\r\n")" 'HTTP/1.1 200 ' 'a host in capitals is the same one'
is "$(sent "GET /port HTTP/1.1\r\nHost: $host:443\r\n\r\n")" 'HTTP/1.1 200 ' 'also with its port'

# -- targets --
out=$(sent "GET http://$host/absolute HTTP/1.1\r\nHost: $host\r\n\r\n")
like "$out$(heads)" '200.*absolute' 'an absolute target is taken'
out=$(sent "GET https://nobody.$DOMAIN/absolute HTTP/1.1\r\nHost: $host\r\n\r\n")
like "$out" '^HTTP/1.1 (400|404|421) $' 'one of another host is not let in by the Host header'
is "$(count)" 0 'nor handed on'
for bad in 'CONNECT x:80' 'CONNECT 10.77.0.2:80' 'GET *' 'GET x' 'GET' 'GET /a b' 'G T /'; do
	out=$(sent "$bad HTTP/1.1\r\nHost: $host\r\n\r\n")
	unlike "$out" 200 "refused: $bad"
	is "$(find "$got" -type f -exec grep -alE '^CONNECT ' {} + | wc -l)" 0 'and no tunnel is opened'
done
for bad in HTTP/0.9 HTTP/2.0 HTTP/9.9 HTTP/1.1x xxx; do
	out=$(sent "GET /version $bad\r\nHost: $host\r\n\r\n")
	is "$(heads | grep -a ^GET | grep -vc 'HTTP/1\.[01]$' || true)" 0 "no service sees $bad"
done

# -- paths around a rule --
local_call PUT "/containers/$www/proxy/permissions" -H 'Content-Type: application/json' --data-binary \
	'{"groups":{"all":[{"type":"open"}],"staff":[{"type":"token","value":"0123456789abcdef"}]},"permissions":{"all":{"raw":{"paths":["/public/*"]}},"staff":{"*":true}}}'
is "$STATUS" 200 'all may use /public, and nobody else the rest'
is "$(sent "GET /public/a HTTP/1.1\r\nHost: $host\r\n\r\n")" 'HTTP/1.1 200 ' 'what is there is open'
asserted() { # PATH HEADER: what the service is told, signed
	out=$(sent "GET $1 HTTP/1.1\r\nHost: $host\r\n$2X-Bulkhead-Assertion: forged\r\n\r\n")
	heads | sed -n 's/^x-bulkhead-assertion: //Ip'
}
first=$(asserted /public/a '')
like "$first" '^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$' 'a service is told who it is, signed, and once'
is "$(asserted /public/b '')" "$first" 'a moment later the same'
isnt "$(asserted /public/b 'Authorization: Bearer 0123456789abcdef\r\n')" forged 'never what a client says'
staff=$(asserted /staff 'Authorization: Bearer 0123456789abcdef\r\n')
like "$staff" '\.' 'another group'
isnt "$staff" "$first" 'is told otherwise'
for path in /secret /public /public/../secret /public/%%2e%%2e/secret /public/.%%2e/secret /public/%%2E%%2E%%2Fsecret '/public/..%%2fsecret' '/public/..\\\\secret' /public/..%%5csecret \
	//public/../secret /public//../../secret '/public/..;/secret' /public/%%252e%%252e/secret /public/%%c0%%ae%%c0%%ae/secret /Public/a '/%%70ublic/../secret' /public/%%00 \
	"http://$host/secret" "http://$host/public/../secret"; do
	out=$(sent "GET $path HTTP/1.1\r\nHost: $host\r\n\r\n")
	like "$out" '^HTTP/1.1 (400|401|403) $' "closed: ${path//%%/%}"
	is "$(count)" 0 'and not handed on'
done

# -- slow and idle ones --
begin=$SECONDS
out=$( { printf 'GET /slow HTTP/1.1\r\n'; for _ in 1 2 3 4 5 6; do sleep 1; printf 'X-More: a\r\n'; done; } 2>/dev/null | timeout 15 openssl s_client -quiet -connect 127.0.0.1:443 -servername "$host" 2>/dev/null | head -n 1 | tr -d '\r')
like "$out" 'HTTP/1.1 408' 'a head that comes line by line is given up'
cmp_ok $((SECONDS - begin)) -le 8 'in time'
for _ in $(seq 200); do (sleep 8 | timeout 10 openssl s_client -quiet -connect 127.0.0.1:443 -servername "$host" >/dev/null 2>&1 &) ; done
sleep 2
is "$(sent "GET /public/beside HTTP/1.1\r\nHost: $host\r\n\r\n")" 'HTTP/1.1 200 ' 'beside 200 that say nothing the others are served'
runs 'the API, too' serving
sleep 1
kill "$service" "$proxy"
wait "$proxy" || true
roles_end
finish
