# build.sh: the stage build.
set -eu
. tools/gpu-check.d/common.sh
. tools/gpu-check.d/tests.sh
cat "$WORK/setup.log"
cuda=enabled
[ -z "$EMULATE" ] || cuda=disabled
if [ -f "$BUILD/build.ninja" ]; then
	meson configure "$BUILD" -Dcuda=$cuda
else
	rm -rf "$BUILD/meson-private" "$BUILD/meson-info" # of a setup that failed
	meson setup "$BUILD" -Dcuda=$cuda
fi
ninja -C "$BUILD" -t targets all | sed 's/:.*//' >"$WORK/targets"
wanted=program rc=0
# shellcheck disable=SC2046,SC2086
for target in "${BACKEND#"$BUILD"/}/patchbay-cuda.so" tests/test_kernels $(printf 'tests/test_%s ' $on_device); do
	if grep -qxF "$target" "$WORK/targets"; then
		wanted="$wanted $target"
	else
		echo "there is no $target to build"
		rc=1
	fi
done
# Again where something fails: then nothing but that is left to try, and its errors are the last that is said.
# shellcheck disable=SC2086
ninja -C "$BUILD" -k 0 $wanted || ninja -C "$BUILD" -k 0 $wanted || rc=1
exit $rc
