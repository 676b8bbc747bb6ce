# engines.sh: the stage engines.
set -eu
. tools/gpu-check.d/common.sh
. tools/gpu-check.d/tests.sh
export PB_TEST_FEW=1
rc=0
# shellcheck disable=SC2086
printf '%s\n' $on_device | in_parallel engines one.sh || rc=$?
tell_table engines programs
exit $rc
