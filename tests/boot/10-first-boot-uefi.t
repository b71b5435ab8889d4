#!/bin/bash
# A freshly flashed disk under UEFI: who may not come in stays out, a passphrase is enrolled over SSH, the system comes up, powers off.
# Its disk is the enrolled disk of the other boot tests.
# shellcheck disable=SC2119 # the default config
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh

boot_begin base
rm -f "$BASE/enrolled"
machine_config
runs 'the image is flashed and read back' machine_flash 4G
image_guids=$(sfdisk -J "$IMAGE" | jq -r '.partitiontable | .id, .partitions[].uuid' | sort)
is "$(esp_read bulkhead/host.json | jq -cS .)" "$(jq -cS . "$M/host.json")" 'the host config is on the ESP'

machine_start uefi
runs 'the kernel starts' console_wait 'boot agent' 120
wait_unlock_ssh 120 || give_up 'the agent answers over SSH'
pass 'the agent answers over SSH'

# -- who stays out --
SSH_KEY=$M/stranger refuses 'a key that is not in the config is refused' unlock_ssh status
like "$(ssh_to "$PORT_UNLOCK" -o PubkeyAuthentication=no status 2>&1 </dev/null)" 'Permission denied \(publickey\)' 'nothing but a key is taken: no password is asked for'
is "$(unlock_ssh /bin/sh </dev/null >/dev/null 2>&1; echo $?)" 2 'a command that is none of the list ends with usage, 2'
is "$(unlock_ssh 'status; id' </dev/null >/dev/null 2>&1; echo $?)" 2 'no shell interprets the command'
unlike "$(timeout 20 ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="$M/known_hosts" -o IdentitiesOnly=yes \
	-o ExitOnForwardFailure=yes -W 127.0.0.1:2222 -i "$M/key" -p "$PORT_UNLOCK" root@127.0.0.1 2>&1 </dev/null)" 'SSH-2\.0' 'no forwarding: a local port does not reach into the machine'
refuses 'no sftp' sftp -q -F none -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="$M/known_hosts" -i "$M/key" \
	-P "$PORT_UNLOCK" root@127.0.0.1:/init "$M/stolen"

# -- status --
status=$(agent_status .)
is "$(jq -r .state <<<"$status")" new 'status: first boot, nothing encrypted yet'
is "$(jq -c .config_errors <<<"$status")" '[]' 'status: the host config is sound'
is "$(jq -r .ssh.keys <<<"$status")" 1 'status: one key may unlock'
like "$(jq -r '[.interfaces[].addresses[]?] | join(" ")' <<<"$status")" '10\.0\.2\.15' 'status: the address from DHCP'
like "$(jq -r .ssh.fingerprint <<<"$status")" '^SHA256:' 'status: the host key'
is "$(ssh-keygen -lf "$M/known_hosts" | awk 'NR==1 {print $2}')" "$(jq -r .ssh.fingerprint <<<"$status")" 'it is the key that ssh saw'

# -- enrolling --
unlock_stdin "$PASSPHRASE"
is "$UNLOCK_STATUS" 11 'unlock before anything is enrolled: no LUKS, 11'
is "$(printf 'short\n' | unlock_ssh enroll >/dev/null 2>&1; echo $?)" 2 'a passphrase of 5 characters is refused, 2'
is "$(unlock_ssh enroll </dev/null >/dev/null 2>&1; echo $?)" 2 'an empty one is refused, 2'
is "$(agent_status .state)" new 'nothing was formatted by that'

status=0
printf '%s\n' "$PASSPHRASE" | unlock_ssh enroll >"$M/enroll.out" 2>"$M/enroll.err" || status=$?
is "$status" 0 'enroll by standard input: 0'
[ "$status" = 0 ] || give_up "$(cat "$M/enroll.err")"
sed -n 's/^recovery key: //p' "$M/enroll.out" >"$M/recovery"
like "$(cat "$M/recovery")" '^([0-9a-z]{6}-){7}[0-9a-z]{6}$' 'the recovery key is shown: eight groups of six'
unlike "$(cat "$M/enroll.err" "$M/console.log" | tr -d '\000')" "$(cat "$M/recovery")" 'and nowhere else: not on the console'
unlike "$(tr -d '\000' <"$M/console.log")" "$PASSPHRASE" 'nor is the passphrase'

