# build/lib.sh - what every script of this folder shares; sourced by bash.
# Sets: top (the tree), cache (BULKHEAD_CACHE or the user's cache folder).
# shellcheck shell=bash

# shellcheck disable=SC2034 # for the scripts that source this
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${BULKHEAD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/bulkhead}
PATH=/usr/sbin:/usr/bin:/sbin:/bin:${PATH:-}
# What we make must not depend on who runs it.
umask 022
export LC_ALL=C.UTF-8 TZ=UTC

say() { printf '%s\n' "== $*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# lock_lines LOCK: the lock without comments and empty lines.
# A line is: name version arch sha256 path size
# The path is relative to the mirror; one that begins with "security/" is relative to the security mirror.
lock_lines() { sed -e '/^#/d' -e '/^$/d' "$1"; }

# lock_id FILE...: one short name for the contents of some files.
lock_id() { cat "$@" | sha256sum | cut -c1-16; }

# Where packages come from. MIRROR and MIRROR_SECURITY name other mirrors, for instance a day of the snapshot archive; the security
# mirror is by default the one beside the mirror: .../debian/20260131T000000Z, .../debian-security/20260131T000000Z.
# shellcheck disable=SC2034
mirror=${MIRROR:-http://deb.debian.org/debian}
# shellcheck disable=SC2034
security=${MIRROR_SECURITY:-${mirror%/debian*}/debian-security${mirror#"${mirror%/debian*}"/debian}}

# stored SHA256: where the cache keeps the file of that hash.
stored() { printf '%s\n' "$cache/store/$1"; }
