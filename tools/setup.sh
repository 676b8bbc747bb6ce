# setup.sh: sourced by the tools: installs what is missing (Debian, Ubuntu) and finds the build folder.

# What the build needs, as Debian names it.
packages="gcc pkg-config meson ninja-build libyaml-dev check libzip-dev libjansson-dev"

missing_packages() {
	for p in $packages "$@"; do
		dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null | grep -q '^installed$' || printf '%s ' "$p"
	done
}

install_missing() {
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "Missing: $missing" >&2
		echo "Install these (Debian's names) with your package manager and call this again." >&2
		exit 2
	fi
	as_root=
	[ "$(id -u)" = 0 ] || as_root=sudo
	echo "Installing: $missing"
	$as_root apt-get update -qq
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# For the test of the page; where it cannot be had, that test is skipped.
install_browser() {
	command -v chromium >/dev/null 2>&1 || (install_missing chromium) || echo "No chromium: the page is not tried in a browser."
}

# Distributions of before 2023 have a meson older than the 1.0 that is needed: then one from PyPI, in a folder of its own.
find_meson() {
	version=$(meson --version 2>/dev/null || echo 0)
	[ "$(printf '%s\n1.0.0\n' "$version" | sort -V | head -n 1)" = 1.0.0 ] && return 0
	if [ ! -x .venv-build/bin/meson ]; then
		packages="$packages python3-venv"
		install_missing
		python3 -m venv .venv-build
		.venv-build/bin/pip install --quiet 'meson>=1.0,<2'
	fi
	PATH=$PWD/.venv-build/bin:$PATH
}

# build_in FOLDER [meson options]: configures once, then builds $targets (all of it when unset).
build_in() {
	folder=$1
	shift
	if [ -f "$folder/build.ninja" ]; then
		meson configure "$folder" "$@" >/dev/null
	else
		meson setup "$folder" "$@" >"$folder.setup.log" 2>&1 || {
			cat "$folder.setup.log" >&2
			exit 1
		}
		rm -f "$folder.setup.log"
	fi
	# shellcheck disable=SC2086
	ninja -C "$folder" ${targets:-}
}
