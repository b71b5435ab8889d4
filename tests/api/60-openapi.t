#!/bin/bash
# openapi.yaml is served, is the file of the tree, and is about the API that is there: every path and method in it answers as one.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

admin=$TOKEN
TOKEN=
api GET /openapi.yaml
answers 200 'openapi.yaml is served, to everybody'
like "$HEADERS" '[Cc]ontent-[Tt]ype: (application|text)/(.*\+)?yaml|[Cc]ontent-[Tt]ype: application/openapi' 'as YAML'
is "$BODY" "$(cat daemon/api/openapi.yaml)" 'it is the file of the tree'
TOKEN=$admin

# "  /containers/{id}/start:" and below it "    post:".
mapfile -t described < <(awk '
	/^paths:/ { on = 1; next }
	/^[^ #]/ { on = 0 }
	on && /^  ["\047]?\// { path = $1; gsub(/["\047:]/, "", path) }
	on && /^    (get|post|put|patch|delete):/ { method = $1; sub(":", "", method); print toupper(method), path }' daemon/api/openapi.yaml)
cmp_ok "${#described[@]}" -ge 15 "it describes ${#described[@]} calls"
nobody=$(printf '0%.0s' {1..24})
for line in "${described[@]}"; do
	method=${line%% *} path=${line#* }
	path=${path#/api/v1}
	# Nothing is changed: ids nobody has, and bodies that are no JSON.
	while [[ $path == *\{*\}* ]]; do
		path=${path%%\{*}$nobody${path#*\}}
	done
	case $method in
	POST) api POST "$path" -H 'Content-Type: application/json' --data-binary '{' ;;
	*) api "$method" "$path" ;;
	esac
	case $STATUS in
	200 | 400 | 404 | 415) ok 0 "$line answers ($STATUS)" ;;
	*) ok 1 "$line answers ($STATUS)" ;;
	esac
	[ "$STATUS" != 404 ] || like "$(field .error.message)" 'no such (token|realm|alias|address set|project|image|pull|container|session|snapshot)' "$line: it is the thing that is missing, not the path"
done

# And the other way round: every route of the server is described.
mapfile -t routes < <(sed -nE 's/^\t\{ METHOD_([A-Z]+), V1 "([^"]*)".*/\1 \/\2/p' daemon/api/route.c)
cmp_ok "${#routes[@]}" -ge 15 "the server has ${#routes[@]} routes"
known=$(printf '%s\n' "${described[@]}" | sed -E 's, /api/v1, ,; s,\{[^}]*\},*,g')
for route in "${routes[@]}"; do
	runs "$route is described" grep -qxF "$route" <<<"$known"
done
finish
