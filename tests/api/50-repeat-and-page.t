#!/bin/bash
# A POST sent twice with one Idempotency-Key makes one thing; lists come in pages that neither skip nor repeat.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

key=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
post() { api_json POST /projects "{\"name\":\"$1\",\"realm\":\"$REALM\"}" -H "Idempotency-Key: $2"; }
post once "$key"
answers 201 'a project with a key'
id=$(field .id)
post once "$key"
answers 201 'the same again'
is "$(field .id)" "$id" 'is the same project'
post other "$key"
cmp_ok "$STATUS" -ge 400 "the key for something else is refused ($STATUS)"
cmp_ok "$STATUS" -lt 500 'as the fault of the client'
post other "$key-2"
answers 201 'another key, another project'
other=$(field .id)
isnt "$other" "$id" 'with its own id'
api GET "/projects?realm=$REALM&limit=200"
is "$(field '[.items[] | select(.name == "once")] | length')" 1 'there is one of the first'
post bad "$(head -c 1000 /dev/zero | tr '\0' k)"
refused 400 - - 'a key of 1000 characters'
# A container: made once, started once.
for _ in 1 2; do
	api_json POST /containers "{\"project\":\"$id\",\"image\":\"$DIGEST\",\"name\":\"www\"}" -H "Idempotency-Key: c-$key"
	answers 201 'a container with a key'
	ids="${ids:-} $(field .id)"
done
is "$(tr ' ' '\n' <<<"$ids" | sort -u | grep -c .)" 1 'is one container'

# -- pages --
projects=()
for n in $(seq 7); do
	post "page-$n" "p-$key-$n"
	projects+=("$(field .id)")
done
seen='' after='' pages=0
while :; do
	api GET "/projects?realm=$REALM&limit=3${after:+&after=$after}"
	[ "$STATUS" = 200 ] || break
	seen+="$(field '.items[].id')"$'\n'
	after=$(field '.next // ""')
	pages=$((pages + 1))
	if [ -z "$after" ] || [ "$pages" -ge 50 ]; then
		break
	fi
done
api GET "/projects?realm=$REALM&limit=200"
is "$(grep . <<<"$seen" | sort)" "$(field '.items[].id' | sort)" "$pages pages of three are the whole list, nothing twice"
is "$(field .next)" null 'the last page has no next'

api DELETE "/projects/$id"
refused 409 in_use - 'a project with a container stays'
api DELETE "/containers/$(awk '{print $1}' <<<"$ids")"
answers 204 'without it'
for project in "$id" "$other" "${projects[@]}"; do
	api DELETE "/projects/$project"
done
answers 204 'it goes'
finish
