# rounds.sh: the stage rounds.
set -eu
. tools/gpu-check.d/common.sh
. tools/gpu-check.d/tests.sh
[ -z "$EMULATE" ] || export PB_TEST_FEW=1
rc=0
# shellcheck disable=SC2086
printf '%s\n' $in_rounds | in_parallel rounds one.sh || rc=$?
tell_table rounds programs
exit $rc
