# shellcheck shell=bash disable=SC2034
# tests/lib/api.sh - the API and the URLs of one running machine, shared by all tests in tests/api. After tap.sh, qemu.sh, boot.sh.
#
#   api_begin                    the shared machine: booted, unlocked, an admin token, an image, a realm, a project; made by whoever comes first
#   api METHOD PATH [CURL...]    STATUS (000: no answer), BODY and HEADERS; PATH is below /api/v1; TOKEN is sent unless it is empty
#   api_json METHOD PATH JSON    the same with a JSON body
#   answers WANTED TEXT          checks STATUS, shows BODY if it is another
#   refused WANTED CODE FIELD TEXT   an error of this status, code and field ('-': any), in the one error shape
#   field FILTER                 jq -r on BODY
#   wait_state ID STATE SECONDS  a container's state
#   web URL [CURL...]            the same as api, for any URL of the machine; web_up URL: 0 if it answers 200
#   lab_start NAME [JSON]        a container that runs what lab is told; sets LAB (its id) and LAB_URL; JSON: further fields
#   lab SCRIPT                   runs SCRIPT as root in it; the output
#   program_put PROGRAM ID       a program of ours into a container, as /NAME: one check
#   guard                        counts of everything and free space, for comparing

api_begin() {
	local created
	[ -e "$O/guest.tar" ] || bail "there is no $O/guest.tar: make guest"
	[ -e "$IMAGE" ] || bail "there is no $IMAGE: make image"
	machine_use "$MACHINES/api"
	DOMAIN=box1.test
	RESOLVER=127.77.0.1 # answers if a test has a server there
	if ! machine_running || [ ! -e "$M/ready" ]; then
		machine_kill
		rm -f "$M/ready"
		diag 'booting the machine that the API tests share'
		base_overlay
		echo "nameserver $RESOLVER" >"$M/resolv.conf"
		MEMORY=3072 machine_start "${API_FIRMWARE:-uefi}"
		wait_unlock_ssh 180 || bail 'the machine of the API tests does not boot'
		unlock_stdin "$PASSPHRASE"
		[ "$UNLOCK_STATUS" = 0 ] || bail "the machine of the API tests does not unlock: $UNLOCK_OUTPUT"
		wait_admin_ssh 180 || bail 'the machine of the API tests does not start its system'
		wait_until 120 token_mint || bail 'no token for the API tests'
		TOKEN=$(cat "$M/token")
		wait_until 90 api_up || bail 'the API does not answer through HAProxy'
		api POST '/images?name=guest' -T "$O/guest.tar" -H 'Content-Type: application/x-tar' --max-time 300
		[ "$STATUS" = 201 ] || bail "the guest image is not taken: $STATUS $BODY"
		printf 'DIGEST=%s IMAGE_ID=%s\n' "$(field .digest)" "$(field .id)" >"$M/fixture"
		api_json POST /realms '{"name":"tests"}'
		[ "$STATUS" = 201 ] || bail "no realm: $STATUS $BODY"
		printf 'REALM=%s\n' "$(field .id)" >>"$M/fixture"
		api_json POST /projects "{\"name\":\"tests\",\"realm\":\"$(field .id)\"}"
		[ "$STATUS" = 201 ] || bail "no project: $STATUS $BODY"
		printf 'PROJECT=%s\n' "$(field .id)" >>"$M/fixture"
		: >"$M/ready"
	fi
	# shellcheck source=/dev/null
	. "$M/fixture"
	TOKEN=$(cat "$M/token")
	at_exit api_end
}

api_end() {
	[ "$TAP_FAILED" = 0 ] && [ "$TAP_FINISHED" = 1 ] && return
	cp "$M/console.log" "$LOGS/console.log" 2>/dev/null
	diag 'the end of the console:'
	tr -d '\000\r' <"$M/console.log" 2>/dev/null | tail -n 15 | cut -c1-200 | sed 's/^/#   /' >&2
}

