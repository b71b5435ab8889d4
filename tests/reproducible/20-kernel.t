#!/bin/bash
# The kernel, compiled twice, is the same bit for bit. Half an hour on two cores, so once for each set of inputs: in CI, and when
# asked for (make test-reproducible); kernel/reproduce then remembers in the cache.
set -u
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

kernel/cached >/dev/null || bail "there is no kernel"
if kernel/reproduce known || [ -n "${CI:-}${REPRODUCE_KERNEL:-}" ]; then
	trap - EXIT
	exec kernel/reproduce
fi
skip_all "this kernel was not compiled a second time yet: make test-reproducible does"
