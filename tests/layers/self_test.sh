#!/bin/sh
# self_test.sh: layers.sh passes a good tree and finds each planted offender.
set -eu
layers=$(dirname "$0")/layers.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

put() { # FILE LINE...
	mkdir -p "$tree/$(dirname "$1")"
	file=$1
	shift
	printf '%s\n' "$@" > "$tree/$file"
}

# The place of a planted line must be printed, and nothing but it.
plant() { # FILE LINE
	held=
	[ -f "$tree/$1" ] && held=$(cat "$tree/$1")
	mkdir -p "$tree/$(dirname "$1")"
	printf '/* a comment */\n%s\n' "$2" > "$tree/$1"
	if out=$(sh "$layers" "$tree" 2>&1); then
		echo "not found: $2 in $1"
		failures=$((failures + 1))
	elif [ "$(echo "$out" | wc -l)" -ne 2 ] || ! echo "$out" | grep -q "^$1:2: "; then
		echo "wrong report of $2 in $1: $out"
		failures=$((failures + 1))
	fi
	rm "$tree/$1"
	[ -z "$held" ] || printf '%s\n' "$held" > "$tree/$1"
}

put core/meson.build "core_src = []" "foreach folder : ['base', 'tensor', 'hook', 'model', 'optim', 'exp']"
put core/include/patchbay/view.h '#include <stdint.h>'
put core/include/patchbay/setter.h '#include "view.h"'
put core/base/text.h '#include <unistd.h>' '#include <patchbay/view.h>'
put core/base/text.c '#include "base/text.h"' '#  include <yaml.h>'
put core/tensor/tensor.c '#include "kernels.h"' '#include "base/text.h"'
put core/exp/run.c '#include "model/model.h"' '#include "exp/plan.h" /* "../x" */'
put kernels/kernels.h '#include <stddef.h>'
put kernels/cpu/real.h '#include "kernels.h"'
put kernels/cpu/gemm.c '#include "real.h"' '#include "cpu/real.h"' '#include <omp.h>'
put plugins/setter/replace.h '#include <patchbay/setter.h>'
put plugins/setter/layer.c '#include "replace.h"' '#include <math.h>'

sh "$layers" "$tree" || { echo "a good tree does not pass"; failures=$((failures + 1)); }

plant core/include/patchbay/bad.h '#include <unistd.h>'
plant core/include/patchbay/bad.h '#include "base/text.h"'
plant core/include/patchbay/bad.h '#include "absent.h"'
plant core/base/bad.c '#include "exp/plan.h"'
plant core/base/bad.h '#include "tensor/tensor.h"'
plant core/tensor/bad.c '#include <hook/bus.h>'
plant core/base/bad.c '#include "kernels.h"'
plant core/hook/bad.c '#include "kernels.h"'
plant core/exp/bad.c ' #  include  <kernels/kernels.h>'
plant core/base/bad.c '#include "text.h"'
plant core/hook/bad.c '#include "../base/text.h"'
plant core/stray/bad.c '#include "base/text.h"'
plant core/hook/bad.c '#include HEADER'
plant kernels/cpu/bad.c '#include "base/text.h"'
plant kernels/cpu/bad.c '#include <patchbay/view.h>'
plant kernels/cpu/bad.cu '#include <model/model.h>'
plant plugins/setter/bad.c '#include "base/text.h"'
plant plugins/setter/bad.c '#include <base/text.h>'
plant plugins/metric/bad.c '#include "replace.h"'
plant plugins/setter/bad.c '#include "../../core/base/text.h"'
plant plugins/setter/bad.c '#include "kernels.h"'

put core/meson.build 'core_src = []'
if sh "$layers" "$tree" > /dev/null 2>&1; then
	echo "a build file without an order passes"
	failures=$((failures + 1))
fi
[ "$failures" -eq 0 ] && echo "all planted offenders were found"
exit "$failures"
