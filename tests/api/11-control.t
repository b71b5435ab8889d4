#!/bin/bash
# Restart, freeze and unfreeze, the console log: what each changes, who may, and what is refused.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

nobody=$(printf '0%.0s' {1..24})
born() { lab 'cut -d" " -f22 /proc/1/stat'; }

lab_start control
answers 201 'a container is created'
box=$LAB
runs 'it answers' wait_until 60 lab_up
api GET /host
live=$(field .firewall.live)

# -- restart --
first=$(born)
like "$first" '^[0-9]+$' 'its init was born at some time'
lab 'echo kept >/srv/www/note' >/dev/null
api POST "/containers/$box/restart?timeout=1"
answers 200 'restart'
is "$(field '.state + " " + .wanted')" 'running running' 'it runs when the answer comes'
runs 'it answers again' wait_until 60 lab_up
isnt "$(born)" "$first" 'with another init'
is "$(lab 'cat /srv/www/note')" kept 'what it wrote is kept'
api POST "/containers/$box/stop?timeout=0"
api POST "/containers/$box/restart?timeout=0"
is "$STATUS $(field .state)" '200 running' 'what was stopped is started by it'
runs 'and answers' wait_until 60 lab_up
api POST "/containers/$box/restart?timeout=301"
refused 400 invalid timeout 'too long a time'
api POST "/containers/$box/restart?wait=no"
refused 400 invalid wait 'a parameter it does not have'
api POST "/containers/$nobody/restart"
refused 404 not_found - 'a container nobody has'
api GET /host
is "$(field .firewall.live)" "$live" 'the firewall knows as many live containers as before'

# -- console --
lab 'echo from-the-console >/dev/console' >/dev/null
console_has() { api GET "/containers/$box/console" && grep -q from-the-console <<<"$BODY"; }
runs 'what is written to the console can be read' wait_until 30 console_has
api GET "/containers/$box/console"
is "$STATUS" 200 'by GET'
like "$HEADERS" '[Cc]ontent-[Tt]ype: text/plain' 'as plain text'
api_json POST "/containers/$box/exec" "$(jq -cn '{timeout: 300, command: ["sh", "-c",
	"i=0; while [ $i -lt 6000 ]; do echo \"$i 0123456789012345678901234567890123456789\"; i=$((i + 1)); done >/dev/console; echo the-end >/dev/console"]}')" \
	--max-time 320
is "$(field .exit_code)" 0 'a quarter of a megabyte more is written'
console_ends() { api GET "/containers/$box/console" && grep -q the-end <<<"$BODY"; }
runs 'its end is there' wait_until 60 console_ends
api GET "/containers/$box/console"
cmp_ok "${#BODY}" -le $((128 * 1024)) 'and it is bounded'
cmp_ok "${#BODY}" -gt 4096 'and not next to nothing'
api GET "/containers/$nobody/console"
refused 404 not_found - 'the console of a container nobody has'

# -- freeze --
lab '(i=0; while :; do i=$((i + 1)); echo $i >/srv/www/counted; mv /srv/www/counted /srv/www/count; sleep 0.1; done) >/dev/null 2>&1 &' >/dev/null
count() { lab 'cat /srv/www/count'; }
counted() { [ "$(count)" -gt "$1" ]; }
runs 'a counter runs in it' wait_until 30 counted 3
api POST "/containers/$box/freeze"
answers 200 'freeze'
is "$(field .state)" frozen 'it is frozen'
web "${LAB_URL}count" --max-time 4
isnt "$STATUS" 200 "nothing in it answers ($STATUS)"
api POST "/containers/$box/freeze"
is "$STATUS $(field .state)" '200 frozen' 'freezing it again is no error'
api POST "/containers/$box/start"
is "$STATUS $(field .state)" '200 frozen' 'a start leaves it as it is'
api GET /containers
is "$(field ".items[] | select(.id == \"$box\") | .state")" frozen 'the list says so'
api_json POST "/containers/$box/exec" '{"command":["true"]}'
refused 409 conflict - 'no command is run in it'
like "$(field .error.message)" 'frozen' 'and it says why'
api POST "/containers/$box/unfreeze"
is "$STATUS $(field .state)" '200 running' 'unfreeze'
runs 'it answers again' wait_until 60 lab_up
at=$(count)
runs 'and its counter goes on' wait_until 30 counted "$at"
api POST "/containers/$box/unfreeze"
is "$STATUS $(field .state)" '200 running' 'once more is no error'
api POST "/containers/$box/freeze"
api POST "/containers/$box/restart?timeout=1"
is "$STATUS $(field .state)" '200 running' 'one that was frozen is restarted'
runs 'and answers' wait_until 60 lab_up
api POST "/containers/$box/freeze"
api POST "/containers/$box/stop?timeout=1"
is "$STATUS $(field .state)" '200 stopped' 'one that was frozen is stopped'
api POST "/containers/$box/freeze"
refused 409 conflict - 'what does not run is not frozen'
api POST "/containers/$nobody/freeze"
refused 404 not_found - 'nor what nobody has'
api POST "/containers/$box/start"
is "$STATUS $(field .state)" '200 running' 'after its next start it runs'

