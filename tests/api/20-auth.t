#!/bin/bash
# Who may do what: no token, bad ones, roles, realms. What belongs to another realm does not exist.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin
admin=$TOKEN

# -- no token, bad tokens --
TOKEN=
for path in /host /tokens /realms /projects /images /containers "/realms/$REALM" "/images/$IMAGE_ID"; do
	api GET "$path"
	refused 401 unauthorized - "no token: GET $path"
done
like "$HEADERS" '[Ww][Ww][Ww]-[Aa]uthenticate: Bearer' 'the answer says how to authenticate'
for noun in tokens realms projects containers; do
	api_json POST "/$noun" '{}'
	refused 401 unauthorized - "no token: POST /$noun"
done
api POST '/images?name=x' --data-binary x -H 'Content-Type: application/x-tar'
refused 401 unauthorized - 'no token: POST /images'
bad() { # HEADER TEXT
	api GET /realms -H "$1"
	refused 401 unauthorized - "$2"
}
bad "Authorization: Bearer $(printf '0%.0s' {1..64})" 'a token that nobody has'
bad "Authorization: Bearer ${admin%?}" 'a token cut by one digit'
bad "Authorization: Bearer ${admin}0" 'a token with one digit more'
bad "Authorization: Bearer ${admin^^}" 'a token in capitals'
bad 'Authorization: Bearer ' 'an empty token'
bad "Authorization: Basic $(printf 'admin:%s' "$admin" | base64 -w0)" 'a token by another scheme'
bad "Authorization: $admin" 'a token without a scheme'
bad "Authorization: Bearer ' OR 1=1 --" 'a token that is SQL'
api GET "/realms?token=$admin"
refused 401 unauthorized - 'a token in the query is none'

# -- another realm, with a token of its own --
TOKEN=$admin
api_json POST /realms '{"name":"foreign"}'
answers 201 'another realm'
foreign=$(field .id)
api_json POST /projects "{\"name\":\"tests\",\"realm\":\"$foreign\"}"
answers 201 'a project in it, with a name that another realm uses too'
foreign_project=$(field .id)
mint() { # ROLE REALM...: sets MINTED, MINTED_ID
	local role=$1
	shift
	api_json POST /tokens "$(jq -cn --arg role "$role" '{name: "t", role: $role, realms: $ARGS.positional}' --args "$@")"
	MINTED=$(field .token) MINTED_ID=$(field .id)
}
mint admin "$foreign"
answers 201 'a token for an admin of that realm'
foreign_admin=$MINTED
mint operator "$REALM"
operator=$MINTED operator_id=$MINTED_ID
mint reader "$REALM"
reader=$MINTED
like "$reader" '^[0-9a-f]{64}$' 'a token is 64 hex digits'
api GET /tokens
unlike "$BODY" "$reader" 'and is shown only once'

lab_start auth
mine=$LAB
TOKEN=$foreign_admin
for what in "realms/$REALM" "projects/$PROJECT" "containers/$mine" "tokens/$operator_id"; do
	api GET "/$what"
	refused 404 not_found - "foreign realm: GET ${what%%/*}"
	foreign_body=$BODY
	api GET "/${what%/*}/$(printf 'a%.0s' {1..24})"
	is "$BODY" "$foreign_body" 'the same bytes as what does not exist'
done
api DELETE "/containers/$mine"
refused 404 not_found - 'foreign realm: DELETE container'
api POST "/containers/$mine/stop"
refused 404 not_found - 'foreign realm: stop'
api DELETE "/projects/$PROJECT"
refused 404 not_found - 'foreign realm: DELETE project'
api DELETE "/tokens/$operator_id"
refused 404 not_found - 'foreign realm: DELETE token'
api_json POST /projects "{\"name\":\"p\",\"realm\":\"$REALM\"}"
refused 404 not_found realm 'foreign realm: a project in it'
api_json POST /containers "{\"project\":\"$PROJECT\",\"image\":\"$DIGEST\",\"name\":\"x\"}"
refused 404 not_found project 'foreign realm: a container in its project'
for noun in realms projects containers tokens; do
	api GET "/$noun?limit=200"
	unlike "$BODY" "$REALM|$PROJECT|$mine|$operator_id" "foreign realm: not in the list of $noun"
