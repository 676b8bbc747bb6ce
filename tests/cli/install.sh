#!/bin/sh
# install.sh BUILD MESON COMPILER...: installs BUILD into a folder of its own; then builds and runs the installed
# examples and what `patchbay plugin new` writes against it, as their authors would: by the gcc line and by meson.
set -eu
build=$(cd "$1" && pwd) meson=$2 source=$(cd "$(dirname "$0")/../.." && pwd)
shift 2
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
unset PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR DESTDIR
export XDG_DATA_HOME=/nowhere

fail() {
	echo "$*" >&2
	exit 1
}

# Runs a command whose output goes to `out`, and shows it if that fails; `says TEXT` then looks for a line in it.
try() {
	"$@" >"$stage/out" 2>&1 || { cat "$stage/out" >&2; fail "failed: $*"; }
}
says() {
	grep -qF -- "$1" "$stage/out" || { cat "$stage/out" >&2; fail "there is no \"$1\" in what it said"; }
}

DESTDIR=$stage/root "$meson" install -C "$build" --no-rebuild --quiet >"$stage/out" 2>&1 || {
	cat "$stage/out" >&2
	fail "meson install failed"
}
pc=$(find "$stage/root" -name patchbay.pc)
[ -f "$pc" ] || fail "there is no patchbay.pc, or more than one"
prefix=$(sed -n 's/^prefix=//p' "$pc")
plugins=$(PKG_CONFIG_PATH=${pc%/*} pkg-config --variable=plugindir patchbay)
# What is staged lies below another prefix.
sed -i "s|^prefix=.*|prefix=$stage/root$prefix|" "$pc"
export PKG_CONFIG_PATH="${pc%/*}"
patchbay=$(pkg-config --variable=program patchbay)
templates=$(pkg-config --variable=templatedir patchbay)
PATCHBAY_PLUGIN_PATH=$(pkg-config --variable=plugindir patchbay)
export PATCHBAY_PLUGIN_PATH
for file in "$patchbay" "$PATCHBAY_PLUGIN_PATH/setter_zero.so" "$templates/dataset/placeholder.c"; do
	[ -f "$file" ] || fail "not installed: $file"
done
share=$stage/root$prefix/share
for file in man/man1/patchbay.1 man/man5/patchbay.yaml.5 bash-completion/completions/patchbay.bash \
	zsh/site-functions/_patchbay patchbay/patchbay.schema.json; do
	[ -s "$share/$file" ] || fail "not installed: share/$file"
done
if grep -rl "$build" "$pc" "$templates" "$share"; then fail "these name the build folder"; fi
# An installed program looks in the installed folder, and never in the build's.
try "$patchbay" plugin list
says "  $plugins ("
if grep -qF "$build" "$stage/out"; then fail "the installed program looks in $build"; fi

# plain KIND NAME PARAMETERS COMPILER...: one line builds it, in the current folder, it passes the checks and the example
# runs.
plain() {
	kind=$1 name=$2 params=$3
	shift 3
	# shellcheck disable=SC2046
	try "$@" -shared -fPIC -fvisibility=hidden $(pkg-config --cflags patchbay) "$name.c" -o "${kind}_$name.so" -lm
	try "$patchbay" plugin check "${kind}_$name.so" --params "$params"
	says " 0 failed, "
	try env PATCHBAY_PLUGIN_PATH=".:$PATCHBAY_PLUGIN_PATH" "$patchbay" run example.yaml --out run
	says "Report: run/report.html"
}

cp -r "${templates%/template}/examples" "$stage/examples"
cd "$stage/examples/steering" && plain setter steering "file: vector.txt" "$@"
says "activation patching of resid_pre by steering"
cd ../low_rank && plain setter low_rank "file: directions.txt" "$@"
says "gradient patching of resid_pre by low_rank"
cd ../kl_divergence && plain metric kl_divergence "{}" "$@"
says "after the corrupted update (kl_divergence "
cd ../tokens_table && plain dataset tokens_table "{file: table.csv, length: 3}" "$@"
says "accuracy clean 1"
# A mistake is told with the file and the place.
echo "1 2 three" >../steering/vector.txt
cd ../steering
try env PATCHBAY_PLUGIN_PATH=".:$PATCHBAY_PLUGIN_PATH" sh -c '! "$0" check example.yaml' "$patchbay"
says 'vector.txt: value 3 is no number: `three'

# A setter of one's own is one file of 40 lines at most, comments aside, and one line of YAML.
cp -r "$source/tests/cli/smallest" "$stage/smallest"
cd "$stage/smallest"
lines=$(gcc -fpreprocessed -dD -E -P negate.c | grep -c .)
[ "$lines" -le 40 ] || fail "negate.c has $lines lines"
plain setter negate "{}" "$@" && says "gradient patching of z by negate"

# with_meson FOLDER: builds it and runs its two tests.
with_meson() {
	cd "$1"
	try "$meson" setup build
	try "$meson" test -C build
	grep -q "Ok: *2 *$" "$stage/out" || { cat "$stage/out" >&2; fail "not both tests of $1 ran"; }
}

with_meson "$stage/examples/kl_divergence"
for kind in setter metric dataset; do
	cd "$stage"
	try "$patchbay" plugin new "$kind" "my_$kind" --dir "new projects"
	says "meson setup build"
	with_meson "$stage/new projects/my_$kind"
	cp "$stage/new projects/my_$kind/build/${kind}_my_$kind.so" "$stage"
	if grep -rl placeholder --exclude-dir=build .; then fail "these name the placeholder"; fi
done
cd "$stage/new projects/my_setter" && plain setter my_setter "{}" "$@"
try "$meson" install -C build
[ -f "$PATCHBAY_PLUGIN_PATH/setter_my_setter.so" ] || fail "the project's own installation puts its plugin elsewhere"
echo "installed into a folder, four examples, the smallest setter and three new projects built there and run"
