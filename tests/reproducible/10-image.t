#!/bin/bash
# The same commit gives the same bits: what this tree has built is built again in a copy of the tree, and every artefact compared.
# The copy differs in path, user (nobody), group, umask, time zone, locale, host name, home, number of jobs, clock (400 days on), age and
# modes of the files, and has compiled nothing before (an empty cache but for packages and kernel). The kernel is 20-kernel.t's.
# What can't be varied here: the tool root.
# REPRODUCIBLE_KEEP=1 keeps the copy in /tmp.
set -u
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

artefacts=(bin/bulkheadd bin/bulkhead-boot bin/udhcpc-event bin/bulkhead-init bin/bulkhead-unlock bin/bulkhead root.erofs kernel/microcode.cpio initramfs.cpio.zst initrd
	bulkhead.efi bulkhead.img guest.tar)

LOGS=$(realpath "$LOGS")
work=$(mktemp -d /tmp/reproducible.XXXXXX)
chmod 755 "$work"
[ -n "${REPRODUCIBLE_KEEP:-}" ] || at_exit "rm -rf $work"

one=$(realpath "$O") two=$work/another-and-much-longer-path/to/the/tree
mkdir -p "$two"
tar -c --exclude=./build/out --exclude=./.git . | tar -C "$two" -x

kernel=$(kernel/cached) || bail "there is no kernel to make images with"
mkdir -p "$work/cache" "$work/home" "$work/tmp" "$work/locale"
localedef -i de_DE -f UTF-8 "$work/locale/de_DE.UTF-8" || bail 'no German locale can be made'
ln -s "${BULKHEAD_CACHE:?}/store" "$work/cache/store"
ln -s "$BULKHEAD_CACHE/kernel" "$work/cache/kernel"
find "$two" -exec touch -h -d '2033-05-18 03:33:20' {} +
chmod -R go-rwx "$two"
chown -R nobody:nogroup "$two" "$work/cache" "$work/home"

# shellcheck disable=SC2016 # the inner shell expands
(cd "$two" && exec unshare --uts -- bash -eu -c '
	hostname somewhere.else.example
	umask 077
	epoch=$SOURCE_DATE_EPOCH path=$PATH work=$1
	shift
	exec setpriv --reuid=65534 --regid=65534 --clear-groups -- \
		env -i PATH="$path" SOURCE_DATE_EPOCH="$epoch" BULKHEAD_TOOLROOT=1 BULKHEAD_CACHE="$work/cache" J=3 \
		HOME="$work/home" USER=somebody LOGNAME=somebody TZ=Pacific/Chatham LC_ALL=de_DE.UTF-8 LOCPATH="$work/locale" NO_FAKE_STAT=1 \
		faketime -f +400d make --no-print-directory -j3 "$@"
' bash "$work" image guest >"$LOGS/second.log" 2>&1)
status=$?
ok "$status" 'all is built again, elsewhere, by another user'
[ "$status" = 0 ] || diag "$(tail -n 20 "$LOGS/second.log")"

diag "kernel: ${kernel##*/}"
for artefact in "${artefacts[@]}"; do
	a=$one/$artefact b=$two/build/out/$artefact
	if [ ! -e "$a" ] || [ ! -e "$b" ]; then
		fail "$artefact was built twice"
		continue
	fi
	read -r x _ < <(sha256sum "$a")
	read -r y _ < <(sha256sum "$b")
	if [ "$x" = "$y" ]; then
		pass "$artefact $x"
		continue
	fi
	fail "$artefact: $x then $y"
	# What was packed tells more than the package, and the first difference more than what follows from it.
	[ -z "${shown:-}" ] || continue
	shown=1
	case $artefact in
	root.erofs) a=$one/rootfs b=$two/build/out/rootfs ;;
	initramfs.cpio.zst) a=$one/initramfs b=$two/build/out/initramfs ;;
	esac
	report=$LOGS/$(basename "$artefact").diff
	compare() { timeout 300 diffoscope --exclude-directory-metadata=yes --text "$report" --max-report-size 200000 "$1" "$2" >/dev/null 2>"$LOGS/diffoscope.log"; }
	# Nothing in the folders: then it is the packing.
	compare "$a" "$b" && compare "$one/$artefact" "$two/build/out/$artefact"
	diag "$(cut -c 1-160 "$report" 2>/dev/null | head -n 40)
The whole report: $report"
done
finish
