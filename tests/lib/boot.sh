# shellcheck shell=bash disable=SC2034,SC2119
# tests/lib/boot.sh - what boot tests share: one enrolled disk, made once for each image, and short ways to open it. After tap.sh and qemu.sh.
#
#   boot_begin NAME          the machine $O/tests/machines/NAME; killed when the test ends; its console is shown if the test failed
#   base_need                makes the enrolled disk, of DISK (4G), unless this image's is there: $BASE/disk.img, key, passphrase, recovery, swap off
#   base_overlay             the current machine's disk becomes a throw-away overlay on it, with its keys
#   base_copy                the same as a raw copy, to change from outside or to survive a SIGKILL
#   unlock_stdin TEXT        unlocks with TEXT on standard input; status in UNLOCK_STATUS, output in UNLOCK_OUTPUT, seconds in UNLOCK_SECONDS
#   agent_status [FILTER]    the agent's status, through jq -r
#   os_poweroff TEXT         asks the running system to power off, and sees it do so
#   button_poweroff TEXT     presses its power button, and sees it switch itself off
#   agent_poweroff TEXT      the same of the boot agent
#   log_is_clean             the last check of every test
#   esp_write FILE NAME      puts FILE as ::NAME on the ESP of a raw disk
#   partition_start LABEL    first byte of a partition of the raw disk

MACHINES=$O/tests/machines
BASE=$MACHINES/base${DISK:-} PASSPHRASE='correct horse battery staple'

boot_begin() {
	[ -e "$IMAGE" ] || bail "there is no $IMAGE: make image"
	machine_use "$MACHINES/$1"
	machine_kill
	at_exit boot_end
}

boot_end() {
	if machine_running; then
		machine_kill
	fi
	if [ "$TAP_FAILED" != 0 ] || [ "$TAP_FINISHED" = 0 ]; then
		cp "$M/console.log" "$LOGS/console.log" 2>/dev/null
		[ ! -e "$M/host.json" ] || cp "$M/host.json" "$LOGS/"
		diag "the end of the console:"
		tr -d '\000\r' <"$M/console.log" 2>/dev/null | tail -n 25 | cut -c1-200 | sed 's/^/#   /' >&2
	fi
	rm -f "$M/disk.qcow2"
	case $M in */base) ;; *) rm -f "$M/disk.img" ;; esac
}

# Flash, first boot, enrol by standard input; leaves the system running.
enroll_machine() {
	machine_config
	machine_flash "${DISK:-4G}" || return 1
	machine_start uefi || return 1
	wait_unlock_ssh 180 || return 1
	printf '%s\n' "$PASSPHRASE" | unlock_ssh enroll >"$M/enroll.out" 2>"$M/enroll.err" || {
		cat "$M/enroll.err" >&2
		return 1
	}
	sed -n 's/^recovery key: //p' "$M/enroll.out" >"$M/recovery"
}

base_need() {
	[ "$(cat "$BASE/enrolled" 2>/dev/null)" = "$(image_id)" ] && [ -e "$BASE/disk.img" ] && return 0
	diag "making the enrolled disk for the boot tests"
	local before=$M
	machine_use "$BASE"
	rm -f "$BASE/enrolled"
	if ! { enroll_machine && wait_admin_ssh 180 && os_off; }; then
		machine_kill
		cp "$M/console.log" "$LOGS/base-console.log" 2>/dev/null
		bail "no enrolled disk could be made; run boot/10-first-boot-uefi by itself"
	fi
	image_id >"$BASE/enrolled"
	machine_use "$before"
}

base_keys() {
	cp "$BASE"/key "$BASE"/key.pub "$BASE"/stranger "$BASE"/stranger.pub "$BASE"/host.json "$M/"
	# The host keys come with the disk, and stay what they were; ports differ.
	rm -f "$M/known_hosts"
}

base_overlay() {
	base_need
	machine_overlay "$BASE/disk.img"
	base_keys
}

base_copy() {
	base_need
	rm -f "$M/disk.qcow2" "$M/vars.fd" "$M/console.log"
	cp --sparse=always "$BASE/disk.img" "$M/disk.img"
	base_keys
}

unlock_stdin() {
	local start=$EPOCHREALTIME
	UNLOCK_STATUS=0
	UNLOCK_OUTPUT=$(printf '%s\n' "$1" | unlock_ssh unlock 2>&1) || UNLOCK_STATUS=$?
	UNLOCK_SECONDS=$(echo "$EPOCHREALTIME - $start" | bc)
}

agent_status() { unlock_ssh status </dev/null | jq -r "${1:-.}"; }

os_off() {
	admin_ssh poweroff </dev/null >/dev/null 2>&1 || true # the connection may go first
	machine_wait_off 120
}
os_poweroff() { runs "$1" os_off; }

# The system may not look at its power button yet: it is pressed until that is seen.
button_off() {
	local end
	end=$(deadline 240)
	while machine_running && ! is_late "$end"; do
		machine_button || true
		sleep 4
	done
	machine_wait_off 1
}
button_poweroff() { runs "$1" button_off; }

agent_poweroff() {
	unlock_ssh poweroff </dev/null >/dev/null 2>&1 || true
	runs "$1" machine_wait_off 60
}

log_is_clean() { runs 'no panic, oops, kernel warning or sanitizer report on the console' machine_log_clean; }

partition_start() {
	sfdisk -J "$M/disk.img" 2>/dev/null | jq -r --arg label "$1" '.partitiontable | (.sectorsize // 512) as $s | .partitions[] | select(.name == $label) | .start * $s'
}

esp_write() { mcopy -o -i "$M/disk.img@@$(partition_start bulkhead-esp)" "$1" "::$2"; }
esp_read() { mcopy -i "$M/disk.img@@$(partition_start bulkhead-esp)" "::$1" -; }
