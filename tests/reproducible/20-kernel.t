#!/bin/bash
# The kernel is, bit for bit, the one that others got from the same inputs (kernel/digest). make test-reproducible, which has half an hour, compiles
# it a second time under other circumstances as well.
set -u
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

if [ -n "${REPRODUCE_KERNEL:-}" ]; then
	kernel/cached >/dev/null || bail "there is no kernel"
	trap - EXIT
	exec kernel/reproduce
fi
kernel=$(kernel/cached) || bail "there is no kernel"
recorded() { sed -n "s/^\([0-9a-f]*\)  $1\$/\1/p" kernel/digest; }
is "$(recorded inputs)" "$(kernel/hash)" 'kernel/digest is of these inputs (if not: make test-reproducible compiles twice and records)'
for f in bzImage config; do
	read -r sum _ < <(sha256sum "$kernel/$f")
	is "$sum" "$(recorded "$f")" "$f is what was recorded"
done
finish
