# sanitizer.sh: the stage sanitizer: test cases of the kernels, as many as there is time for. What was stopped by the
# time counts as well where nothing had been found.
set -eu
. tools/gpu-check.d/common.sh
command -v compute-sanitizer >/dev/null || PATH=$PATH:/usr/local/cuda/compute-sanitizer
if ! command -v compute-sanitizer; then
	echo "there is no compute-sanitizer here"
	exit 77
fi
export PB_TEST_BACKEND="$BACKEND/patchbay-cuda.so" PBK_CUDA_MANAGED=1
cases="step sweep grad backward"
[ -n "$QUICK" ] || cases="$cases nd gemm rows"

check() { # TOOL CASE
	log="$WORK/sanitizer-$1-$2.log" found=0
	CK_RUN_CASE=$2 within 60 compute-sanitizer --tool "$1" --error-exitcode 9 "$BUILD/tests/test_kernels" >"$log" 2>&1 ||
		found=$?
	if grep -q 'Device not supported' "$log"; then
		echo "$1: compute-sanitizer does not support this device"
		return 77
	fi
	errors=$(grep -c '^=========.*\(Error\|Invalid\|Race reported\|Barrier error\)' "$log" || :)
	case $found in
	0) echo "$1, $2: nothing found; $(tell_tests "$log")" ;;
	124 | 137)
		echo "$1, $2: stopped by the time; $errors found until then"
		[ "$errors" = 0 ]
		;;
	*)
		echo "$1, $2: exit status $found"
		grep '^=========' "$log" | head -n 12
		return 1
		;;
	esac
}

run() { # TOOL
	bad=0
	trap stop TERM INT
	for case in $cases; do
		failed=0
		check "$1" "$case" || failed=$?
		[ $failed != 77 ] || return 77
		[ $failed = 0 ] || bad=1
	done
	return $bad
}

# All at once: each is slow by itself.
run memcheck >"$WORK/sanitizer-memcheck.log" &
memcheck=$!
run racecheck >"$WORK/sanitizer-racecheck.log" &
racecheck=$!
run synccheck >"$WORK/sanitizer-synccheck.log" &
synccheck=$!
rc=0
for process in $memcheck $racecheck $synccheck; do
	failed=0
	wait "$process" || failed=$?
	[ $failed = 0 ] || rc=$failed
done
cat "$WORK/sanitizer-memcheck.log" "$WORK/sanitizer-racecheck.log" "$WORK/sanitizer-synccheck.log"
exit $rc
