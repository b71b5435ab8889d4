# shellcheck shell=bash
# tests/lib/tap.sh - a test in bash speaks TAP with these. Source it, call what follows, end with finish.
# The exit status of a test agrees with its lines: 0 only if every line was ok and finish was reached.
#
#   ok STATUS TEXT            ok if STATUS is 0
#   pass TEXT, fail TEXT
#   is GOT WANTED TEXT        equal strings
#   isnt GOT UNWANTED TEXT
#   like GOT REGEX TEXT       extended regex somewhere in GOT
#   unlike GOT REGEX TEXT
#   cmp_ok A -lt B TEXT       numbers, with a comparison of test(1)
#   runs TEXT COMMAND...      ok if COMMAND succeeds; its output is shown if not
#   refuses TEXT COMMAND...   ok if COMMAND fails
#   skip COUNT WHY            COUNT tests that cannot run here
#   skip_all WHY              the whole file; ends it
#   bail WHY                  nothing further makes sense, in any file: ends prove
#   give_up WHY               nothing further makes sense in this file
#   diag TEXT                 for a person, many lines allowed
#   finish                    prints the plan and ends
#   at_exit COMMAND           runs COMMAND at the end, however it comes; the last one first

TAP_COUNT=0 TAP_FAILED=0 TAP_FINISHED=0 TAP_AT_EXIT=()

# LOGS is set by tests/lib/one; by hand, a test makes its own.
if [ -z "${LOGS:-}" ]; then
	export O=${O:-build/out}
	LOGS=$O/tests/logs/by-hand-$(basename "$0" .t)
	export LOGS
	mkdir -p "$LOGS"
fi

diag() { printf '%s\n' "$*" | sed 's/^/# /' >&2; }

ok() { # STATUS TEXT
	TAP_COUNT=$((TAP_COUNT + 1))
	if [ "$1" -eq 0 ]; then
		printf 'ok %d - %s\n' "$TAP_COUNT" "$2"
		return 0
	fi
	TAP_FAILED=$((TAP_FAILED + 1))
	printf 'not ok %d - %s\n' "$TAP_COUNT" "$2"
	diag "failed: $2 (${BASH_SOURCE[-1]##*/} line ${BASH_LINENO[-2]})"
	return 0
}
pass() { ok 0 "$1"; }
fail() { ok 1 "$1"; }

is() { # GOT WANTED TEXT
	if [ "$1" = "$2" ]; then ok 0 "$3"; else
		ok 1 "$3"
		diag "     got: $1"
		diag "expected: $2"
	fi
}
isnt() { # GOT UNWANTED TEXT
	if [ "$1" != "$2" ]; then ok 0 "$3"; else
		ok 1 "$3"
		diag "got what must not be: $1"
	fi
}
like() { # GOT REGEX TEXT
	if [[ $1 =~ $2 ]]; then ok 0 "$3"; else
		ok 1 "$3"
		diag "     got: $1"
		diag "to match: $2"
	fi
}
unlike() { # GOT REGEX TEXT
	if [[ ! $1 =~ $2 ]]; then ok 0 "$3"; else
		ok 1 "$3"
		diag "         got: $1"
		diag "not to match: $2"
	fi
}
cmp_ok() { # A OPERATOR B TEXT
	if test "$1" "$2" "$3" 2>/dev/null; then ok 0 "$4"; else
		ok 1 "$4"
		diag "does not hold: $1 $2 $3"
	fi
}
runs() { # TEXT COMMAND...
	local text=$1 output status=0
	shift
	output=$("$@" 2>&1) || status=$?
	ok "$status" "$text"
	[ "$status" = 0 ] || diag "'$*' ended with $status: $output"
}
refuses() { # TEXT COMMAND...
	local text=$1 output status=0
	shift
	output=$("$@" 2>&1) || status=$?
	if [ "$status" != 0 ]; then ok 0 "$text"; else
		ok 1 "$text"
		diag "'$*' succeeded: $output"
	fi
}
skip() { # COUNT WHY
	local n
	for ((n = 0; n < $1; n++)); do
		TAP_COUNT=$((TAP_COUNT + 1))
		printf 'ok %d # SKIP %s\n' "$TAP_COUNT" "$2"
	done
}
skip_all() {
	if [ -n "${NOSKIP:-}" ]; then
		fail "skipped: $1"
		finish
	fi
	printf '1..0 # SKIP %s\n' "$1"
	TAP_FINISHED=1
	exit 0
}
bail() {
	printf 'Bail out! %s\n' "$1"
	exit 1
}
give_up() {
	fail "$1"
	finish
}
finish() {
	printf '1..%d\n' "$TAP_COUNT"
	TAP_FINISHED=1
	[ "$TAP_FAILED" = 0 ] && exit 0
	exit 1
}

at_exit() { TAP_AT_EXIT=("$1" "${TAP_AT_EXIT[@]}"); }
tap_end() {
	local status=$? command
	trap - EXIT
	set +e
	for command in "${TAP_AT_EXIT[@]}"; do
		eval "$command"
	done
	if [ "$TAP_FINISHED" = 0 ]; then
		diag "the test ended early (status $status) after $TAP_COUNT checks, near ${BASH_SOURCE[-1]##*/} line ${BASH_LINENO[-2]:-?}"
		[ "$status" != 0 ] || status=1
	fi
	exit "$status"
}
trap tap_end EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
