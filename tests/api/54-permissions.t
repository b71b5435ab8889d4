#!/bin/bash
# Who may use URLs: every kind of condition with real clients, documents of realm, project and container, what is written at the same time, what ends, and what
# is refused while a part of the daemon is away.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin
W=$LOGS/permissions
mkdir -p "$W"

services_create guarded '[{"name":"plain","port":9000},{"name":"ws","port":9002,"protocol":"websocket"}]'
answers 201 'a container'
box=$(field .id) url=$(field .url)
base=${url%".$DOMAIN/"}
runs 'it answers' wait_until 120 web_up "$url"
api GET "/projects/$PROJECT"
realm=$(field .realm)
lab_start neighbour
neighbour_url=$LAB_URL
runs 'so does a neighbour' wait_until 60 lab_up
of_box=/containers/$box/proxy/permissions
asked() { web "$url" "$@"; printf '%s' "$STATUS"; } # CURL...: the status
asked_at() { # SUFFIX/PATH CURL...
	local at=$1
	shift
	web "$base${at%%/*}.$DOMAIN/${at#*/}" --path-as-is "$@"
	printf '%s' "$STATUS"
}

# -- nothing said --
api GET "$of_box"
is "$STATUS $(field 'tojson')" '200 {"groups":{},"permissions":{},"default":null,"enable_proxy":true}' 'without a document nothing is said'
like "$HEADERS" '[Ee][Tt]ag: "0"' 'which is version 0'
web "$url" -H 'X-Bulkhead-Identity: root' -H 'X-Bulkhead-Group: admins'
is "$STATUS" 200 'the URL is open'
is "$(field '[.headers | keys[] | select(startswith("x-bulkhead"))] | length')" 0 'forged identities do not arrive'

# -- token --
T1=aaaaaaaaaaaaaaaaaaaaaaaa T2=bbbbbbbbbbbbbbbbbbbbbbbb
api_json PUT "$of_box" "{\"groups\":{\"ops\":[{\"type\":\"token\",\"name\":\"one\",\"value\":\"$T1\"},{\"type\":\"token\",\"name\":\"two\",\"value\":\"$T2\",\"forward\":true}]},
	\"permissions\":{\"ops\":{\"*\":true}}}" -H 'If-Match: "0"'
answers 200 'a group with two tokens'
like "$HEADERS" '[Ee][Tt]ag: "1"' 'is version 1'
unlike "$BODY" "sha256|$T1" 'its secrets are not shown'
web "$url"
is "$STATUS" 401 'without a token: 401'
like "$HEADERS" '[Ww][Ww][Ww]-[Aa]uthenticate: Bearer' 'that says what is missing'
is "$(asked -H "Authorization: Bearer ${T1}x")" 401 'with another one, too'
asked -H "Authorization: Bearer $T1" -H 'X-Bulkhead-Identity: root' >/dev/null
is "$STATUS $(field '.headers | [.["x-bulkhead-group"], .["x-bulkhead-identity"], .authorization // "-"] | join(" ")')" '200 ops one -' 'the first lets in; the service sees who, and not the token'
assertion=$(field '.headers["x-bulkhead-assertion"]')
part() { cut -d. -f"$1" <<<"$assertion" | tr '_-' '/+' | awk '{ n = length($0) % 4; print $0 (n == 2 ? "==" : n == 3 ? "=" : "") }' | base64 -d; }
is "$(part 2 | jq -r '[.iss, .aud, .sub, .group, .exp - .iat] | map(tostring) | join(" ")')" "https://api.$DOMAIN ${base#https://} one ops 60" 'and gets it signed'
TOKEN='' api GET /identity/keys
answers 200 'the key for that is public'
{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; field '.keys[0].x' | tr '_-' '/+' | sed 's/$/=/' | base64 -d; } >"$W/identity.der"
printf '%s' "${assertion%.*}" >"$W/signed"
part 3 >"$W/signature"
runs 'which holds' openssl pkeyutl -verify -pubin -keyform DER -inkey "$W/identity.der" -rawin -in "$W/signed" -sigfile "$W/signature"
printf x >>"$W/signed"
refuses 'and not for anything else' openssl pkeyutl -verify -pubin -keyform DER -inkey "$W/identity.der" -rawin -in "$W/signed" -sigfile "$W/signature"
asked -H "Authorization: Bearer $T1" -H 'X-Bulkhead-Assertion: forged' >/dev/null
isnt "$(field '.headers["x-bulkhead-assertion"]')" forged 'a forged one does not arrive'
asked -H "Authorization: Bearer $T2" >/dev/null
is "$STATUS $(field '.headers | [.["x-bulkhead-identity"], .authorization] | join(" ")')" "200 two Bearer $T2" 'the second is handed on, as it says'
is "$(asked_at -plain/ -H "Authorization: Bearer $T1") $(asked_at -80/ -H "Authorization: Bearer $T1") $(asked_at -80/)" '200 200 401' 'so it is with the other URLs of the container'
for version in --http1.1 --http2 --http3-only; do
	is "$(asked $version) $(asked $version -H "Authorization: Bearer $T1")" '401 200' "with $version"
