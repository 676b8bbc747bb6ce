# bench.sh: the stage bench: each section by itself, so that one which fails leaves the others.
set -eu
. tools/gpu-check.d/common.sh
mkdir -p runs/bench
gcc -std=c17 -O2 -shared -fPIC -fvisibility=hidden -Icore/include tools/bench.d/batches.c \
	-o runs/bench/dataset_batches.so
set -- --device cuda --build "$BUILD"
[ -z "$PACKAGES" ] || set -- "$@" --packages "$PACKAGES"
[ -z "$QUICK" ] || set -- "$@" --quick
[ -z "$EMULATE" ] || set -- "$@" --repeats 1
[ ! -f "$WORK/model.safetensors" ] || set -- "$@" --checkpoint "$WORK/model.safetensors"
rc=0
for section in z units training; do
	sections=$section failed=0
	case $section in # PyTorch and TransformerLens start several times for the first
	z) sections='gemm z' seconds=$(($(left) / 2)) ;;
	units) seconds=$(($(left) / 2)) ;;
	training) seconds=$(left) ;;
	esac
	# shellcheck disable=SC2086
	within "$seconds" "$PYTHON" tools/bench.d/main.py $sections "$@" --figures "$WORK/figures-$section.json" \
		--out "$WORK/page-$section.md" || failed=$?
	[ $failed = 0 ] || { rc=1 && echo "$section: exit status $failed"; }
done
[ $rc != 0 ] || echo "all sections done, results agree"
exit $rc
