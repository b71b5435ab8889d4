# shellcheck shell=bash
# tests/bench/lib.sh - figures, and the machine of the peers. After tests/lib/{tap,qemu}.sh; LOGS is set.
#
#   figure NAME VALUE        notes a figure
#   middle NAME              the median of those noted; part NAME FROM TO: of these, in order
#   peers_run MODE COUNT     LXC and Incus on a plain Debian with our kernel (tests/bench/peers); notes what they print
#   ms                       milliseconds of the clock

figure() { echo "$2" >>"$LOGS/$1.figures"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
middle() { median <"$LOGS/$1.figures"; }
part() { sed -n "$2,$3p" "$LOGS/$1.figures" | median; }
ms() { echo $(($(date +%s%N) / 1000000)); }

peers_run() { # MODE COUNT
	local accel word name value
	rm -f "$LOGS/peers.img" "$LOGS"/*.figures
	truncate -s 32G "$LOGS/peers.img"
	read -ra accel <<<"$(machine_accel)"
	timeout 5000 "$QEMU" -machine q35 "${accel[@]}" -smp "${CPUS:-2}" -m "${MEMORY:-3072}" -kernel "$O/kernel/bzImage" \
		-append "root=/dev/vda rootfstype=erofs ro init=/bench/init console=ttyS0 quiet panic=1 bench.mode=$1 bench.count=$2" \
		-drive "file=$O/peers.erofs,format=raw,if=none,id=root,readonly=on" -device virtio-blk-pci,drive=root \
		-drive "file=$LOGS/peers.img,format=raw,if=none,id=data,cache=unsafe" -device virtio-blk-pci,drive=data \
		-device virtio-rng-pci -display none -nodefaults -no-reboot -serial stdio -nic none >"$LOGS/peers.log" 2>&1 || true
	rm -f "$LOGS/peers.img"
	grep -q '^FIGURE finished' "$LOGS/peers.log" || bail "the machine of the peers did not come to its end: $LOGS/peers.log"
	! grep '^FIGURE failed' "$LOGS/peers.log" || bail 'one of the peers failed'
	while read -r word name value; do
		[ "$word" != FIGURE ] || figure "$name" "$value"
	done < <(tr -d '\r' <"$LOGS/peers.log")
}
