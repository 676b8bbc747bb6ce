# study.sh: the stage study: the seed study whole. Its folder, without weights, goes with the logs.
set -eu
. tools/gpu-check.d/common.sh
config=configs/oocl-120.yaml
set --
if [ -n "$EMULATE" ]; then
	config=configs/quickstart.yaml
	set -- --set model.n_layers=1 --set train.0.epochs=1 --set train.1.epochs=1 --set train.2.epochs=1
fi
begin=$(date +%s) rc=0
within 3600 "$BUILD/core/patchbay" run $config --device cuda --quiet --out "$WORK/study" "$@" || rc=$?
echo "$config: $(($(date +%s) - begin)) s, exit status $rc"
exit $rc
