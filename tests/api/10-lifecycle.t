#!/bin/bash
# A container from image to URL and back: HTTP/1.1 and 2, stop, start, delete; what is gone looks like what never was.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

# -- the host --
api GET /host
answers 200 'the host answers'
is "$(field '.hostname + " " + .domain')" 'box1 box1.test' 'with its configured names'
is "$(field '[.swap.encrypted, .firewall.installed] | map(tostring) | join(" ")')" 'true true' 'swap is encrypted, the firewall stands'
# The scanner rests while programs wait for a CPU, as they do just after the start.
scanner_runs() { api GET /host && [ "$(field .ksm.running)" = true ]; }
runs 'KSM runs, when nothing waits for a CPU' wait_until 300 scanner_runs
api GET /host
live=$(field .firewall.live)

# -- the image --
is "$DIGEST" "$(sha256sum "$O/guest.tar" | cut -d' ' -f1)" 'an image is named by the SHA-256 of what was sent'
api GET "/images/$IMAGE_ID"
answers 200 'the image is there'
cmp_ok "$(field .entries)" -gt 300 'with its entries counted'
api POST '/images?name=again' -T "$O/guest.tar" -H 'Content-Type: application/x-tar' --max-time 300
answers 200 'the same archive again is the same image, not a second one'
is "$(field .digest)" "$DIGEST" 'with the same digest'

# -- names that lead nowhere --
unknown="https://$(printf '0%.0s' {1..24})-$(printf '1%.0s' {1..24}).$DOMAIN/"
web "$unknown"
answers 404 'a host that does not exist: 404'
gone_body=$BODY gone_headers=$(grep -viE '^date:' <<<"$HEADERS")
same_as_gone() { # URL TEXT
	web "$1"
	is "$STATUS $BODY" "404 $gone_body" "$2: the same bytes"
	is "$(grep -viE '^date:' <<<"$HEADERS")" "$gone_headers" "$2: the same headers"
}
same_as_gone "https://nonsense.$DOMAIN/" 'a malformed host'
same_as_gone "https://$DOMAIN/" 'the bare domain'
same_as_gone "https://www.example.org/" 'a foreign host'
same_as_gone "https://${PROJECT}-$(printf '1%.0s' {1..24}).$DOMAIN/" 'an unknown container of a known project'

# -- a container --
container_start www
answers 201 'a container is created'
www=$ID www_url=$URL
is "$www_url" "https://$PROJECT-$www.$DOMAIN/" 'its URL has project and container id'
runs 'it runs' wait_state "$www" running 60
api GET "/containers/$www"
diag "the start took $(field .start_ms) ms in the engine"
wait_until 60 web_up "$www_url" || true
web "$www_url"
answers 200 'its URL answers'
is "$BODY" 'hello from bulkhead' 'with the page of the image'
web "$www_url" --http1.1 -w '%{http_code} %{http_version}'
is "$STATUS" '200 1.1' 'by HTTP/1.1'
web "$www_url" --http2 -w '%{http_code} %{http_version}'
is "$STATUS" '200 2' 'by HTTP/2'
web "${www_url%.box1.test/}.BOX1.test/"
answers 200 'host names do not care for case'
is "$(curl -s --max-time 20 -o "$LOGS/plain" -w '%{http_code} %{redirect_url}' --connect-to "::127.0.0.1:$PORT_HTTP" "${www_url/https/http}")" \
	"308 $www_url" 'plain HTTP is sent to HTTPS'
api GET /host
is "$(field .firewall.live)" "$((live + 1))" 'the firewall knows one more live container'

# -- a second one, side by side --
lab_start neighbour
answers 201 'a neighbour is created'
neighbour=$LAB
runs 'it runs' wait_state "$neighbour" running 60
runs 'it answers' wait_until 60 lab_up
api GET "/containers/$www"
first=$(field .ipv4)
api GET "/containers/$neighbour"
isnt "$(field .ipv4)" "$first" 'it has an address of its own'
api_json POST /containers "{\"project\":\"$PROJECT\",\"image\":\"$DIGEST\",\"name\":\"www\"}"
refused 409 - name 'a second one of the same name is refused'