done
is "$(curl -sk -o /dev/null -w '%{http_code}' --connect-to "::127.0.0.1:$PORT_HTTPS" "$neighbour_url")" 200 'the neighbour is open as before'
api_json POST /aliases "{\"host\":\"guarded.$DOMAIN\",\"container\":\"$box\"}"
alias_id=$(field .id)
web "https://guarded.$DOMAIN/"
is "$STATUS" 401 'an alias is guarded as what it leads to'
web "https://guarded.$DOMAIN/" -H "Authorization: Bearer $T1"
is "$STATUS" 200 'and lets in the same'
api DELETE "/aliases/$alias_id"

# -- written by parts --
api_json PUT "$of_box" '{}' -H 'If-Match: "0"'
refused 412 - - 'a version that is past writes nothing'
api_json PATCH "$of_box" '{"groups":{"ops":[{"type":"token","name":"two"},{"type":"token","name":"key","header":"X-Key","value":"cccccccccccccccccccc"},
	{"type":"token","name":"cookie","cookie":"s","value":"dddddddddddddddddddd"},{"type":"token","name":"param","param":"k","value":"eeeeeeeeeeeeeeeeeeee"}]}}'
answers 200 'tokens by other ways, and one of before without its secret'
is "$(asked -H "Authorization: Bearer $T2") $(asked -H "Authorization: Bearer $T1")" '200 401' 'which is as it was; the one that was left out is gone'
is "$(asked -H 'X-Key: cccccccccccccccccccc') $(asked -H 'X-Key: cccccccccccccccccccd')" '200 401' 'by a header'
asked -H 'Cookie: a=1; s=dddddddddddddddddddd; b=2' >/dev/null
is "$STATUS $(field '.headers | .cookie')" '200 a=1; b=2' 'by a cookie, which the service does not see'
asked -H 'Cookie: s=dddddddddddddddddddd' >/dev/null
is "$STATUS $(field '.headers | .cookie // "-"')" '200 -' 'nor an empty header'
web "${url}x?a=1&k=eeeeeeeeeeeeeeeeeeee&b=2"
is "$STATUS" 200 'by a parameter'
is "$(field .url)" '/x?a=1&b=2' 'which the service does not see'
is "$(asked_at '/x?k=eeeeeeeeeeeeeeeeeeee&k=1')" 401 'twice is none'

# -- password --
api_json PATCH "$of_box" '{"groups":{"ops":null,"people":[{"type":"password","username":"ann","password":"correct horse"},{"type":"password","username":"bob","password":"another horse"}]},
	"permissions":{"ops":null,"people":{"*":true}}}'
answers 200 'a group of people'
unlike "$BODY" 'argon2|horse' 'their passwords are not shown'
web "$url"
is "$STATUS" 401 'without one: 401'
like "$HEADERS" '[Aa]uthenticate: Basic' 'browsers ask for it'
is "$(asked -u 'ann:correct horse') $(asked -u 'bob:another horse') $(asked -u 'ann:another horse') $(asked -u 'eve:correct horse')" '200 200 401 401' 'user and password belong together'
asked -u 'ann:correct horse' >/dev/null
is "$(field '.headers | [.["x-bulkhead-identity"], .authorization // "-"] | join(" ")')" 'ann -' 'the service sees who it is, not the password'
for i in {1..12}; do web "$url" -u "ann:wrong horse $i"; done
is "$STATUS" 429 'after ten wrong ones no more are compared'
like "$HEADERS" '[Rr]etry-[Aa]fter: 60' 'for a minute'
is "$(asked -u 'bob:another horse')" 200 'a password that was right before stays so'

# -- ip, and all of several --
api_json PUT "$of_box" "{\"groups\":{\"near\":{\"type\":\"ip\",\"ranges\":[\"10.0.0.0/8\",\"192.168.0.0/16\",\"127.0.0.0/8\"]},\"far\":{\"all\":[{\"type\":\"ip\",\"range\":\"203.0.113.0/24\"},{\"type\":\"token\",\"value\":\"$T1\"}]}},
	\"permissions\":{\"near\":{\"80\":{\"methods\":[\"GET\"],\"paths\":[\"/docs/*\"]}},\"far\":{\"*\":true}}}"
