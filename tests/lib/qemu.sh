# shellcheck shell=bash
# tests/lib/qemu.sh - a machine in QEMU with the real image: disk, firmware, network, console, power. Software emulation, unless the CPU
# can virtualise (a /dev/kvm alone proves nothing). Used by the tests and by `make run`; needs only bash and what the tool root has.
#
# Everything of a machine lies in its folder, which outlives this shell:
#   disk.img        the disk (raw, or a qcow2 overlay disk.qcow2)
#   host.json       the host config that was put on it
#   key, key.pub    the SSH key that may unlock and administer; stranger, stranger.pub: one that may not
#   known_hosts     SSH host keys; a changed one is refused, as it should be
#   console.log     the serial console, all boots; console.sock is its other end
#   ports           PORT_UNLOCK=, PORT_ADMIN=, PORT_HTTPS=, PORT_HTTP=: where they are on 127.0.0.1
#   pid, qmp.sock   of QEMU
#
#   machine_use FOLDER                 choose or make the machine all other calls are about (M is its folder)
#   machine_keys                       make its SSH keys, if there are none
#   machine_config [JQ_FILTER]         write host.json: the defaults of tests, changed by the filter
#   machine_flash [SIZE]               an empty disk of SIZE (4G) with image and host.json on it, by `bulkhead flash`
#   image_id                           a short name for the present image
#   machine_overlay RAW_DISK           disk.qcow2 on top of a disk that is left as it is
#   machine_start uefi|bios [ARG...]   boot; NET=none: no network card; MEMORY=MiB; CACHE=writeback: flushes reach the
#                                      disk before they are answered; further arguments go to QEMU,
#                                      which runs in M: paths in them must be absolute
#   machine_running                    is QEMU there?
#   machine_kill                       SIGKILL, as a power cut
#   machine_button                     press the power button
#   machine_wait_off SECONDS           wait until it has switched itself off; 0 only if the kernel said so
#   machine_qmp COMMAND                QMP; prints the answer
#   machine_log_clean                  0 if no boot logged a panic, oops, warning of the kernel, or a sanitizer's report; else shows them
#
#   console_mark                       console_wait and console_since look at what comes from here on
#   console_wait REGEX SECONDS         0 once a line matches (extended regex)
#   console_since                      what came since the mark, as text
#   console_send TEXT                  types TEXT (with \n or \r as printf has them)
#
#   unlock_ssh [COMMAND]               ssh to the boot agent; standard input is passed on; SSH_KEY=file, SSH_EXTRA=(...)
#   admin_ssh COMMAND...               ssh to the running system
#   wait_unlock_ssh SECONDS            until the agent answers `status`
#   wait_admin_ssh SECONDS             until the system answers `help`
#   wait_until SECONDS COMMAND...      until COMMAND succeeds
#
# Times are limits for a slow machine, multiplied by SLOW (1).

: "${O:=build/out}"
QEMU=qemu-system-x86_64
OVMF=/usr/share/OVMF
IMAGE=${IMAGE:-$O/bulkhead.img}
SSH_EXTRA=()

machine_use() {
	mkdir -p "$1"
	M=$(cd "$1" && pwd)
	CONSOLE_MARK=0
	[ ! -e "$M/console.log" ] || CONSOLE_MARK=$(stat -c %s "$M/console.log")
	# shellcheck source=/dev/null
	[ ! -e "$M/ports" ] || . "$M/ports"
}

machine_keys() {
	local name
	for name in key stranger; do
		[ -e "$M/$name" ] || ssh-keygen -q -t ed25519 -N '' -C "$name@test" -f "$M/$name"
	done
}

machine_config() {
	machine_keys
	jq -n --arg key "$(cat "$M/key.pub")" '{
		hostname: "box1", domain: "box1.test",
		ssh: { keys: [$key] },
		containers: { ipv4_pool: "10.77.0.0/16" },
		swap_mib: 256
	}' | jq "${1:-.}" >"$M/host.json"
}

machine_flash() {
	rm -f "$M/disk.img" "$M/disk.qcow2" "$M/vars.fd" "$M/console.log" "$M/known_hosts"
	CONSOLE_MARK=0
	truncate -s "${1:-4G}" "$M/disk.img"
	"$O/bin/bulkhead" flash --yes --config "$M/host.json" "$IMAGE" "$M/disk.img" >"$M/flash.log" 2>&1 || {
		cat "$M/flash.log" >&2
		return 1
	}
}

# Which image lies on a disk that was made from this one.
image_id() { stat -Lc '%s-%Y' "$IMAGE"; }

