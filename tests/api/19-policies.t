#!/bin/bash
# Lists of system calls: what each policy bars and lets through, for a container's own programs and for commands that enter it; nesting, and that it opens nothing for others.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

run_in() { # ID SCRIPT: its output in OUT
	api_json POST "/containers/$1/exec" "$(jq -cn --arg s "$2" '{command: ["/bin/sh", "-c", $s]}')" --max-time 100
	OUT=$(field '.stdout.data + .stderr.data')
}
seen() { api GET "/containers/$1" >/dev/null; field "$2"; }

lab_start usual
usual=$LAB usual_url=$LAB_URL
lab_start strict '{"seccomp":{"policy":"strict"}}'
strict=$LAB strict_url=$LAB_URL
lab_start denied '{"seccomp":{"deny":["symlinkat","symlink"]}}'
denied=$LAB denied_url=$LAB_URL
lab_start nested '{"seccomp":{"policy":"nesting"}}'
nested=$LAB nested_url=$LAB_URL
at() { LAB=$1 LAB_URL=$2; }
is "$(seen "$usual" '.seccomp | tojson')" '{"policy":"default","deny":[]}' 'the default policy is told'
is "$(seen "$strict" .seccomp.policy)" strict 'so is another'

# -- default --
at "$usual" "$usual_url"
runs 'a usual container' wait_until 60 lab_up
is "$(lab 'mkdir -p /mnt; busybox mount -t tmpfs none /mnt && busybox umount /mnt && echo mounted')" mounted 'may mount'
is "$(lab 'busybox unshare -m true && echo apart')" apart 'and make namespaces'
like "$(lab 'busybox unshare -U true 2>&1')" 'not permitted' 'but those of users'

# -- strict --
at "$strict" "$strict_url"
runs 'a strict container' wait_until 60 lab_up
like "$(lab 'busybox mount -t tmpfs none /mnt 2>&1')" 'denied|not permitted' 'may not mount'
like "$(lab 'busybox unshare -m true 2>&1')" 'not permitted' 'make no namespaces'
like "$(lab 'busybox unshare -u true 2>&1')" 'not permitted' 'none at all'
like "$(lab 'busybox hostname x 2>&1')" 'not permitted' 'not rename itself'
run_in "$strict" 'busybox mount -t tmpfs none /mnt 2>&1; echo $?'
unlike "$OUT" '^0' 'nor may what enters it'
run_in "$strict" 'ls / | grep -c etc; id -u; (sleep 0.1 & wait); echo all'
is "$(tr '\n' ' ' <<<"$OUT")" '1 0 all ' 'which works otherwise'
printf hello >"$LOGS/file"
api PUT "/containers/$strict/files?path=/srv/file" -T "$LOGS/file"
is "$STATUS $(lab 'cat /srv/file')" '204 hello' 'files go in'

# -- a list --
at "$denied" "$denied_url"
runs 'a container with calls denied' wait_until 60 lab_up
like "$(lab 'ln -s a /srv/x 2>&1')" 'not permitted' 'may not make them'
run_in "$denied" 'ln -s a /srv/x 2>&1; touch /srv/y && echo made'
like "$OUT" $'not permitted\nmade' 'nor may what enters it, which may all else'

# -- nesting --
at "$nested" "$nested_url"
runs 'a container for nesting' wait_until 60 lab_up
is "$(lab 'busybox unshare -Ur sh -c "id -u; cat /proc/self/uid_map" 2>&1' | tr -s ' \n' ' ')" '0 0 0 1 ' 'may make user namespaces'
is "$(lab 'busybox unshare -Urpf --mount-proc busybox sh -c "echo \$\$; ls /proc | grep -c \"^[0-9]\"" 2>&1' | tr '\n' ' ')" '1 3 ' 'and a container within, with a proc of its own'
at "$usual" "$usual_url"
like "$(lab 'busybox unshare -U true 2>&1')" 'not permitted' 'while it runs, others still may not'
at "$strict" "$strict_url"
like "$(lab 'busybox unshare -U true 2>&1')" 'not permitted' 'none of them'

# -- changed --
api_json PATCH "/containers/$usual" '{"seccomp":{"policy":"strict","deny":["ptrace"]}}'
answers 200 'a policy is changed'
is "$(field '.seccomp | tojson')" '{"policy":"strict","deny":["ptrace"]}' 'and told'
at "$usual" "$usual_url"
is "$(lab 'mkdir -p /mnt; busybox mount -t tmpfs none /mnt && busybox umount /mnt && echo mounted')" mounted 'which holds from the next start'
api POST "/containers/$usual/restart?timeout=0"
runs 'that comes' wait_until 60 lab_up
like "$(lab 'busybox mount -t tmpfs none /mnt 2>&1')" 'denied|not permitted' 'and holds'
at "$nested" "$nested_url"
engine_answers() { run_in "$nested" 'echo yes' && [ "$OUT" = yes ]; }
lab 'n=0; while [ $n -lt 2000 ] && ! [ -e /srv/enough ]; do n=$((n + 1)); busybox unshare -U true || exit; done 2>&1; echo "went on"' >"$LOGS/nested" &
tries=$!
for _ in 1 2 3; do
	admin_ssh restart engine </dev/null >/dev/null 2>&1 || true
	wait_until 60 engine_answers
done
lab 'touch /srv/enough'
wait "$tries" || true
is "$(cat "$LOGS/nested")" 'went on' 'while a new engine looks for them those for nesting go on'
api DELETE "/containers/$nested"
answers 204 'the one for nesting is deleted'

# -- refused --
make() { api_json POST /containers "{\"project\":\"$PROJECT\",\"image\":\"$IMAGE_ID\",\"name\":\"bad-policy\",\"seccomp\":$1}"; }
make '{"policy":"loose"}'
refused 400 invalid seccomp.policy 'an unknown policy'
make '{"deny":["no_such_call"]}'
refused 400 invalid 'seccomp.deny[0]' 'an unknown call'
make '{"deny":[1]}'
refused 400 invalid 'seccomp.deny[0]' 'one that is no name'
make '"strict"'
refused 400 invalid seccomp 'no object'
make '{"allow":["read"]}'
refused 400 invalid seccomp.allow 'an unknown key'
make "{\"deny\":$(printf '"read",%.0s' {1..64} | sed 's/^/[/; s/$/"read"]/')}"
refused 400 invalid seccomp.deny 'too many'
for id in "$usual" "$strict" "$denied"; do
	api DELETE "/containers/$id"
done
answers 204 'the others are deleted'
finish
