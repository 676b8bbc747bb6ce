# repeats.sh: the stage repeats.
set -eu
. tools/gpu-check.d/common.sh
export PBK_CUDA_TELL=1 # were graphs made and replayed?
within 3600 "$PYTHON" tools/gpu-check.d/repeats.py
