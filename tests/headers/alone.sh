#!/bin/sh
# alone.sh FOLDER LANGUAGE STANDARD COMPILER OPTION...: compiles each header in FOLDER by itself, and twice in one file.
set -u
folder=$1 language=$2 standard=$3
shift 3
failures=0
count=0
for header in "$folder"/*.h; do
	count=$((count + 1))
	printf '#include "%s"\n#include "%s"\nextern int not_empty;\n' "$header" "$header" |
		"$@" -x "$language" -std="$standard" - ||
		{ echo "$header does not compile alone as $standard"; failures=$((failures + 1)); }
done
echo "$count headers, $failures failures"
[ "$count" -gt 0 ] && [ "$failures" -eq 0 ]
