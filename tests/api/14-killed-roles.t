#!/bin/bash
# SIGKILL to each role and to the whole daemon: containers go on, and everybody finds them again.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

born() { lab 'cut -d" " -f22 /proc/1/stat'; }
part_kill() { admin_ssh restart "$1" </dev/null >"$M/restart" 2>&1; }
running() { # ID STATE: the API answers and knows it
	api GET "/containers/$1"
	[ "$STATUS $(field .state)" = "200 $2" ]
}

admin_ssh restart nonsense </dev/null >"$M/restart" 2>&1 && status=0 || status=$?
is "$status" 2 'a part that does not exist is refused'
like "$(cat "$M/restart")" 'api, engine, gate, names, audit, records' 'and the message says which there are'
admin_ssh restart </dev/null >"$M/restart" 2>&1 && status=0 || status=$?
is "$status" 2 'so is none at all'

api GET /host
live=$(field .firewall.live)
lab_start lasting
answers 201 'a container is created'
box=$LAB url=$LAB_URL
runs 'it answers' wait_until 60 lab_up
lab_start held
held=$LAB held_url=$LAB_URL
runs 'so does a second one' wait_until 60 lab_up
held_birth=$(born)
api POST "/containers/$held/freeze"
is "$(field .state)" frozen 'which is frozen'
LAB=$box LAB_URL=$url
birth=$(born)
like "$birth" '^[0-9]+$' 'its init was born at some time'

for part in api gate names audit records engine daemon; do
	runs "$part is killed" wait_until 60 part_kill "$part"
	like "$(cat "$M/restart")" "$part was killed" "$part: the command says so"
	runs "$part: the API knows it running" wait_until 120 running "$box" running
	runs "$part: its URL answers" wait_until 120 lab_up
	is "$(born)" "$birth" "$part: with the same init"
	runs "$part: the frozen one is frozen" wait_until 60 running "$held" frozen
done

# What was found again can be led as before.
api POST "/containers/$held/unfreeze"
is "$STATUS $(field .state)" '200 running' 'the frozen one is let go'
LAB=$held LAB_URL=$held_url
runs 'and answers' wait_until 60 lab_up
is "$(born)" "$held_birth" 'with the same init'
api POST "/containers/$held/stop?timeout=1"
is "$STATUS $(field .state)" '200 stopped' 'it is stopped'
for id in "$box" "$held"; do
	api DELETE "/containers/$id"
	answers 204 'a delete'
done
api GET /host
is "$(field .firewall.live)" "$live" 'the firewall has forgotten both'
web "$url"
answers 404 'the URL leads nowhere'
finish
