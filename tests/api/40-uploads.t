#!/bin/bash
# Images that are wrong or hostile: refused with the entry's name, and neither an image nor disk space is left behind.
# shellcheck disable=SC2016,SC2317 # scripts for the other side; functions called by name
set -eu
. tests/lib/tap.sh
. tests/lib/qemu.sh
. tests/lib/boot.sh
. tests/lib/api.sh
. tests/lib/tar.sh
api_begin
before=$(guard)
free=$(data_free)

send() { # FILE TEXT [CODE]: must be refused
	api POST '/images?name=hostile' -T "$1" -H 'Content-Type: application/x-tar' --max-time 120
	like "$STATUS" '^4(00|13|22)$' "$2: refused"
	case $STATUS in 4*) ;; *) diag "body: ${BODY:0:400}" ;; esac
	[ -n "$(field '.error.message // ""')" ] || diag "no message: ${BODY:0:300}"
	diag "$2: $(field '.error.message')"
}
tarball=$LOGS/x.tar

{ tar_entry 0 ../escape '' x; tar_end; } >"$tarball"
is "$(tar -tPf "$tarball")" ../escape 'the generator makes what it says'
send "$tarball" 'a name that climbs out'
{ tar_entry 5 a; tar_entry 0 a/../../escape '' x; tar_end; } >"$tarball"
send "$tarball" 'a name that climbs out of a folder'
{ tar_entry 0 /etc/escape '' x; tar_end; } >"$tarball"
send "$tarball" 'an absolute name'
{ tar_entry 2 link /tmp; tar_entry 0 link/escape '' x; tar_end; } >"$tarball"
send "$tarball" 'a file through an absolute link'
{ tar_entry 2 link ../..; tar_entry 0 link/escape '' x; tar_end; } >"$tarball"
send "$tarball" 'a file through a link that climbs'
{ tar_entry 1 hard /etc/passwd; tar_end; } >"$tarball"
send "$tarball" 'a hard link to outside'
{ tar_entry 1 hard ../../../etc/passwd; tar_end; } >"$tarball"
send "$tarball" 'a hard link that climbs'
{ tar_entry 2 link /etc/passwd; tar_entry 1 hard link; tar_entry 0 hard '' x; tar_end; } >"$tarball"
api POST '/images?name=hostile' -T "$tarball" -H 'Content-Type: application/x-tar'
case $STATUS in
201) api DELETE "/images/$(field .id)" && pass 'a hard link to a link is taken as a link inside, or refused' ;;
4*) pass 'a hard link to a link is taken as a link inside, or refused' ;;
*) fail "a hard link to a link: $STATUS $BODY" ;;
esac
{ tar_entry 3 mem; tar_end; } >"$tarball"
send "$tarball" 'a character device'
{ tar_entry 4 disk; tar_end; } >"$tarball"
send "$tarball" 'a block device'
{ TAR_UID=70000 tar_entry 0 f '' x; tar_end; } >"$tarball"
send "$tarball" 'an owner beyond 65535'
{ tar_entry 0 $'bad\xff\xfename' '' x; tar_end; } >"$tarball"
api POST '/images?name=hostile' -T "$tarball" -H 'Content-Type: application/x-tar'
like "$STATUS" '^(201|400)$' 'a name that is no UTF-8 is answered in JSON'
isnt "$(field 'type')" '' 'which can be read'
[ "$STATUS" != 201 ] || api DELETE "/images/$(field .id)"
{ TAR_SIZE=9999 tar_entry 0 f '' short; } >"$tarball"
send "$tarball" 'an entry that claims more than there is'
{ tar_entry 0 f '' x; tar_end; } >"$tarball"
printf 'X' | dd of="$tarball" bs=1 seek=150 conv=notrunc status=none
send "$tarball" 'a wrong checksum'
head -c 100000 /dev/urandom >"$tarball"
send "$tarball" 'noise'
: >"$tarball"
send "$tarball" 'nothing'
head -c 1024 /dev/zero >"$tarball"
send "$tarball" 'an archive without entries'
printf '#!/bin/sh\necho hello\n' >"$tarball"
send "$tarball" 'a script'
{ tar_entry 0 f '' hello; tar_end; } | gzip | head -c 40 >"$tarball"
send "$tarball" 'half a gzip'
# 60 MB of zeros in 60 kB, in an archive that promises 7 GB more: taken back as a whole.
{ tar_entry 5 d; TAR_SIZE=7500000000 tar_entry 0 zeros; head -c 60000000 /dev/zero; } | gzip -1 >"$tarball"
send "$tarball" 'a bomb that was cut off'

