# roofline.sh: the stage roofline. The bench before it knows how fast PyTorch multiplies.
set -eu
. tools/gpu-check.d/common.sh
peak=$("$PYTHON" -c 'import json, sys; print(round(json.load(open(sys.argv[1]))["gemm"]["peak"]))' \
	"$WORK/figures-z.json" 2>/dev/null) || peak=''
[ -z "$peak" ] || [ -n "$EMULATE" ] || export PB_BENCH_PEAK="$peak"
[ -z "$EMULATE" ] || export PB_BENCH_SMALL=1
rc=0
PB_BENCH=1 PB_TEST_BACKEND="$BACKEND/patchbay-cuda.so" within 3600 "$BUILD/tests/test_kernels" \
	>"$WORK/roofline.md" || rc=$?
echo "$(grep -c '^|' "$WORK/roofline.md") lines of tables"
exit $rc