machine_overlay() {
	rm -f "$M/disk.img" "$M/disk.qcow2" "$M/vars.fd" "$M/console.log"
	CONSOLE_MARK=0
	qemu-img create -q -f qcow2 -b "$(realpath "$1")" -F raw "$M/disk.qcow2"
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

ports_are_free() { # PORT...
	local port
	for port; do port_is_free "$port" || return 1; done
}

# Four neighbours, below those that the kernel gives out by itself.
ports_pick() {
	local port
	for _ in {1..50}; do
		port=$((20000 + RANDOM % 3000 * 4))
		ports_are_free "$port" $((port + 1)) $((port + 2)) $((port + 3)) || continue
		printf 'PORT_UNLOCK=%s PORT_ADMIN=%s PORT_HTTPS=%s PORT_HTTP=%s\n' "$port" $((port + 1)) $((port + 2)) $((port + 3))
		return
	done
	echo 'no four free ports were found' >&2
	return 1
}

machine_accel() {
	if grep -qwE 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ] && [ -z "${NOKVM:-}" ]; then
		echo "-accel kvm -cpu host"
	else
		# One host thread for all virtual CPUs costs a tenth of the time. With one each, on a busy host, a CPU has been seen to
		# lose its timer in boot and hang for ever ("rcu_sched kthread timer wakeup didn't happen").
		echo "-accel tcg,thread=single -cpu max"
	fi
}

machine_start() {
	local firmware=$1 disk accel net=() boot=()
	shift
	machine_running && {
		echo "a machine runs in $M already" >&2
		return 1
	}
	# shellcheck source=/dev/null
	[ ! -e "$M/ports" ] || . "$M/ports"
	if [ ! -e "$M/ports" ] || ! ports_are_free "$PORT_UNLOCK" "$PORT_ADMIN" "$PORT_HTTPS" "$PORT_HTTP"; then
		ports_pick >"$M/ports" || return 1
		# shellcheck source=/dev/null
		. "$M/ports"
		rm -f "$M/known_hosts"
	fi
	if [ -e "$M/disk.qcow2" ]; then
		disk=file=$M/disk.qcow2,format=qcow2
	elif [ -e "$M/disk.img" ]; then
		disk=file=$M/disk.img,format=raw
	fi
	if [ "$firmware" = uefi ]; then
		[ -e "$M/vars.fd" ] || cp "$OVMF/OVMF_VARS_4M.fd" "$M/vars.fd"
		boot=(-drive "if=pflash,format=raw,readonly=on,file=$OVMF/OVMF_CODE_4M.fd" -drive "if=pflash,format=raw,file=$M/vars.fd")
	fi
	if [ "${NET:-user}" = user ]; then
		net=(-netdev "user,id=net0,hostfwd=tcp:127.0.0.1:$PORT_UNLOCK-:2222,hostfwd=tcp:127.0.0.1:$PORT_ADMIN-:22,hostfwd=tcp:127.0.0.1:$PORT_HTTPS-:443,hostfwd=udp:127.0.0.1:$PORT_HTTPS-:443,hostfwd=tcp:127.0.0.1:$PORT_HTTP-:80"
			-device "virtio-net-pci,netdev=net0,mac=52:54:00:12:34:56,romfile=")
	else
		net=(-nic none)
	fi
	rm -f "$M/pid" "$M/console.sock" "$M/qmp.sock"
	CONSOLE_MARK=0
	[ ! -e "$M/console.log" ] || CONSOLE_MARK=$(stat -c %s "$M/console.log")
	read -ra accel <<<"$(machine_accel)"
	# The socket paths are short by standing in the folder: a Unix socket's name ends at 107 bytes.
	(
		cd "$M" || exit
		# It may outlive us: with a pipe of ours in hand it would keep whoever reads that waiting.
		for fd in "/proc/$BASHPID/fd"/*; do
			fd=${fd##*/}
			[ "$fd" -le 2 ] || eval "exec $fd>&-"
		done
		# What answers its questions of names, if a test says so: QEMU hands 10.0.2.3 on to the first of resolv.conf.
		resolver=()
		# shellcheck disable=SC2016 # for the shell inside
		[ ! -e resolv.conf ] || resolver=(unshare --mount sh -c 'busybox mount -o bind resolv.conf /etc/resolv.conf && exec "$0" "$@"')
		"${resolver[@]}" $QEMU -name "bulkhead-$(basename "$M")" -machine q35 "${accel[@]}" -smp "${CPUS:-2}" -m "${MEMORY:-2048}" \
			"${boot[@]}" ${disk:+-drive "$disk,if=none,id=disk0,cache=${CACHE:-unsafe},discard=unmap" -device virtio-blk-pci,drive=disk0,serial=disk0,bootindex=1} \
			"${net[@]}" -device virtio-rng-pci \
			-display none -vga std -no-reboot -nodefaults \
			-chardev socket,id=serial,path=console.sock,server=on,wait=off,logfile=console.log,logappend=on -serial chardev:serial \
			-qmp unix:qmp.sock,server=on,wait=off \
			-daemonize -pidfile pid "$@"
	)
}

machine_pid() { [ -s "$M/pid" ] && cat "$M/pid"; }

machine_running() {
	local pid
	pid=$(machine_pid) || return 1
	# The number may have gone to another process since.
	[ -e "/proc/$pid/exe" ] && [[ $(readlink "/proc/$pid/exe") == *qemu-system* ]]
}

