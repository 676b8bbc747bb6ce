# engines.sh: the stage engines. Some programs at a time: each waits for the device most of its time.
set -eu
. tools/gpu-check.d/tests.sh
jobs=$(nproc) rc=0
[ "$jobs" -le 6 ] || jobs=6
export PB_TEST_FEW=1 STAGE=engines
# shellcheck disable=SC2086
printf '%s\n' $on_device | xargs -P "$jobs" -n 1 sh tools/gpu-check.d/one.sh || rc=$?
# shellcheck disable=SC2086
echo "$(sort "$WORK/passed-engines" 2>/dev/null | wc -l) of $(echo $on_device | wc -w) programs passed"
exit $rc
