#!/bin/sh
# completion.sh BUILD: what `patchbay completion bash` prints completes commands, options, values, files and plugins; and
# zsh, where there is one, can read its own.
set -eu
build=$(cd "$1" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PATCHBAY_PLUGIN_PATH="$build/plugins" XDG_DATA_HOME=/nowhere
PATH=$build/core:$PATH
cd "$folder"
patchbay completion bash >patchbay.bash
patchbay completion zsh >_patchbay
if command -v zsh >/dev/null 2>&1; then zsh -n _patchbay; fi
command -v bash >/dev/null 2>&1 || exit 77
mkdir runs 'two words'
touch a.yaml b.yml 'an experiment.yaml' model.pt notes.txt

cat >ask.bash <<'END'
. ./patchbay.bash
wrong=0
# expect "WORDS SO FAR, the last one to complete" OFFERED...: in any order; as bash parts words, with = a word of its own.
expect() {
	local line=$1 got wanted
	shift
	read -ra COMP_WORDS <<<"${line//=/ = }"
	case $line in *[\ =]) COMP_WORDS+=('') ;; esac
	[[ $line == *= ]] && unset 'COMP_WORDS[-1]'
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
	_patchbay
	got=$(printf '%s\n' "${COMPREPLY[@]}" | sort)
	wanted=$(printf '%s\n' "$@" | sort)
	[ "$got" = "$wanted" ] && return
	printf 'behind "%s":\n%s\ninstead of:\n%s\n' "$line" "$got" "$wanted" >&2
	wrong=1
}
expect 'patchbay ru' run
expect 'patchbay --v' --version
expect 'patchbay plugin i' info
expect 'patchbay run --e' --engine
expect 'patchbay run a.yaml --me' --memory
expect 'patchbay train --e' ''
expect 'patchbay run --engine ' auto reference
expect 'patchbay run --engine=' auto reference
expect 'patchbay run --engine=r' reference
expect 'patchbay run --set x=y --engine r' reference
expect 'patchbay check ' a.yaml b.yml 'an experiment.yaml' runs 'two words'
expect 'patchbay check --set seed=3 a' a.yaml 'an experiment.yaml'
expect 'patchbay run --out ' runs 'two words'
expect 'patchbay run a.yaml ' ''
expect 'patchbay inspect model.pt m' model.pt
expect 'patchbay convert --dtype f' f32 f64
expect 'patchbay plugin info layer_pos' layer_pos layer_pos_head
expect 'patchbay plugin info oo' oocl
expect 'patchbay plugin new ' setter metric dataset
expect 'patchbay keys --format m' man markdown
expect 'patchbay nonsense ' ''
exit $wrong
END
bash --norc --noprofile ask.bash
echo "bash completes at 21 places"
