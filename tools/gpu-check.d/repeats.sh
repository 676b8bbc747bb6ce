# repeats.sh: the stage repeats.
set -eu
. tools/gpu-check.d/common.sh
within 3600 "$PYTHON" tools/gpu-check.d/repeats.py