answers 200 'an address with a path, another one with a token'
is "$(asked_at /docs/a) $(asked_at /docs/a -X POST) $(asked_at /) $(asked_at -plain/docs/a)" '200 401 401 401' 'method, path and service are those that were said'
for path in /docs/../x /docs/%2e%2e/x /docs/..%2fx /docs//x '/docs/..;/x' /docs/%252e%252e/x '/docs/\..\x'; do
	is "$(asked_at "$path")" 401 "not $path"
done
is "$(asked -H "Authorization: Bearer $T1" -H 'X-Forwarded-For: 203.0.113.1' -H 'Forwarded: for=203.0.113.1')" 401 'an address that a header claims is none'

# -- jwt --
SECRET=0123456789abcdef0123456789abcdef
b64() { base64 -w0 | tr '+/' '-_' | tr -d '='; }
hs256() { # PAYLOAD [HEADER] [SECRET]
	local head body
	head=$(printf '%s' "${2:-{\"alg\":\"HS256\"\}}" | b64) body=$(printf '%s' "$1" | b64)
	printf '%s.%s.%s' "$head" "$body" "$(printf '%s' "$head.$body" | openssl dgst -sha256 -hmac "${3:-$SECRET}" -binary | b64)"
}
openssl genrsa -out "$W/rsa" 2048 2>/dev/null
openssl rsa -in "$W/rsa" -pubout -out "$W/rsa.pub" 2>/dev/null
rs256() {
	local head body
	head=$(printf '{"alg":"RS256"}' | b64) body=$(printf '%s' "$1" | b64)
	printf '%s.%s.%s' "$head" "$body" "$(printf '%s' "$head.$body" | openssl dgst -sha256 -sign "$W/rsa" -binary | b64)"
}
later=$(($(date +%s) + 3600)) past=$(($(date +%s) - 3600))
api_json PUT "$of_box" "$(jq -cn --arg s "$SECRET" --rawfile k "$W/rsa.pub" '{groups: {h: {type: "jwt", algorithm: "HS256", secret: $s, issuer: "me", claims: {role: "admin"}},
	r: {type: "jwt", algorithm: "RS256", key: $k, sources: ["cookie:jwt"]}}, permissions: {h: {"*": true}, r: {"*": true}}}')"
answers 200 'JWT by two algorithms'
jwt() { asked -H "Authorization: Bearer $1"; }
good="{\"iss\":\"me\",\"role\":\"admin\",\"sub\":\"carol\",\"exp\":$later}"
is "$(jwt "$(hs256 "$good")")" 200 'a good one'
asked -H "Authorization: Bearer $(hs256 "$good")" >/dev/null
is "$(field '.headers["x-bulkhead-identity"]')" carol 'tells who it is'
is "$(jwt "$(hs256 "{\"iss\":\"me\",\"role\":\"admin\",\"exp\":$past}")")" 401 'one that has expired'
is "$(jwt "$(hs256 "{\"iss\":\"me\",\"role\":\"admin\"}")")" 401 'one that never does'
is "$(jwt "$(hs256 "{\"iss\":\"me\",\"role\":\"admin\",\"exp\":$later,\"nbf\":$later}")")" 401 'one that does not hold yet'
is "$(jwt "$(hs256 "{\"iss\":\"me\",\"role\":\"user\",\"exp\":$later}")")" 401 'one without the claim'
is "$(jwt "$(hs256 "$good" '{"alg":"none"}' | sed 's/[^.]*$//')")" 401 'one of algorithm none'
is "$(jwt "$(hs256 "$good" '{"alg":"HS256"}' "$(cat "$W/rsa.pub")")")" 401 'one with the public key as secret'
is "$(asked -H "Cookie: jwt=$(hs256 "$good" '{"alg":"HS256"}' "$(cat "$W/rsa.pub")")")" 401 'also where the public key is the right one'
is "$(asked -H "Cookie: jwt=$(rs256 "{\"exp\":$later}")") $(asked -H "Cookie: jwt=$(rs256 "{\"exp\":$past}")")" '200 401' 'by RSA, in a cookie'
is "$(jwt "$(hs256 "{\"iss\":\"me\",\"role\":\"admin\",\"exp\":$later,\"x\":\"$(head -c 7000 /dev/zero | tr '\0' x)\"}")")" 401 'one beyond 8 KiB'

