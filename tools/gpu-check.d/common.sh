# common.sh: sourced by the stages of gpu-check.

# What runs has a process group of its own, which a signal to the stage does not reach.
running=''
stop() {
	[ -z "$running" ] || kill "$running" 2>/dev/null || :
	exit 143
}
trap stop TERM INT

# Seconds until the stage has to end.
left() {
	echo $((DEADLINE - $(date +%s) - 4))
}

# within SECONDS COMMAND...: for as long at most, and not past the stage's end; 124 when that is over.
within() {
	seconds=$1
	shift
	[ "$(left)" -ge "$seconds" ] || seconds=$(left)
	[ "$seconds" -gt 0 ] || return 124
	timeout -k 3 "$seconds" "$@" &
	running=$!
	wait "$running"
}

# in_parallel STAGE SCRIPT: a call of the script for each line of the input, some at a time: each waits for the device most
# of its time. What they print comes at once, their lines of $WORK/table-STAGE at the end, those of failures first.
in_parallel() {
	STAGE=$1
	export STAGE
	failed=0
	xargs -P "$JOBS" -I '{}' sh "tools/gpu-check.d/$2" '{}' || failed=1
	LC_ALL=C sort "$WORK/table-$1"
	return $failed
}

# tell_table STAGE WHAT: how many lines of its table are of what passed.
tell_table() {
	awk -v what="$2" '/^ok /{ok++} END{printf "%d of %d %s passed\n", ok, NR, what}' "$WORK/table-$1"
}

# tell_tests FILE...: how many tests of some programs passed.
tell_tests() {
	awk '/^ok /{ok++} /^not ok /{bad++} END{printf "%d tests passed, %d failed\n", ok, bad}' "$@"
}

# tell_failures FILE: some of those that failed, and the last line where it is no test's.
tell_failures() {
	grep '^not ok' "$1" | head -n 3 || :
	tail -n 1 "$1" | grep -v '^1\.\.\|^ok \|^not ok ' || :
}

# What test_kernels runs with. Its operands are in memory that the host reaches too: managed, or the host's own where not
# one test passes with that.
with_kernels() {
	export PB_TEST_BACKEND="$BACKEND/patchbay-cuda.so" PBK_CUDA_MANAGED=1
	CK_RUN_CASE=windows within 30 "$BUILD/tests/test_kernels" >"$WORK/managed.log" 2>&1 || :
	if ! grep -q '^ok ' "$WORK/managed.log"; then
		echo "no test passes with managed memory; operands are in the host's"
		tail -n 3 "$WORK/managed.log"
		export PBK_CUDA_MANAGED=host
	fi
}

JOBS=$(nproc)
[ "$JOBS" -le 6 ] || JOBS=6

# The environment of tests/meson.build.
export PATCHBAY_BUILD="$BUILD" PATCHBAY_SOURCE="$PWD" PATCHBAY_PLUGIN_PATH="$BUILD/plugins"
export PATCHBAY_BACKEND_PATH="$BACKEND" GOMP_SPINCOUNT=1000 CK_FORK=no
