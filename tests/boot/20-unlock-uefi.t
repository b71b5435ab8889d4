#!/bin/bash
# The second boot: wrong passphrases cost more and more, the right one opens, the API answers.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh

boot_begin unlock-uefi
base_overlay
machine_start uefi
wait_unlock_ssh 180 || give_up 'the agent answers over SSH'
pass 'the agent answers over SSH'
is "$(agent_status .state)" locked 'status: locked'
fingerprint=$(agent_status .ssh.fingerprint)
is "$fingerprint" "$(ssh-keygen -lf "$BASE/known_hosts" | awk 'NR==1 {print $2}')" 'the host key is that of the first boot'

is "$(unlock_ssh unlock </dev/null >/dev/null 2>&1; echo $?)" 2 'no passphrase at all: usage, 2'
status=0
printf '%s\n' "$PASSPHRASE" | unlock_ssh enroll >/dev/null 2>&1 || status=$?
isnt "$status" 0 'a disk that is encrypted is not enrolled again'
is "$(agent_status .state)" locked 'and is as it was'

# -- wrong ones --
console_mark
seconds=()
for n in 1 2 3 4; do
	unlock_stdin "not this one either $n"
	is "$UNLOCK_STATUS" 10 "wrong passphrase $n: 10"
	seconds+=("$UNLOCK_SECONDS")
done
diag "seconds of each: ${seconds[*]}"
unlock_stdin ''
is "$UNLOCK_STATUS" 2 'an empty line is no attempt: 2'
console_wait 'wrong passphrase.* 8 s at the earliest' 20 || true
is "$(console_since | grep -oE 'tried in [0-9]+ s' | grep -oE '[0-9]+' | uniq | tr '\n' ' ')" '1 2 4 8 ' 'each makes the next wait longer: 1, 2, 4, 8 s'
# The wait counts from the failure, so that logging in is part of it.
is "$(echo "${seconds[3]} > ${seconds[0]} + 1" | bc)" 1 'and it does: the fourth took more than a second longer than the first'
is "$(agent_status .attempts.failed)" 4 'status counts four'
wait=$(agent_status '.attempts.wait_seconds')
is "$(echo "$wait > 0 && $wait <= 8" | bc)" 1 "status says how long the next waits ($wait s)"

# -- the right one --
unlock_stdin "$PASSPHRASE"
is "$UNLOCK_STATUS" 0 'the right passphrase by standard input: 0'
diag "$UNLOCK_OUTPUT"
wait_admin_ssh 180 || give_up 'the system answers over SSH'
pass 'the system answers over SSH'
refuses 'the unlock port is closed now' unlock_ssh status

# -- the API --
code() { curl -sk --max-time 20 -o "$M/body" -w '%{http_code}' --connect-to "::127.0.0.1:$PORT_HTTPS" "$@"; }
api_up() { [ "$(code https://api.box1.test/api/v1/openapi.yaml)" = 200 ]; }
wait_until 90 api_up || true
is "$(code https://api.box1.test/api/v1/openapi.yaml)" 200 'the API serves its description'
is "$(code https://api.box1.test/api/v1/host)" 401 'and asks for a token'
token=$(admin_ssh token create --role admin </dev/null)
like "$token" '^[0-9a-f]{64}$' 'a token is minted over SSH'
is "$(code -H "Authorization: Bearer $token" https://api.box1.test/api/v1/host)" 200 'the host answers with it'
host=$(cat "$M/body")
is "$(jq -r .hostname <<<"$host")" box1 'the host has its configured name'
is "$(jq -r .swap.encrypted <<<"$host")" true 'swap is encrypted'
cmp_ok "$(jq -r .swap.total <<<"$host")" -gt 200000000 'and has its size'
is "$(jq -r .firewall.installed <<<"$host")" true 'the firewall stands'
is "$(jq -r .ksm.running <<<"$host")" true 'KSM runs'
is "$(jq -r .boot.failed_attempts <<<"$host")" 4 'the boot record counts the wrong passphrases'
is "$(jq -r '.boot.unlocked_by | .via + " " + .address' <<<"$host")" 'ssh 10.0.2.2' 'and knows who unlocked'
is "$(jq -r '.boot.unlocked_by.key_comment' <<<"$host")" 'key@test' 'by which key'
is "$(jq -r .boot.recovery_key_used <<<"$host")" false 'not by the recovery key'

machine_button
runs 'the power button: clean power-off' machine_wait_off 120
log_is_clean
finish