# -- who may --
admin=$TOKEN
api_json POST /realms '{"name":"others"}'
other=$(field .id)
api_json POST /tokens '{"name":"reader","role":"reader"}'
reader=$(field .token) reader_id=$(field .id)
api_json POST /tokens "{\"name\":\"other\",\"role\":\"operator\",\"realms\":[\"$other\"]}"
stranger=$(field .token) stranger_id=$(field .id)
TOKEN=$reader
for verb in restart freeze unfreeze; do
	api POST "/containers/$box/$verb"
	is "$STATUS" 403 "a reader may not $verb"
done
api GET "/containers/$box/console"
is "$STATUS" 200 'but read the console'
TOKEN=$stranger
for verb in restart freeze unfreeze; do
	api POST "/containers/$box/$verb"
	is "$STATUS" 404 "for an operator of another realm there is nothing to $verb"
done
api GET "/containers/$box/console"
is "$STATUS" 404 'nor a console'
TOKEN=$admin
api GET "/containers/$box"
is "$(field .state)" running 'none of them changed anything'

# -- started again --
crash() { # NAME RESTART SCRIPT
	container_start "$1" "$(jq -cn --arg r "$2" --arg s "$3" '{restart: $r, command: ["/bin/sh", "-c", $s]}')"
}
crash clumsy on-failure 'n=$(cat /tmp/n 2>/dev/null || echo 0); echo $((n + 1)) >/tmp/n; [ "$n" -lt 2 ] || exec /usr/sbin/init; exit 3'
clumsy=$ID
is "$(field .restart)" on-failure 'one that ends with 3 twice is to be started again'
waits() { api GET "/containers/$clumsy" && grep -q 'started again in' <<<"$(field .message)"; }
runs 'meanwhile it says so' wait_until 30 waits
runs 'the third time it runs' wait_until 60 web_up "$URL"
api GET "/containers/$clumsy"
is "$(field '.state + " " + (.message // "none")')" 'running none' 'and says no more'
crash content on-failure 'sleep 2; exit 0'
content=$ID
crash plain no 'sleep 2; exit 3'
plain=$ID
crash endless always 'sleep 2; exit 0'
endless=$ID
ended() { api GET "/containers/$1" && [ "$(field .state)" = stopped ] && [ "$(field .exit_status)" != null ]; }
runs 'one that ends with 0' wait_until 30 ended "$content"
runs 'and one without a policy' wait_until 30 ended "$plain"
again() { api GET "/containers/$endless" && grep -q 'status 0; started again in [2-9]' <<<"$(field .message)"; }
runs 'with always also one that ends with 0 is, again and again' wait_until 60 again
crash hasty on-failure 'exit 4' # so soon that it is no start at all
hasty=$ID
hurries() { api GET "/containers/$hasty" && field '.state + " " + (.message // "")' && grep -q 'started again in [2-9]' <<<"$(field .message)"; }
runs 'one that ends at once is tried again, too' wait_until 60 hurries
api DELETE "/containers/$hasty"
answers 204 'until it is deleted'
api POST "/containers/$endless/stop"
is "$STATUS $(field .state) $(field .message)" '200 stopped null' 'until it is stopped'
for id in "$content" "$plain" "$endless"; do
	api GET "/containers/$id"
	is "$(field .state) $(field .message)" 'stopped null' 'that stays stopped'
done
api_json POST /containers "{\"project\":\"$PROJECT\",\"image\":\"$DIGEST\",\"name\":\"odd\",\"restart\":\"sometimes\"}"
refused 400 invalid restart 'another word is refused'
for id in "$clumsy" "$content" "$plain" "$endless"; do api DELETE "/containers/$id"; done

# -- delete --
api POST "/containers/$box/freeze"
is "$(field .state)" frozen 'frozen once more'
api DELETE "/containers/$box"
answers 204 'a frozen container is deleted'
api GET /host
is "$(field .firewall.live)" "$((live - 1))" 'the firewall has forgotten it'
api DELETE "/tokens/$reader_id"
api DELETE "/tokens/$stranger_id"
api DELETE "/realms/$other"
is "$STATUS" 204 'the other realm goes too'
finish