token_mint() {
	admin_ssh token create --role admin --name tests </dev/null >"$M/token" 2>/dev/null && grep -qE '^[0-9a-f]{64}$' "$M/token"
}
api_up() { [ "$(curl -sk --max-time 10 -o /dev/null -w '%{http_code}' --connect-to "::127.0.0.1:$PORT_HTTPS" "https://api.$DOMAIN/api/v1/openapi.yaml")" = 200 ]; }

web() { # URL CURL...
	local url=$1
	shift
	STATUS=$(curl -sk --max-time 60 -o "$LOGS/body" -D "$LOGS/headers" -w '%{http_code}' --connect-to "::127.0.0.1:$PORT_HTTPS" "$@" "$url" 2>"$LOGS/curl.err") || true
	touch "$LOGS/body" "$LOGS/headers" # without an answer there are none
	BODY=$(tr -d '\000' <"$LOGS/body")
	HEADERS=$(tr -d '\r' <"$LOGS/headers")
	rm -f "$LOGS/body" "$LOGS/headers"
}
api() { # METHOD PATH CURL...
	local method=$1 path=$2
	shift 2
	web "https://api.$DOMAIN/api/v1$path" -X "$method" ${TOKEN:+-H "Authorization: Bearer $TOKEN"} "$@"
}
api_json() { # METHOD PATH JSON CURL...
	local method=$1 path=$2 json=$3
	shift 3
	api "$method" "$path" -H 'Content-Type: application/json' --data-binary "$json" "$@"
}
field() { jq -r "$1" <<<"$BODY" 2>/dev/null || true; }

answers() { # WANTED TEXT
	is "$STATUS" "$1" "$2"
	[ "$STATUS" = "$1" ] || diag "body: ${BODY:0:600}"
}
refused() { # STATUS CODE FIELD TEXT
	local got wanted
	got="$STATUS $(field '.error.code') $(field '.error.field // "-"')"
	wanted="$1 $2 $3"
	[ "$2" != - ] || got="$STATUS - ${got##* }" wanted="$1 - $3"
	[ "$3" != - ] || got="${got% *}" wanted="${wanted% *}"
	is "$got" "$wanted" "$4"
	[ "$got" = "$wanted" ] || diag "body: ${BODY:0:600}"
	[ -n "$(field '.error.message // ""')" ] || diag "the error has no message: ${BODY:0:300}"
}

wait_state() { # ID STATE SECONDS
	local end
	end=$(deadline "$3")
	while :; do
		api GET "/containers/$1"
		[ "$(field .state)" = "$2" ] && return 0
		! is_late "$end" || {
			echo "container $1 is $(field .state), not $2: $(field .message)" >&2
			return 1
		}
		sleep 0.5
	done
}

container_start() { # NAME [JSON]: sets ID, URL
	api_json POST /containers "$(jq -cn --arg p "$PROJECT" --arg i "$DIGEST" --arg n "$1" --argjson more "${2:-{\}}" \
		'{project: $p, image: $i, name: $n} + $more')"
	ID=$(field .id) URL=$(field .url)
}

# The outside: a server on this side, which the machine sees at 10.0.2.2; it ends with the test.
SERVERS=()
serve() { # SOCAT...: without our output, which whoever reads it would wait for
	[ ${#SERVERS[@]} -gt 0 ] || at_exit servers_end
	socat "$@" >/dev/null 2>&1 &
	SERVERS+=($!)
}
servers_end() {
	local pid
	for pid in "${SERVERS[@]}"; do
		pkill -P "$pid"
		kill "$pid"
	done
} 2>/dev/null

# The probes of a hostile tenant: any script, as root of the container.
lab_start() { # NAME [JSON]
	local script='mkdir -p /srv/www/cgi-bin; printf "#!/bin/sh\nprintf \"Content-Type: text/plain\\r\\n\\r\\n\"\nexec sh 2>&1\n" >/srv/www/cgi-bin/run; chmod 755 /srv/www/cgi-bin/run; exec /usr/sbin/init'
	container_start "$1" "$(jq -cn --arg s "$script" --argjson more "${2:-{\}}" '{command: ["/bin/sh", "-c", $s]} + $more')"
	LAB=$ID LAB_URL=$URL
}
lab() { # SCRIPT CURL...
	local script=$1
	shift
	curl -sk --max-time 60 --connect-to "::127.0.0.1:$PORT_HTTPS" -H 'Content-Type: text/plain' --data-binary "$script" "$@" "${LAB_URL}cgi-bin/run"
}
web_up() { # URL
	web "$1"
	[ "$STATUS" = 200 ]
}
lab_up() { [ "$(lab 'echo up')" = up ]; }

# A container with nodejs that runs tests/api/services.js, in a folder $W for what the test keeps.
services_create() { # NAME SERVICES
	local nodejs
	api POST '/images?name=node' -T "$O/node.tar" -H 'Content-Type: application/x-tar' --max-time 300
	like "$STATUS" '^20[01]$' 'an image with nodejs'
	nodejs=$(field .id)
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$W/key" -out "$W/cert" -days 2 -subj /CN=container 2>/dev/null
	api_json POST /containers "$(jq -cn --arg name "$1" --argjson services "$2" --arg p "$PROJECT" --arg i "$nodejs" --rawfile s tests/api/services.js \
		--rawfile key "$W/key" --rawfile cert "$W/cert" '{project: $p, image: $i, name: $name, services: $services,
		command: ["node", "-e", "process.env.KEY=\($key | tojson);process.env.CERT=\($cert | tojson);\($s)"]}')"
}

# A program of ours into a container, as /NAME.
program_put() { # PROGRAM ID
	base64 -w0 "$1" >"$LOGS/program"
	jq -cn --rawfile i "$LOGS/program" --arg name "${1##*/}" '{command: ["sh", "-c", "cat >/\($name) && chmod 755 /\($name)"], stdin: $i}' >"$LOGS/request"
	api_json POST "/containers/$2/exec" "@$LOGS/request"
	is "$STATUS $(field .exit_code)" '200 0' "with ${1##*/} in it"
}

container_gone() { # ID: deletes it
	api DELETE "/containers/$1"
	[ "$STATUS" = 204 ]
}

# Everything a refused request could have left behind.
guard() {
	local noun
	for noun in tokens realms projects images containers; do
		api GET "/$noun?limit=200"
		printf '%s %s; ' "$noun" "$(field '.items | length')"
	done
	printf '\n'
}
data_free() {
	api GET /host
	field .data.free
}