machine_kill() {
	local pid
	machine_running || return 0
	pid=$(machine_pid)
	kill -KILL "$pid"
	while machine_running; do sleep 0.1; done
	rm -f "$M/pid"
}

machine_qmp() {
	{
		printf '{"execute":"qmp_capabilities"}\n%s\n' "$1"
		sleep 1
	} | (cd "$M" && socat - UNIX-CONNECT:qmp.sock)
}

machine_button() { machine_qmp '{"execute":"system_powerdown"}' >/dev/null; }

# Limits in whole seconds, times SLOW. By the time since boot: a wall clock that is set meanwhile must not fail a test.
uptime_s() {
	local up
	read -r up _ </proc/uptime
	echo "${up%.*}"
}
deadline() { echo $(($(uptime_s) + $1 * ${SLOW:-1})); }
is_late() { [ "$(uptime_s)" -ge "$1" ]; } # DEADLINE

machine_wait_off() {
	local end
	end=$(deadline "$1")
	while machine_running; do
		! is_late "$end" || {
			echo "the machine has not switched itself off after $1 s" >&2
			return 1
		}
		sleep 0.3
	done
	rm -f "$M/pid"
	# QEMU also ends when the kernel resets the machine: only this line says that it meant to.
	console_since | grep -q 'reboot: Power down' || {
		echo "QEMU ended, but the kernel did not say 'Power down'" >&2
		return 1
	}
}

MACHINE_BAD='Kernel panic|Oops|BUG:|Call Trace|WARNING: |general protection fault|segfault at|INFO: task .* blocked|ERROR: AddressSanitizer|runtime error:|Out of memory'

machine_log_clean() {
	local found
	found=$(tr -d '\000\r' <"$M/console.log" | grep -nE "$MACHINE_BAD")
	# A busy host that leaves an emulated CPU alone for 20 s looks like this from inside.
	[[ $(machine_accel) == *kvm* ]] || found=$(grep -v 'soft lockup' <<<"$found")
	found=$(head -n 20 <<<"$found")
	[ -z "$found" ] && return 0
	printf '%s\n' "$found" >&2
	return 1
}

console_mark() { CONSOLE_MARK=$(stat -c %s "$M/console.log" 2>/dev/null || echo 0); }

# Without the sequences that move a terminal's cursor, which firmware and loader love.
console_since() {
	[ -e "$M/console.log" ] || return 0
	tail -c "+$((CONSOLE_MARK + 1))" "$M/console.log" | tr -d '\000\r' | sed -E 's/\x1b\[[0-9;?=]*[A-Za-z]//g'
}

console_wait() {
	local end
	end=$(deadline "$2")
	until console_since | grep -qE -- "$1"; do
		if ! machine_running; then
			echo "the machine is off, and its console has not said: $1" >&2
			return 1
		fi
		if console_since | grep -qE 'Kernel panic'; then
			echo "the kernel panicked before the console said: $1" >&2
			return 1
		fi
		! is_late "$end" || {
			echo "the console has not said within $2 s: $1" >&2
			return 1
		}
		sleep 0.3
	done
}

console_send() {
	# The connection stays a moment, since QEMU drops what it has not read when it closes.
	{
		# shellcheck disable=SC2059 # the text has printf's escapes on purpose
		printf -- "$1"
		sleep 2
	} | (cd "$M" && socat -u - UNIX-CONNECT:console.sock)
}

ssh_to() { # PORT COMMAND...
	local port=$1
	shift
	timeout -k 5 "${SSH_TIMEOUT:-180}" ssh -F none -o BatchMode=yes -o LogLevel=ERROR -o ConnectTimeout=20 -o IdentitiesOnly=yes -o IdentityAgent=none \
		-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="$M/known_hosts" -o GlobalKnownHostsFile=none \
		"${SSH_EXTRA[@]}" -i "${SSH_KEY:-$M/key}" -p "$port" root@127.0.0.1 "$@"
}
unlock_ssh() { ssh_to "$PORT_UNLOCK" "$@"; }
admin_ssh() { ssh_to "$PORT_ADMIN" "$@"; }

wait_until() { # SECONDS COMMAND...
	local end output why='' seconds=$1
	shift
	end=$(deadline "$seconds")
	until output=$("$@" 2>&1); do
		if ! machine_running; then
			why='the machine is off'
		elif console_since | grep -q 'Kernel panic'; then
			why='the kernel panicked'
		elif is_late "$end"; then
			why="not within $seconds s"
		else
			sleep 0.5
			continue
		fi
		printf '%s; waited for: %s; its last words: %s\n' "$why" "$*" "$output" >&2
		return 1
	done
}
unlock_ssh_quiet() { SSH_TIMEOUT=25 unlock_ssh status </dev/null; }
admin_ssh_quiet() { SSH_TIMEOUT=25 admin_ssh help </dev/null; }
wait_unlock_ssh() { wait_until "$1" unlock_ssh_quiet; }
wait_admin_ssh() { wait_until "$1" admin_ssh_quiet; }
