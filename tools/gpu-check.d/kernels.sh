# kernels.sh: the stage kernels. Operands are in memory that the host reaches too.
set -eu
. tools/gpu-check.d/common.sh
rc=0
PB_TEST_BACKEND="$BACKEND/patchbay-cuda.so" PBK_CUDA_MANAGED=1 CUDA_LAUNCH_BLOCKING=1 \
	within 3600 "$BUILD/tests/test_kernels" >"$WORK/test-kernels.log" 2>&1 || rc=$?
tell_failures "$WORK/test-kernels.log"
tell_tests "$WORK/test-kernels.log"
exit $rc
