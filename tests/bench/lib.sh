# shellcheck shell=bash disable=SC2034
# tests/bench/lib.sh - what the benchmarks with containers share: figures, our machine, and that of the peers.
#
#   bench_begin NAME         the tests' libraries, an empty folder of figures, and the enrolled disk
#   bench_machine            our machine, unlocked, with a token, a realm and a project (REALM, PROJECT); MEMORY in MiB
#   bench_image TAR          takes an image into it: IMAGE_ID
#   bench_container NAME [JSON]   creates and starts one: ID, URL; ends the benchmark if it does not run
#   bench_restart            the machine off and on: nothing is in its page cache but what runs
#   bench_end                our machine goes off; bench_done: the last word of a benchmark
#   figure NAME VALUE        notes a figure
#   middle NAME              the median of those noted; part NAME FROM TO: of these, in order
#   ms                       milliseconds of the clock
#   memory_look NAME         notes what is in use of our machine's memory: NAME-available (KiB, of MemAvailable), NAME-used and NAME-distinct (pages, of
#                            tests/bench/pages)
#   memory_row TEXT NAME BASE [ONE COUNT]   prints it without that of BASE, against the bound, and against COUNT times ONE
#   peers_run MODE COUNT     LXC and Incus on a plain Debian with our kernel (tests/bench/peers); notes what they print

bench_begin() { # NAME
	export O=${O:-build/out}
	export LOGS=${LOGS:-$O/tests/logs/bench-$1}
	mkdir -p "$LOGS"
	rm -f "$LOGS"/*.figures
	. tests/lib/tap.sh
	. tests/lib/qemu.sh
	DISK=16G # thirty that install the same are 3 GB
	. tests/lib/boot.sh
	. tests/lib/api.sh
	DOMAIN=box1.test
	# In a file, where it can be looked at; files of this file system are memory.
	RAM=/dev/shm/bulkhead-bench.$$
	at_exit ram_end
	boot_begin bench
	base_need
}

ram_end() { rm -f "$RAM"; }
ram_options() { printf '%s\n' -object "memory-backend-file,id=ram,size=${MEMORY}M,mem-path=$RAM,share=on" -machine memory-backend=ram; }

machine_up() {
	local options
	rm -f "$RAM"
	mapfile -t options < <(ram_options)
	machine_start uefi "${options[@]}"
	wait_unlock_ssh 600 # our kernel clears all memory first
	printf '%s\n' "$PASSPHRASE" | unlock_ssh unlock >/dev/null 2>&1
	wait_until 240 api_up
}

bench_machine() {
	base_overlay
	machine_up
	wait_until 60 token_mint
	TOKEN=$(cat "$M/token")
	api_json POST /realms '{"name":"r"}'
	REALM=$(field .id)
	api_json POST /projects "{\"name\":\"p\",\"realm\":\"$REALM\"}"
	PROJECT=$(field .id)
}

bench_image() { # TAR
	api POST "/images?name=$(basename "$1" .tar)" -T "$1" -H 'Content-Type: application/x-tar' --max-time 900
	[ "$STATUS" = 201 ] || bail "the image is not taken: $STATUS $BODY"
	IMAGE_ID=$(field .id)
}

bench_container() { # NAME [JSON]
	api_json POST /containers "$(jq -cn --arg p "$PROJECT" --arg i "$IMAGE_ID" --arg n "$1" --argjson more "${2:-{\}}" \
		'{project: $p, image: $i, name: $n} + $more')" --max-time 120
	[ "$(field .state)" = running ] || bail "container $1 does not run: $STATUS $BODY"
	ID=$(field .id) URL=$(field .url)
}

bench_end() {
	admin_ssh poweroff </dev/null >/dev/null 2>&1 || true
	machine_wait_off 300 || machine_kill
	rm -f "$RAM"
}

bench_done() { TAP_FINISHED=1; }

bench_restart() {
	bench_end
	machine_up
}

figure() { echo "$2" >>"$LOGS/$1.figures"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
middle() { median <"$LOGS/$1.figures"; }
part() { sed -n "$2,$3p" "$LOGS/$1.figures" | median; }
ms() { echo $(($(date +%s%N) / 1000000)); }

pages_look() { # NAME
	local used distinct
	read -r used distinct < <("$O/bin/pages" "$RAM")
	figure "$1-used" "$used"
	figure "$1-distinct" "$distinct"
}
memory_look() { # NAME
	api GET /host
	figure "$1-available" "$(field '.memory.available / 1024 | floor')"
	pages_look "$1"
}
memory_row() { # TEXT NAME BASE [ONE COUNT]
	local ratio=''
	used() { echo $(($(middle "$1-used") - $(middle "$2-used"))); }
	[ -z "${4:-}" ] || ratio=$(awk -v a="$(used "$2" "$3")" -v b="$(used "$4" "$3")" -v n="$5" 'BEGIN { printf ", %.3f of %d times the first", a / b / n, n }')
	awk -v text="$1" -v used="$(used "$2" "$3")" -v distinct=$(($(middle "$2-distinct") - $(middle "$3-distinct"))) \
		-v available=$(($(middle "$3-available") - $(middle "$2-available"))) -v ratio="$ratio" \
		'BEGIN { printf "%-44s %8.1f MiB  (MemAvailable: %8.1f MiB), %.2f of the bound%s\n", text, used / 256, available / 1024, used / distinct, ratio }'
}

# The machine of the peers says LOOK NAME, and waits, when its memory is to be looked at.
peers_run() { # MODE COUNT
	local accel options word name value peer looked=' '
	truncate -s 0 "$LOGS/peers.img"
	truncate -s 64G "$LOGS/peers.img"
	read -ra accel <<<"$(machine_accel)"
	MEMORY=${MEMORY:-3072}
	rm -f "$RAM"
	mapfile -t options < <(ram_options)
	timeout 7000 "$QEMU" -machine q35 "${accel[@]}" -smp "${CPUS:-2}" -m "$MEMORY" "${options[@]}" -kernel "$O/kernel/bzImage" \
		-append "root=/dev/vda rootfstype=erofs ro init=/bench/init console=ttyS0 quiet panic=1 bench.mode=$1 bench.count=$2" \
		-drive "file=$O/peers.erofs,format=raw,if=none,id=root,readonly=on" -device virtio-blk-pci,drive=root \
		-drive "file=$LOGS/peers.img,format=raw,if=none,id=data,cache=unsafe" -device virtio-blk-pci,drive=data \
		-device virtio-rng-pci -display none -nodefaults -no-reboot -serial stdio -nic none >"$LOGS/peers.log" 2>&1 &
	peer=$!
	while kill -0 "$peer" 2>/dev/null; do
		for name in $(tr -d '\r' <"$LOGS/peers.log" | sed -n 's/^LOOK //p'); do
			[[ $looked != *" $name "* ]] || continue
			looked+="$name "
			pages_look "$name"
		done
		sleep 1
	done
	wait "$peer" || true
	rm -f "$LOGS/peers.img" "$RAM"
	grep -q '^FIGURE finished' "$LOGS/peers.log" || bail "the machine of the peers did not come to its end: $LOGS/peers.log"
	! grep '^FIGURE failed' "$LOGS/peers.log" || bail 'one of the peers failed'
	while read -r word name value; do
		[ "$word" != FIGURE ] || figure "$name" "$value"
	done < <(tr -d '\r' <"$LOGS/peers.log")
}
