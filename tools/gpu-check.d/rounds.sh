# rounds.sh: the stage rounds.
set -eu
. tools/gpu-check.d/tests.sh
export STAGE=rounds
rc=0
[ -z "$EMULATE" ] || export PB_TEST_FEW=1
# shellcheck disable=SC2086
printf '%s\n' $in_rounds | xargs -P 3 -n 1 sh tools/gpu-check.d/one.sh || rc=$?
# shellcheck disable=SC2086
echo "$(sort "$WORK/passed-rounds" 2>/dev/null | wc -l) of $(echo $in_rounds | wc -w) programs passed in time"
exit $rc
