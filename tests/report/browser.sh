#!/bin/sh
# browser.sh MAKE_EXAMPLE: opens example reports in headless Chromium, uses them as a reader would (page/*.js) and reads
# from the page what came of it. Without Chromium it is skipped.
set -eu
make_example=$1 source=$(cd "$(dirname "$0")" && pwd)
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
	echo "no chromium: skipped"
	exit 77
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# with_tests PAGE: the page between start.js and the cases.
with_tests() {
	awk -v source="$source/page" '
		function put(name, line) {
			print "<script>"
			while ((getline line < (source "/" name)) > 0)
				print line
			print "</script>"
		}
		/^<\/body>/ { put("figures.js"); put("rest.js") }
		{ print }
		/^<head>/ { put("start.js") }' "$1"
}

for example in run edges shapes units empty; do
	mkdir "$dir/$example"
	"$make_example" "$dir/$example" "$example" >/dev/null
	with_tests "$dir/$example/report.html" >"$dir/$example/test.html"
done
# One window for all: a window of its own cannot be as narrow as a phone, and each start takes seconds.
{
	echo '<!DOCTYPE html><body><pre id="outcomes"></pre><script>'
	echo 'const pages = [["run", 1200], ["edges", 1200], ["shapes", 1200], ["units", 1200], ["empty", 1200],'
	echo '	["run", 360], ["shapes", 360], ["units", 360]];'
	cat "$source/page/frames.js"
	echo '</script></body>'
} >"$dir/all.html"
# show PAGE: what the browser makes of it.
show() {
	timeout 100 "$chromium" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking \
		--user-data-dir="$dir/profile" --enable-logging=stderr --window-size=1400,900 --virtual-time-budget=600000 \
		--dump-dom "file://$dir/$1" >"$dir/dom" 2>"$dir/log"
}

# Some are walled off from this folder, or do not start in a container.
echo '<p>plain</p>' >"$dir/plain.html"
if ! show plain.html || ! grep -q plain "$dir/dom"; then
	echo "$chromium does not open a plain page: skipped"
	exit 77
fi
show all.html || {
	cat "$dir/log"
	echo "chromium failed"
	exit 1
}

# Nothing on the console, every page reaches its end, and every case has something to try on one of them.
sed -nE 's/.*<pre id="outcomes">//; /^(PAGE|PASS|NONE|FAIL|END) /p' "$dir/dom" >"$dir/outcomes" 
grep -E 'PAGE|FAIL' "$dir/outcomes" || true
failed=$(grep -c FAIL "$dir/outcomes" || true)
[ "$(grep -c '^END' "$dir/outcomes")" = 8 ] || failed="$failed, and a page that did not end"
if grep CONSOLE "$dir/log"; then
	failed="$failed, and words on the console"
fi
sed -n 's/^test("\([^"]*\)".*/\1/p' "$source"/page/*.js | while read -r name; do
	grep -qxF "PASS $name" "$dir/outcomes" || echo "never passed: $name"
done >"$dir/untried"
cat "$dir/untried"
echo "$(grep -c '^PASS' "$dir/outcomes") passed, failed: $failed"
[ "$failed" = 0 ] && [ ! -s "$dir/untried" ]
