# sanitizer.sh: the stage sanitizer: test cases of the kernels, each with each tool, as far as its share of the time goes.
set -eu
. tools/gpu-check.d/common.sh
command -v compute-sanitizer >/dev/null || export PATH="$PATH:/usr/local/cuda/compute-sanitizer"
if ! command -v compute-sanitizer; then
	echo "there is no compute-sanitizer here"
	exit 77
fi
with_kernels
cases() {
	printf '%s\n' step sweep grad backward
	[ -n "$QUICK" ] || printf '%s\n' nd gemm 'gemm rows' rows
}
cases | while read -r case; do
	printf "%s/$case\n" memcheck racecheck synccheck
done >"$WORK/checks"
SHARE=$(($(left) * JOBS / $(wc -l <"$WORK/checks")))
[ "$SHARE" -ge 20 ] || SHARE=20
export SHARE
in_parallel sanitizer checked.sh <"$WORK/checks" || :
tell_table sanitizer checks
! grep -q '^FAILED' "$WORK/table-sanitizer" || exit 1
grep -q '^ok' "$WORK/table-sanitizer" || exit 77
