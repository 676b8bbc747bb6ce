# one.sh NAME: one test program on the device. Its tests open and close the device hundreds of times; the preloaded
# backend stays, and with it CUDA's state, whose making takes far longer than a test.
set -eu
. tools/gpu-check.d/common.sh
log=$WORK/test-$STAGE-$1.log
begin=$(date +%s) rc=0
PB_TEST_DEVICE=cuda within 3600 env LD_PRELOAD="$BACKEND/patchbay-cuda.so" "$BUILD/tests/test_$1" >"$log" 2>&1 || rc=$?
took=$(($(date +%s) - begin))
if [ $rc = 0 ]; then
	printf '%-20s %4d s  %s\n' "$1" $took "$(tell_tests "$log")"
elif [ $rc = 124 ]; then
	printf '%-20s %4d s  out of time; %s\n' "$1" $took "$(tell_tests "$log")"
else
	printf '%-20s %4d s  exit status %d; %s\n' "$1" $took $rc "$(tell_tests "$log")"
	tell_failures "$log"
fi
[ $rc != 0 ] || echo "$1" >>"$WORK/passed-$STAGE"
[ $rc != 124 ] || [ "$STAGE" != rounds ] || rc=0 # as many as there was time for
exit $rc
