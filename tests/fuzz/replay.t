#!/bin/bash
# Every fuzz target eats its whole corpus, under ASan and UBSan.
set -eu
. tests/lib/tap.sh

for target in "$O"/tests/fuzz/fuzz_*; do
	[ -x "$target" ] || bail "no fuzz target is built: make units"
	noun=${target##*/fuzz_}
	files=(tests/fuzz/corpus/"$noun"/*)
	if "$target" "${files[@]}" >"$LOGS/$noun" 2>&1; then
		is "$(grep -c '^ok' "$LOGS/$noun")" "${#files[@]}" "$noun: ${#files[@]} inputs"
	else
		ok 1 "$noun: ${#files[@]} inputs"
		diag "$(tail -n 40 "$LOGS/$noun")"
	fi
done
finish