# -- stop, start --
api POST "/containers/$www/stop"
answers 200 'stop'
is "$(field '.state + " " + .wanted')" 'stopped stopped' 'it is stopped'
web "$www_url"
cmp_ok "$STATUS" -ge 400 "its URL does not answer ($STATUS)"
web "${LAB_URL}"
answers 200 'the neighbour does'
api POST "/containers/$www/stop"
answers 200 'stopping what is stopped is no error'
api POST "/containers/$www/start"
answers 200 'start'
runs 'it runs again' wait_state "$www" running 60
wait_until 60 web_up "$www_url" || true
web "$www_url"
answers 200 'its URL answers again'

# -- what it wrote is kept --
lab 'echo kept >/srv/www/note' >/dev/null
api POST "/containers/$neighbour/stop"
api POST "/containers/$neighbour/start"
runs 'the neighbour runs again' wait_state "$neighbour" running 60
wait_until 60 web_up "${LAB_URL}note" || true
web "${LAB_URL}note"
is "$BODY" kept 'what it wrote outlives stop and start'
web "${www_url}note"
answers 404 'and is not in the other container of the same image'

# -- delete --
lab_start stream
answers 201 'a container with a long answer'
stream=$LAB
runs 'it answers' wait_until 60 lab_up
(
	LAB_URL=$URL
	lab 'while :; do date; sleep 0.2; done' -N --max-time 60 >"$M/stream" 2>/dev/null
	echo ended >"$M/stream.ended"
) &
stream_pid=$!
neighbour_url=https://$PROJECT-$neighbour.$DOMAIN/
rm -f "$M/stream.ended" "$M/calm.ended"
(
	LAB_URL=$neighbour_url
	lab 'i=0; while [ $i -lt 60 ]; do date; sleep 0.2; i=$((i + 1)); done; echo whole' -N >"$M/calm" 2>/dev/null
	echo ended >"$M/calm.ended"
) &
calm_pid=$!
at_exit "kill $stream_pid $calm_pid 2>/dev/null"
both_flow() { [ "$(wc -l <"$M/stream")" -gt 3 ] && [ "$(wc -l <"$M/calm")" -gt 3 ]; }
wait_until 60 both_flow || true
cmp_ok "$(wc -l <"$M/stream")" -gt 3 'a stream from it flows'
cmp_ok "$(wc -l <"$M/calm")" -gt 3 'and one from the neighbour'
api DELETE "/containers/$stream"
answers 204 'delete'
lines=$(wc -l <"$M/stream")
runs 'its stream is cut' wait_until 60 test -e "$M/stream.ended"
# What was on its way to curl when the answer came may still arrive; nothing is written behind it.
cmp_ok "$(wc -l <"$M/stream")" -le $((lines + 2)) 'and brought nothing after the answer'
same_as_gone "$URL" 'its URL'
api GET "/containers/$stream"
refused 404 not_found - 'it is gone from the API'
api DELETE "/containers/$stream"
refused 404 not_found - 'deleting it again: 404'
wait "$calm_pid" || true
is "$(tail -n 1 "$M/calm")" whole "the neighbour's stream came to its own end"

api DELETE "/containers/$www"
answers 204 'delete the first'
same_as_gone "$www_url" 'its URL'
api DELETE "/containers/$neighbour"
answers 204 'delete the neighbour'
api GET /host
is "$(field .firewall.live)" "$live" 'the firewall has forgotten them'
api DELETE "/projects/$PROJECT"
is "$STATUS" 204 'an empty project can be deleted'
api_json POST /projects "{\"name\":\"tests\",\"realm\":\"$REALM\"}"
answers 201 'and made anew'
isnt "$(field .id)" "$PROJECT" 'with another id'
sed -i "s/^PROJECT=.*/PROJECT=$(field .id)/" "$M/fixture"
finish
