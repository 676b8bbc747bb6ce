#!/bin/sh
# layers.sh SOURCE_ROOT: polices who may include whom and prints every offender as FILE:LINE.
#
#   core/include/patchbay   the C library and itself
#   kernels                 itself and libraries, nothing of core or plugins
#   core/X                  folders up to X in the order of core/meson.build, and core/include; kernels.h and backend.h only
#                           from tensor, tape, model and optim
#   plugins                 core/include/patchbay, files of their own folder and libraries
set -eu
cd "$1"
order=$(sed -n "s/^foreach folder : \[\(.*\)\]\$/\1/p" core/meson.build | tr -d "',")
[ -n "$order" ] || { echo "core/meson.build does not list core's folders any more" >&2; exit 2; }

find core kernels plugins -type f \( -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' -o -name '*.in' \) | LC_ALL=C sort |
xargs grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null |
awk -v order="$order" '
BEGIN {
	n = split(order, folders, " ")
	for (i = 1; i <= n; i++)
		rank[folders[i]] = i
	n = split("assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign " \
		"stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar " \
		"wchar wctype", names, " ")
	for (i = 1; i <= n; i++)
		c_library[names[i] ".h"] = 1
	split("tensor tape model optim", names, " ")
	for (i in names)
		may_kernels[names[i]] = 1
}
function exists(path,    line, rc) {
	rc = (getline line < path)
	close(path)
	return rc >= 0
}
function offend(why) {
	print where ": " shown ": " why
	offenders++
}
{
	split($0, part, ":")
	file = part[1]
	where = part[1] ":" part[2]
	text = substr($0, length(where) + 2)
	sub(/^[ \t]*#[ \t]*include[ \t]*/, "", text)
	quoted = substr(text, 1, 1) == "\""
	if (!quoted && substr(text, 1, 1) != "<") {
		shown = text
		offend("write the name of the file out")
		next
	}
	name = substr(text, 2)
	sub(/[">].*/, "", name)
	shown = quoted ? "\"" name "\"" : "<" name ">"
	folder = file
	sub(/\/[^\/]*$/, "", folder)
	first = name
	sub(/\/.*/, "", first)
	split(file, dir, "/")
	inner = (first in rank) && first != name
	kernels = name ~ /(^|\/)(kernels|backend)\.h$/ || first == "kernels"

	if (name ~ /(^|\/)\.\.?(\/|$)/ || name ~ /^\//)
		offend("no paths up the tree")
	else if (file ~ /^core\/include\//) {
		if (quoted ? !exists(folder "/" name) : !(name in c_library))
			offend("a public header may include the C library and its neighbours only")
	} else if (dir[1] == "kernels") {
		if (inner || first == "patchbay" || (quoted && !exists(folder "/" name) && !exists("kernels/" name)))
			offend("kernels may include only kernels")
	} else if (dir[1] == "plugins") {
		if (inner || kernels || (quoted && !exists(folder "/" name)))
			offend("a plugin may include only <patchbay/...> and files of its own folder")
	} else if (!(dir[2] in rank)) {
		offend("core/" dir[2] " has no place in the order of core/meson.build")
	} else if (kernels) {
		if (!(dir[2] in may_kernels))
			offend("the kernels are for tensor, tape, model and optim only")
	} else if (inner) {
		if (rank[first] > rank[dir[2]])
			offend("core/" dir[2] " comes before core/" first)
	} else if (quoted)
		offend("write \"folder/file.h\", or <patchbay/file.h>")
}
END {
	if (offenders) {
		print offenders " offender(s)"
		exit 1
	}
}'
