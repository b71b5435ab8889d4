# shellcheck shell=bash disable=SC2034
# tests/lib/roles.sh - the daemon's own processes without a machine: supervisor, api and gate, sanitised, with a stand-in for the engine
# (tests/api/fake_engine.c), in namespaces of their own. After tap.sh.
#
#   roles_enter                  runs the test anew in namespaces, over a copy of the root that is thrown away; loopback is up
#   roles_begin                  the daemon's certificate; the daemon itself: SUPERVISOR (pid), DOMAIN, log in ROLES_LOG
#   until_true SECONDS COMMAND...
#   pid_of ROLE                  a role of the supervisor's
#   local_call METHOD PATH CURL...   as root, over the Unix socket: STATUS, BODY; PATH is below /api/v1
#   post PATH JSON
#   field FILTER                 jq -r on BODY
#   serving                      0 if the API answers
#   roles_end                    shutdown; no finding of the sanitizers, no denied system call

roles_enter() {
	[ -z "${ROLES_INSIDE:-}" ] || return 0
	# An overlay over the whole root: the daemon's paths are fixed, and nothing of the tool root is changed.
	# shellcheck disable=SC2016 # for the inner shell
	exec unshare --mount --net --pid --fork --kill-child --propagation private bash -c '
		set -eu
		busybox mount -t tmpfs tmpfs /mnt
		mkdir /mnt/upper /mnt/work /mnt/root
		busybox mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
		mkdir -p /mnt/root/data "/mnt/root$PWD"
		busybox mount -o rbind "$PWD" "/mnt/root$PWD"
		results=$(realpath "$O")
		mkdir -p "/mnt/root$results"
		busybox mount -o rbind "$results" "/mnt/root$results"
		busybox mount -o rbind /dev /mnt/root/dev
		busybox mount -t proc proc /mnt/root/proc
		busybox mount -t tmpfs tmpfs /mnt/root/run
		busybox mount -t tmpfs tmpfs /mnt/root/tmp
		busybox mount -t tmpfs tmpfs /mnt/root/data
		ip link set lo up
		exec chroot /mnt/root bash -c "cd \"\$0\"; exec env ROLES_INSIDE=1 \"\$@\"" "$PWD" "$0"' "$0"
}

roles_begin() {
	export BULKHEAD_ETC=rootfs/files/etc/haproxy
	sed -i '/^haproxy:/d' /etc/passwd /etc/group
	echo 'bulkhead:x:900:' >>/etc/group
	printf '%s\n' 'api:x:901:900::/:/x' 'gate:x:902:900::/:/x' 'haproxy:x:903:900::/:/x' >>/etc/passwd
	busybox sysctl -q -w net.unix.max_dgram_qlen=8192
	DAEMON=$O/bin-san/bulkheadd-fake
	DOMAIN=bulkhead.internal
	ROLES_LOG=$LOGS/daemon.log
	"$DAEMON" tls-init 2>"$LOGS/tls-init.log"
	"$DAEMON" 2>"$ROLES_LOG" &
	SUPERVISOR=$!
}

until_true() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}
pid_of() { pgrep -P "$SUPERVISOR" -f "^bulkheadd $1\$"; }
local_call() { # METHOD PATH CURL...: sets STATUS, BODY
	local method=$1 path=$2
	shift 2
	STATUS=$(curl -s -o "$LOGS/body" -w '%{http_code}' --max-time 90 --unix-socket /run/bulkhead/local.sock -X "$method" "$@" "http://host/api/v1$path") || true
	BODY=$(cat "$LOGS/body" 2>/dev/null) || true
	rm -f "$LOGS/body"
}
post() { local_call POST "$1" -H 'Content-Type: application/json' --data-binary "$2"; }
field() { jq -r "$1" <<<"$BODY" 2>/dev/null || true; }
serving() { local_call GET /openapi.yaml && [ "$STATUS" = 200 ]; }

roles_end() {
	local status
	"$DAEMON" shutdown 2>>"$ROLES_LOG"
	is "$?" 0 'shutdown waits for the daemon'
	refuses 'which has ended' kill -0 "$SUPERVISOR"
	wait "$SUPERVISOR" && status=0 || status=$?
	is "$status" 0 'with code 0'
	# System call 157, prctl, is the leak check's own, at the very end of a confined role.
	unlike "$(grep -E 'AddressSanitizer|runtime error|denied system call' "$ROLES_LOG" | grep -v 'call  0157' | head -n 3)" . 'no finding of the sanitizers, no denied system call'
}
