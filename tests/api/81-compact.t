#!/bin/bash
# Compacting a realm: equal files that containers wrote become one, on disk and in memory; each still has its own as far as it can tell.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
api_begin

MIB=$((1024 * 1024))
# "The same package": one large file, forty others. And one of the same size that is each container's own.
package='mkdir -p /srv/pkg && cd /srv/pkg && yes package | head -c 25165824 >large && chmod 4751 large && chown 33:44 large &&
	for i in $(seq 40); do yes "file $i" | head -c 65536 >f$i || exit 1; done && yes "$HOSTNAME" | head -c 25165824 >own &&
	yes small | head -c 5000 >small && ln f1 linked && sync && echo done'
sums='cd /srv/pkg && cat * | sha256sum && stat -c "%n %a %u %g %s %Y" * | sha256sum'
file_cache() { lab 'sed -n "s/^file //p" /sys/fs/cgroup/memory.stat'; }
in_lab() { # NAME SCRIPT
	LAB_URL=${url[$1]}
	lab "$2" --max-time 180
}
compact() { api_json POST "/realms/$REALM/compact" "{\"dry_run\":$1}" --max-time 300; }
stop() { api POST "/containers/${id[$1]}/stop?timeout=0"; }
start() {
	api POST "/containers/${id[$1]}/start"
	LAB_URL=${url[$1]}
	wait_until 60 lab_up
}

declare -A id url before
for name in one two; do
	lab_start "$name"
	id[$name]=$LAB url[$name]=$URL
	runs "container $name" wait_until 60 lab_up
	is "$(in_lab $name "HOSTNAME=$name; $package")" 'done' 'it installs the package'
	before[$name]=$(in_lab $name "$sums")
done
isnt "${before[one]}" "${before[two]}" 'what differs, differs'

# -- what is asked wrongly --
api_json POST "/realms/$REALM/compact" '{}'
refused 400 - dry_run 'dry_run must be given'
api_json POST "/realms/$(printf '0%.0s' {1..24})/compact" '{"dry_run":true}'
refused 404 not_found - 'no such realm'
api_json PATCH "/realms/$REALM" '{"sharing":"none"}'
compact true
refused 409 conflict - 'a realm that shares nothing'
api_json PATCH "/realms/$REALM" '{"sharing":"realm"}'
compact false
answers 200 'while they run'
is "$(field '[.files, .containers, .containers_skipped] | map(tostring) | join(" ")')" '0 0 2' 'both are left alone'

# -- stopped --
stop one
stop two
answers 200 'both are stopped'
compact true
answers 200 'what would it save?'
would=$(field '[.files, .bytes, .bytes_saved, .complete] | map(tostring) | join(" ")')
is "$would" "80 $((2 * (25165824 + 39 * 65536))) $((25165824 + 39 * 65536)) true" 'the package, less the file with two links, once'
free=$(data_free)
compact false
answers 200 'now for sure'
is "$(field '[.files, .bytes, .bytes_saved, .complete] | map(tostring) | join(" ")')" "$would" 'it does what it said'
diag "$BODY"
freed() { [ "$(data_free)" -ge $((free + 24 * MIB)) ]; }
runs 'the disk has that much more' wait_until 30 freed
compact true
is "$(field .files)" 0 'nothing is left to do'

# -- each has its own still --
for name in one two; do
	start $name
	is "$(in_lab $name "$sums")" "${before[$name]}" "$name has every byte, mode, owner and time"
	unlike "$(in_lab $name 'ls -a /')" bulkhead 'and sees nothing new in its root'
done
large=$(in_lab one 'sha256sum </srv/pkg/large | cut -c1-64')
stop one
stop two

# -- what leaves it, leaves it whole --
STATUS=$(curl -sk --max-time 300 -o "$LOGS/one.tar" -w '%{http_code}' --connect-to "::127.0.0.1:$PORT_HTTPS" -H "Authorization: Bearer $TOKEN" \
	"https://api.$DOMAIN/api/v1/containers/${id[one]}/export")
is "$STATUS" 200 'one that shares files is exported'
layer=$(tar -tf "$LOGS/one.tar" | head -n 1)
is "$(tar -xOf "$LOGS/one.tar" "$layer" | zstd -qdc | tar -xOf - srv/pkg/large | sha256sum | cut -c1-64)" "$large" 'with their content'
rm -f "$LOGS/one.tar"
api_json POST "/containers/${id[one]}/copy" '{"name":"copy-of-one","start":true}' --max-time 200
answers 201 'and copied'
id[copy]=$(field .id) url[copy]=$(field .url)
LAB_URL=${url[copy]}
runs 'the copy runs' wait_until 60 lab_up
is "$(in_lab copy "$sums")" "${before[one]}" 'and has every byte, mode, owner and time'
api DELETE "/containers/${id[copy]}"
answers 204 'it is deleted'