# -- levels --
api DELETE "$of_box"
answers 204 'the document is deleted'
is "$(asked)" 200 'the URL is open'
api_json PUT "/realms/$realm/proxy/permissions" '{"default":"deny"}'
answers 200 'the realm denies'
is "$(asked) $(lab 'echo up' -o /dev/null -w '%{http_code}')" '403 403' 'so all of its containers do'
api_json PUT "$of_box" '{"default":"allow"}'
is "$(asked)" 403 'whatever one of them says'
api_json PUT "/projects/$PROJECT/proxy/permissions" '{"groups":{"all":{"type":"open"}},"permissions":{"all":{"plain":true}}}'
is "$(asked) $(asked_at -plain/)" '403 200' 'a group of the project lets in to what it names'
api_json PATCH "/realms/$realm/proxy/permissions" '{"enable_proxy":false}'
is "$(asked_at -plain/)" 403 'the switch of the realm cuts'
api DELETE "/realms/$realm/proxy/permissions"
api DELETE "/projects/$PROJECT/proxy/permissions"
is "$(asked) $(lab 'echo up')" '200 up' 'without them all is open'

# -- what is open --
stream() { # NAME CURL...
	local name=$1
	shift
	curl -skN --max-time 120 --connect-to "::127.0.0.1:$PORT_HTTPS" "$@" >"$W/$name" 2>/dev/null & STREAM=$!
	disown "$STREAM"
}
stream one "${url}events"
one=$STREAM
runs 'a stream' wait_until 20 grep -q data: "$W/one"
api_json PUT "$of_box" "{\"groups\":{\"ops\":{\"type\":\"token\",\"value\":\"$T1\"}},\"permissions\":{\"ops\":{\"*\":true}}}"
answers 200 'the URL is guarded'
sleep 0.3
refuses 'what was open without a token has ended' kill -0 "$one"
stream two -H "Authorization: Bearer $T1" "${url}events"
two=$STREAM
runs 'a stream with the token' wait_until 20 grep -q data: "$W/two"
api_json PATCH "$of_box" '{"enable_proxy":false}'
sleep 0.3
refuses 'ends when the switch is thrown' kill -0 "$two"
api_json PATCH "$of_box" '{"enable_proxy":true}'

# -- a copy --
api_json POST "/containers/$box/copy" '{"name":"guarded-copy","start":true}'
answers 201 'a copy of the container'
copy=$(field .id) copy_url=$(field .url)
copied() { web "$copy_url" -H "Authorization: Bearer $T1"; [ "$STATUS" = 200 ]; }
runs 'lets in whom the original does' wait_until 120 copied
web "$copy_url"
is "$STATUS" 401 'and nobody else'
api DELETE "/containers/$copy"

# -- parts that are away --
is "$(asked) $(asked -H "Authorization: Bearer $T1")" '401 200' 'before'
for part in gate proxy api daemon; do
	admin_ssh restart $part </dev/null >/dev/null 2>&1 || true
	seen=
	for _ in {1..15}; do seen="$seen $(asked)"; done
	unlike "$seen" 200 "while $part comes back nobody is let in without a token:$seen"
	back() { [ "$(asked -H "Authorization: Bearer $T1")" = 200 ]; }
	runs "$part is back" wait_until 60 back
	is "$(asked)" 401 'and the document with it'
done
runs 'the API is there' wait_until 60 api_up

# -- refused --
api_json PUT "$of_box" '{"groups":{"g":{"type":"jwt","algorithm":"none","secret":"x"}}}'
refused 400 invalid groups.g.algorithm 'an algorithm that there is not'
api_json PUT "$of_box" '{"groups":{"g":[{"type":"ip","range":"10.0.0.1/8"}]}}'
refused 400 invalid 'groups.g[0].range' 'a network that is none'
api_json PUT "$of_box" '{"groups":{"g":{"type":"token","name":"new"}}}'
refused 400 invalid groups.g.value 'a new token without its secret'
api_json PUT "$of_box" '{"permissions":{"g":{"*":{"paths":["/a/../b"]}}}}'
refused 400 invalid 'permissions.g.*.paths[0]' 'a path that is not plain'
api_json PUT "$of_box" '{"default":"maybe"}'
refused 400 invalid default 'another default'
api_json PUT "$of_box" '{"hooks":{}}'
refused 400 invalid hooks 'an unknown key'
api_json PUT "/containers/$(printf '0%.0s' {1..24})/proxy/permissions" '{}'
refused 404 not_found - 'a container that there is not'
api GET "$of_box"
is "$(field '.groups.ops.type')" token 'nothing has changed'
api DELETE "/containers/$box"
answers 204 'the container is deleted'
api DELETE "/containers/$LAB"
finish