# -- cut off --
head -c 60000000 /dev/urandom >"$tarball"
api POST '/images?name=cut' -T "$tarball" -H 'Content-Type: application/x-tar' --limit-rate 8M --max-time 3
is "$STATUS" 000 'an upload is cut off in the middle'
TOKEN_KEPT=$TOKEN
TOKEN=$(printf '0%.0s' {1..64})
# Over HTTP/1.1, where the answer comes in the middle of the body.
api POST '/images?name=cut' -T "$tarball" -H 'Content-Type: application/x-tar' -H 'Expect:' --http1.1 --max-time 60
refused 401 unauthorized - 'an upload without the right to it is refused'
TOKEN=$TOKEN_KEPT

# -- refused before the body is taken --
api POST '/images?name=A' -T "$tarball" -H 'Content-Type: application/x-tar' -H 'Expect:' --http1.1 --limit-rate 500k --max-time 60
refused 400 - name 'a bad name is refused at the head of two minutes of upload'
api POST "/images?name=a&realm=$(printf '0%.0s' {1..24})" -T "$tarball" -H 'Content-Type: application/x-tar' -H 'Expect:' --http1.1 --limit-rate 500k --max-time 60
refused 404 not_found realm 'and a realm that does not exist'

# -- one realm does not keep all others out --
slow=()
slow_start() { # N: what it says at its end goes to a file
	rm -f "$LOGS/slow$1.end"
	curl -sk -S -o "$LOGS/slow$1" -w '%{http_code} %{errormsg}\n' --connect-to "::127.0.0.1:$PORT_HTTPS" -X POST -H "Authorization: Bearer $TOKEN" \
		-H 'Content-Type: application/x-tar' -T "$tarball" --limit-rate 100k --max-time 300 \
		"https://api.$DOMAIN/api/v1/images?name=slow&realm=$REALM" >"$LOGS/slow$1.end" 2>&1 &
	slow[$1]=$!
}
third() {
	api POST "/images?name=third&realm=$REALM" --data-binary noise -H 'Content-Type: application/x-tar'
	[ "$STATUS" = "$1" ]
}
# The third itself takes a place for a moment, and may have pushed a slow one out: that one comes again.
for _ in {1..30}; do
	for n in 1 2; do
		if [ -z "${slow[n]:-}" ] || [ -s "$LOGS/slow$n.end" ]; then slow_start $n; fi
	done
	sleep 2
	if third 503; then break; fi
done
refused 503 unavailable - 'two uploads for a realm are all that it gets: the third has to wait'
[ "$STATUS" = 503 ] || diag "the slow ones: $(cat "$LOGS"/slow? "$LOGS"/slow?.end 2>/dev/null)"
api POST '/images?name=other' --data-binary noise -H 'Content-Type: application/x-tar'
refused 400 invalid_image - 'while there is room for others'
kill "${slow[@]}" 2>/dev/null || true
wait "${slow[@]}" 2>/dev/null || true
runs 'when they are cut off, the realm has its places back' wait_until 60 third 400
rm -f "$tarball"
api POST /images --data-binary x -H 'Content-Type: application/x-tar'
refused 400 - name 'an image without a name'
for name in '' .. A 'a%20b' 'sha256:x' "$DIGEST"; do
	api POST "/images?name=$name" --data-binary x -H 'Content-Type: application/x-tar'
	refused 400 - name "an image named '$name'"
done
api POST '/images?name=x' --data-binary x -H 'Content-Type: application/json'
refused 415 unsupported_media_type - 'an image that calls itself JSON'

is "$(guard)" "$before" 'no image, nothing else is left of all this'
# Folders go in the background; the space must come back.
space_is_back() { [ "$(data_free)" -gt $((free - 20000000)) ]; }
runs 'and the disk has its space back' wait_until 60 space_is_back
diag "free before $free, after $(data_free)"
api DELETE "/images/$IMAGE_ID"
like "$STATUS" '^(204|409)$' 'the image of the other tests'
[ "$STATUS" = 409 ] || {
	api POST '/images?name=guest' -T "$O/guest.tar" -H 'Content-Type: application/x-tar' --max-time 300
	answers 201 'can be deleted and sent again'
	sed -i "s/IMAGE_ID=.*/IMAGE_ID=$(field .id)/" "$M/fixture"
}
finish
