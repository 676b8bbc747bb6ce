# kernels.sh: the stage kernels: every test case while the host waits for each launch, so that an error is told where it
# was made, and once more in the order that everything else runs in.
set -eu
. tools/gpu-check.d/common.sh
with_kernels
cases() {
	sed -n 's/.*tcase_create("\(.*\)").*/kernels\/\1/p' tests/kernels/test_*.c | grep -v '/backend$'
}
rc=0
cases | CUDA_LAUNCH_BLOCKING=1 in_parallel kernels one.sh || rc=$?
if [ "$(left)" -ge 10 ]; then
	cases | in_parallel kernels-async one.sh >"$WORK/kernels-async.log" || rc=$?
	grep -v '^ok' "$WORK/kernels-async.log" || :
	echo "not waiting for launches: $(tell_table kernels-async cases); $(tell_tests "$WORK"/test-kernels-async-*.log)"
else
	echo "not waiting for launches: there was no time for it"
fi
echo "waiting for each: $(tell_table kernels cases); $(tell_tests "$WORK"/test-kernels-kernels-*.log)"
exit $rc
