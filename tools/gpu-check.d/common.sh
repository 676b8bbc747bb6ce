# common.sh: sourced by the stages of gpu-check.

# What runs has a process group of its own, which a signal to the stage does not reach.
running=''
stop() {
	[ -z "$running" ] || kill "$running" 2>/dev/null || :
	exit 143
}
trap stop TERM INT

# within SECONDS COMMAND...: for as long at most, and not past the stage's end; 124 when that is over.
within() {
	seconds=$1
	shift
	left=$((DEADLINE - $(date +%s) - 4))
	[ "$left" -ge "$seconds" ] || seconds=$left
	[ "$seconds" -gt 0 ] || return 124
	timeout -k 3 "$seconds" "$@" &
	running=$!
	wait "$running"
}

# tell_tests FILE: how many tests of a program passed.
tell_tests() {
	awk '/^ok /{ok++} /^not ok /{bad++} END{printf "%d tests passed, %d failed\n", ok, bad}' "$1"
}

# tell_failures FILE: some of those that failed, and the last line where it is no test's.
tell_failures() {
	grep '^not ok' "$1" | head -n 3 || :
	tail -n 1 "$1" | grep -v '^1\.\.\|^ok \|^not ok ' || :
}

# The environment of tests/meson.build.
export PATCHBAY_BUILD="$BUILD" PATCHBAY_SOURCE="$PWD" PATCHBAY_PLUGIN_PATH="$BUILD/plugins"
export PATCHBAY_BACKEND_PATH="$BACKEND" GOMP_SPINCOUNT=1000 CK_FORK=no
