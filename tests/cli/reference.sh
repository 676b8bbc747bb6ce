#!/bin/sh
# reference.sh BUILD: docs/experiment-file.md, plugins.md and patchbay.schema.json are what the program says today.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$source/tools/reference" "$1" "$folder"
for name in experiment-file.md plugins.md patchbay.schema.json; do
	diff -u "$source/docs/$name" "$folder/$name" || {
		echo "docs/$name is not what the program says; write it anew: tools/reference" >&2
		exit 1
	}
done