done
api GET "/projects?realm=$REALM"
is "$(field '.items | length')" 0 'foreign realm: not by a filter either'
api GET /host
refused 403 forbidden - "a realm's admin does not see the host"
api_json POST /realms '{"name":"third"}'
refused 403 forbidden - "a realm's admin makes no realms"
api_json POST /tokens '{"name":"t","role":"admin"}'
refused 403 forbidden - 'nor a token of the whole platform'
api_json POST /tokens "{\"name\":\"t\",\"role\":\"reader\",\"realms\":[\"$REALM\"]}"
refused 404 not_found - 'nor one of another realm'
api_json POST /tokens "{\"name\":\"t\",\"role\":\"reader\",\"realms\":[\"$foreign\"]}"
answers 201 'one of its own it does'
api GET "/projects/$foreign_project"
answers 200 'its own project it sees'
api_json POST /tokens "{\"role\":\"admin\",\"realms\":[\"$foreign\"],\"expires_in\":3600}"
answers 201 'an admin for an hour'
ends=$(field .expires_at)
TOKEN=$(field .token)
for expires in '' ',"expires_in":7200'; do
	api_json POST /tokens "{\"role\":\"admin\",\"realms\":[\"$foreign\"]$expires}"
	is "$STATUS $(field .expires_at)" "201 $ends" 'makes none that outlives itself'
done

# -- roles --
TOKEN=$reader
for path in "/realms/$REALM" "/projects/$PROJECT" "/containers/$mine" /images; do
	api GET "$path"
	answers 200 "a reader reads ${path%/*}"
done
api_json POST /projects "{\"name\":\"p2\",\"realm\":\"$REALM\"}"
refused 403 forbidden - 'a reader makes no project'
api_json POST /containers "{\"project\":\"$PROJECT\",\"image\":\"$DIGEST\",\"name\":\"x\"}"
refused 403 forbidden - 'nor a container'
api POST "/containers/$mine/stop"
refused 403 forbidden - 'nor stops one'
api DELETE "/containers/$mine"
refused 403 forbidden - 'nor deletes one'
api POST '/images?name=x' --data-binary x -H 'Content-Type: application/x-tar'
refused 403 forbidden - 'nor uploads'
api GET /tokens
refused 403 forbidden - 'nor sees tokens'
TOKEN=$operator
api_json POST /tokens "{\"name\":\"t\",\"role\":\"admin\",\"realms\":[\"$REALM\"]}"
refused 403 forbidden - 'an operator makes no tokens'
api POST "/containers/$mine/stop"
answers 200 'but stops a container'
api DELETE "/containers/$mine"
answers 204 'and deletes it'

# -- the end of tokens --
TOKEN=$admin
api DELETE "/tokens/$operator_id"
answers 204 'a token is revoked'
TOKEN=$operator
api GET /projects
refused 401 unauthorized - 'and is void at once'
TOKEN=$admin
api_json POST /tokens '{"name":"short","role":"reader","expires_in":2}'
answers 201 'a token for two seconds'
short=$(field .token)
sleep 3
TOKEN=$short
api GET /realms
refused 401 unauthorized - 'is void after three'

# -- tidy up --
TOKEN=$admin
api DELETE "/realms/$foreign"
refused 409 in_use - 'a realm with projects stays'
api DELETE "/projects/$foreign_project"
answers 204 'without them'
api DELETE "/realms/$foreign"
answers 204 'it goes'
TOKEN=$foreign_admin
api GET /realms
is "$(field '.items | length')" 0 'and its admin sees nothing any more'
finish
