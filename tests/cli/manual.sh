#!/bin/sh
# manual.sh BUILD: the manual pages have all commands, options and keys, and are formatted without a warning.
set -eu
export LC_ALL=C
patchbay=$(cd "$1" && pwd)/core/patchbay
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"$patchbay" manual >patchbay.1
"$patchbay" keys --format man >patchbay.yaml.5

# has PAGE TEXT
has() {
	grep -qF -- "$2" "$1" || { echo "$1 does not have \"$2\"" >&2; exit 1; }
}
for command in run train check keys hooks inspect convert plugin 'plugin list' 'plugin info' completion manual; do
	has patchbay.1 ".SS patchbay $command"
done
has patchbay.1 '.B \-\-plugin\-time SECONDS'
has patchbay.1 PATCHBAY_PLUGIN_PATH
has patchbay.yaml.5 '\fBbatch_size\fR (int, 1 .. 1048576, in examples; default 128)'
has patchbay.yaml.5 '.SH SWEEPS'
command -v groff >/dev/null 2>&1 || exit 77
for page in *.[15]; do
	groff -man -Tutf8 -ww "$page" >"$page.txt" 2>"$page.err"
	[ ! -s "$page.err" ] || { cat "$page.err" >&2; exit 1; }
	[ "$(wc -l <"$page.txt")" -gt 100 ] || { echo "$page is short" >&2; exit 1; }
done
echo "two pages, formatted without a warning"
