# rounds.sh: the stage rounds.
set -eu
. tools/gpu-check.d/common.sh
. tools/gpu-check.d/tests.sh
[ -z "$EMULATE" ] || export PB_TEST_FEW=1
rc=0
# shellcheck disable=SC2086
printf '%s\n' $in_rounds | in_parallel rounds one.sh || rc=$?
# shellcheck disable=SC2086
echo "$(grep -c '^ok' "$WORK/table-rounds") of $(echo $in_rounds | wc -w) programs passed in time"
exit $rc
