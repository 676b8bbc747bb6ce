#!/bin/sh
# test.sh PATCHBAY: the plugin loads, and the example runs and gives the table it should.
set -eu
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" plugin info placeholder | grep '^setter placeholder '
"$1" run example.yaml --quiet --out "$folder/run"
# A line of names and one for each of 2 layers and 4 heads; every patch did something.
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "forward_max_change") at = i }
	NR > 1 && $at > 0 { n++ }
	END { print n + 0 " of " NR - 1 " cells were changed"; exit n != 8 || NR != 9 }' "$folder/run/sweeps/"*.csv