# -- and memory holds it once --
# Compacting dropped what it read. Whoever reads first is charged for the pages; who reads the same inode later is not.
start one
start two
LAB_URL=${url[one]}
drop='cd /srv/pkg && for f in large own; do dd if=$f iflag=nocache count=0 2>/dev/null; done'
in_lab one "$drop" >/dev/null
in_lab two "$drop" >/dev/null
LAB_URL=${url[one]}
a=$(file_cache)
in_lab one 'cat /srv/pkg/large >/dev/null' >/dev/null
b=$(file_cache)
cmp_ok $((b - a)) -ge $((20 * MIB)) "the first reader pays for it ($((b - a)) bytes)"
LAB_URL=${url[two]}
a=$(file_cache)
in_lab two 'cat /srv/pkg/large >/dev/null' >/dev/null
b=$(file_cache)
cmp_ok $((b - a)) -le $((4 * MIB)) "the second finds it in memory ($((b - a)) bytes)"
in_lab two 'cat /srv/pkg/own >/dev/null' >/dev/null
c=$(file_cache)
cmp_ok $((c - b)) -ge $((20 * MIB)) "unlike a file that is its own ($((c - b)) bytes)"

# -- writing --
is "$(in_lab two 'cd /srv/pkg && printf XX | dd of=large bs=1 conv=notrunc 2>/dev/null && head -c 7 large && wc -c <large')" 'XXckage25165824' 'one writes to its copy'
is "$(in_lab two 'cd /srv/pkg && printf "\\nmore\\n" >>f2 && tail -n 1 f2 && : >f3 && stat -c %s f3')" $'more\n0' 'appends to one, empties another'
is "$(in_lab two 'cd /srv/pkg && mv f4 moved && ln f5 f5b && rm f6 && chmod 600 f7 && mkdir d && mv f8 d/ && head -c 6 moved f5b d/f8')" \
	"$(printf '==> moved <==\nfile 4\n==> f5b <==\nfile 5\n==> d/f8 <==\nfile 8')" 'moves, links and removes others'
is "$(in_lab one "$sums")" "${before[one]}" 'the neighbour has what it had'
stop two
start two
is "$(in_lab two 'cd /srv/pkg && head -c 4 large && tail -n 1 f2 && head -c 6 moved && head -c 6 d/f8 && stat -c %a f7 && ls f6 2>&1 | grep -c "No such"')" \
	$'XXckmore\nfile 4file 8600\n1' 'and it has what it wrote after a restart'

# -- a hostile one --
is "$(in_lab two 'ls /.bulkhead-content 2>&1 | grep -c "No such"; mkdir /.bulkhead-content && ls -A /.bulkhead-content | wc -l; rmdir /.bulkhead-content; ls -a / | grep -c bulkhead')" \
	$'1\n0\n0' 'the shared content has no name in a container, whatever is put there'
# The guest has no setfattr. Bit 0: an attribute of a user can be set, so the probe works; bits 1 to 3: those that lead there.
cat >"$LOGS/probe.c" <<'C'
static long call(long n, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = 0;
	long ret;
	__asm__ volatile("syscall" : "=a"(ret) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
	return ret;
}
static long set(const char *name) { return call(188, (long)"/srv/pkg/f9", (long)name, (long)"/x", 2) == 0; }
void _start(void)
{
	call(60, set("user.x") | set("trusted.overlay.redirect") << 1 | set("trusted.overlay.metacopy") << 2 | set("trusted.x") << 3, 0, 0, 0);
}
C
gcc -Os -static -nostdlib -fno-stack-protector -o "$LOGS/probe" "$LOGS/probe.c"
is "$(in_lab two "base64 -d >/tmp/probe <<'E'
$(base64 "$LOGS/probe")
E
chmod 755 /tmp/probe && /tmp/probe; echo \$?")" 1 'its root cannot set the attributes that lead there'

# -- a third joins, a user leaves --
lab_start three '{"limits":{"disk_max":67108864}}'
id[three]=$LAB url[three]=$URL
runs 'a third container' wait_until 60 lab_up
is "$(in_lab three "HOSTNAME=three; $package")" 'done' 'installs the package'
before[three]=$(in_lab three "$sums")
stop three
compact false
is "$(field '[.files, .containers, .containers_skipped] | map(tostring) | join(" ")')" '40 1 2' 'it joins in what is stored, while the others run'
start three
is "$(in_lab three "$sums")" "${before[three]}" 'and has every byte'
# 64 MiB, of which the package takes 52: half of that is shared now, and weighs all the same.
is "$(in_lab three 'head -c 5000000 /dev/zero >/srv/more; stat -c %s /srv/more; rm /srv/more')" 5000000 'what its limit leaves can be written'
cmp_ok "$(in_lab three 'head -c 30000000 /dev/zero >/srv/more 2>/dev/null; stat -c %s /srv/more; rm /srv/more')" -lt 30000000 'what is shared is not to be had again'
for name in one two; do
	api DELETE "/containers/${id[$name]}"
	answers 204 "$name is deleted"
done
stop three
start three
is "$(in_lab three "$sums")" "${before[three]}" 'what the last one uses stays'
free=$(data_free)
api DELETE "/containers/${id[three]}"
answers 204 'it goes, too'
gone() { [ "$(data_free)" -ge $((free + 44 * MIB)) ]; }
runs 'and with it what it shared' wait_until 60 gone
finish