# -- the system --
wait_admin_ssh 180 || give_up 'the system answers over SSH'
pass 'the system answers over SSH'
keys=$(ssh-keygen -lf "$M/known_hosts" | awk '{print $2}' | sort -u | wc -l)
cmp_ok "$keys" -ge 2 'the system has another host key than the agent'
SSH_KEY=$M/stranger refuses 'the stranger is refused here, too' admin_ssh help
refuses 'no shell: an unknown command fails' admin_ssh 'id'
unlike "$(admin_ssh 'help; id' </dev/null 2>&1 || true)" 'uid=' 'no shell interprets the command'
like "$(admin_ssh status </dev/null 2>&1)" '"encrypted": *true' 'swap is encrypted'

os_poweroff 'poweroff over SSH: clean'

# -- the disk, from outside --
table=$(sfdisk -J "$M/disk.img")
is "$(jq -r '.partitiontable.partitions | map(.name) | join(" ")' <<<"$table")" 'bulkhead-bios bulkhead-esp bulkhead-swap bulkhead-data' 'four partitions'
unlike "$(jq -r '.partitiontable | .id, .partitions[].uuid' <<<"$table")" "${image_guids//$'\n'/|}" 'disk and partitions have GUIDs of their own'
is "$(jq -r '.partitiontable | .id, .partitions[].uuid' <<<"$table" | sort -u | wc -l)" 5 'five different ones'
cmp_ok "$(jq -r '.partitiontable.partitions[] | select(.name=="bulkhead-swap") | .size * 512 / 1048576 | floor' <<<"$table")" -eq 256 'swap has the size of the config'
last=$(jq -r '.partitiontable.partitions | map(.start + .size) | max' <<<"$table")
cmp_ok $((4 * 1024 * 1024 * 1024 / 512 - last)) -le 8192 'data reaches to the end of the disk'
like "$(sfdisk -V "$M/disk.img" 2>&1)" 'No errors detected' 'both GPTs are sound'
data=$(partition_start bulkhead-data)
is "$(dd if="$M/disk.img" bs=1 skip="$data" count=4 status=none)" LUKS 'data bears a LUKS header'
dd if="$M/disk.img" of="$M/header" bs=1M iflag=skip_bytes skip="$data" count=32 status=none
header=$(cryptsetup luksDump --dump-json-metadata "$M/header")
rm -f "$M/header"
is "$(jq -r '.segments | map("\(.encryption) \(.sector_size)") | join(",")' <<<"$header")" 'aes-xts-plain64 4096' 'data is AES-XTS in sectors of 4096'
is "$(jq -r '.keyslots | map(.key_size) | unique | join(",")' <<<"$header")" 64 'its key has 512 bits: two of AES-256'
is "$(jq -r '.keyslots | map(.area.encryption) | unique | join(",")' <<<"$header")" aes-xts-plain64 'and is kept in AES-XTS'
is "$(jq -r '.keyslots | keys | join(",")' <<<"$header")" 0,1 'there are two key slots'
is "$(jq -r '.keyslots."0".kdf.type' <<<"$header")" argon2id 'the passphrase is stretched by argon2id'
cmp_ok "$(jq -r '.keyslots."0".kdf.memory' <<<"$header")" -ge 65536 'with 64 MiB of memory at least'
on_disk() { grep -qaF "$1" "$M/disk.img" && echo yes || echo "no, $?"; } # a grep that failed ends with another status than 1
is "$(on_disk box1.test)" yes 'what is on the disk is found: the domain of the host config'
is "$(on_disk "$PASSPHRASE")" 'no, 1' 'the passphrase is nowhere on the disk'
is "$(on_disk "$(cat "$M/recovery")")" 'no, 1' 'the recovery key is nowhere on the disk'
log_is_clean
[ "$TAP_FAILED" != 0 ] || image_id >"$BASE/enrolled"
finish
