# checked.sh TOOL/CASE: a test case of the kernels with one of compute-sanitizer's tools. What was stopped by the time counts
# as well, where some of it was done and nothing had been found.
set -eu
. tools/gpu-check.d/common.sh
tool=${1%/*} case=${1#*/} begin=$(date +%s) found=0
log=$WORK/test-sanitizer-$tool-$(echo "$case" | tr ' ' '-').log

conclude() { # RESULT TEXT
	printf '%-7s %-20s %4d s  %s\n' "$1" "$tool/$case" $(($(date +%s) - begin)) "$2" >>"$WORK/table-sanitizer"
	exit 0
}

[ "$(left)" -ge 20 ] || conclude skipped "no time was left"
CK_RUN_CASE=$case within "$SHARE" compute-sanitizer --tool "$tool" --error-exitcode 9 "$BUILD/tests/test_kernels" \
	>"$log" 2>&1 || found=$?
! grep -q 'Device not supported' "$log" || conclude skipped "compute-sanitizer does not support this device"
errors=$(grep -c '^=========.*\(Error\|Invalid\|Race reported\|Barrier error\)' "$log" || :)
tests=$(tell_tests "$log")
if grep -q '^ok ' "$log"; then
	case $found-$errors in
	0-*) conclude ok "nothing found; $tests" ;;
	124-0 | 137-0) conclude ok "nothing found until its time was up; $tests" ;;
	esac
fi
report=$(grep '^=========' "$log" | head -n 12 || :)
printf '%s\n' "$tool/$case:" "$report" "$(tell_failures "$log")"
conclude FAILED "exit status $found, $errors found; $tests"
