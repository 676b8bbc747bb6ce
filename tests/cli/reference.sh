#!/bin/sh
# reference.sh BUILD: docs/experiment-file.md and docs/plugins.md are what the program says today.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$source/tools/reference" "$1" "$folder"
for name in experiment-file plugins; do
	diff -u "$source/docs/$name.md" "$folder/$name.md" || {
		echo "docs/$name.md is not what the program says; write it anew: tools/reference" >&2
		exit 1
	}
done
