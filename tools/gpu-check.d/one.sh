# one.sh NAME: one test program on the device, or for kernels/CASE one test case of the kernels' by itself: an error of
# CUDA's stays with a process to its end, and would fail the tests behind it too.
#
# A program's tests open and close the device hundreds of times; the preloaded backend stays, and with it CUDA's state,
# whose making takes far longer than a test.
set -eu
. tools/gpu-check.d/common.sh
log=$WORK/test-$STAGE-$(echo "$1" | tr '/ ' '--').log
begin=$(date +%s) rc=0
case $1 in
kernels/*) set -- "$1" env CK_RUN_CASE="${1#*/}" "$BUILD/tests/test_kernels" ;;
*) set -- "$1" env PB_TEST_DEVICE=cuda LD_PRELOAD="$BACKEND/patchbay-cuda.so" "$BUILD/tests/test_$1" ;;
esac
name=$1
shift
within 3600 "$@" >"$log" 2>&1 || rc=$?
took=$(($(date +%s) - begin)) result=ok why=''
case $rc in
0) ;;
124 | 137) result=LATE why='out of time; ' ;;
*)
	result=FAILED why="exit status $rc; "
	printf '%s\n' "$name:" "$(tell_failures "$log")" # at once: others print too
	;;
esac
printf '%-6s %-20s %4d s  %s%s\n' $result "$name" $took "$why" "$(tell_tests "$log")" >>"$WORK/table-$STAGE"
case $STAGE in
rounds | kernels-async) [ $result != LATE ] || rc=0 ;; # as many as there was time for
esac
exit $rc
