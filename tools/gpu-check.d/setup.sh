# setup.sh: sourced by gpu-check: unpacks what it was given, and sets what compilers, loaders and Python look at.
root=$BUILD/root
mkdir -p "$root"

# What every machine has, and what must not be mixed with another distribution's.
is_of_the_system() {
	case $1 in
	libc6* | libc-* | linux-libc-dev* | libcrypt* | libgcc* | gcc-* | libstdc++* | libgomp*) return 0 ;;
	*) return 1 ;;
	esac
}

if [ -n "$debs" ]; then
	for deb in "$debs"/*.deb; do
		name=$(basename "$deb")
		if is_of_the_system "$name"; then
			echo "left out: $name"
		else
			dpkg -x "$deb" "$root" || echo "cannot be unpacked: $name"
		fi
	done
fi

add() { # VARIABLE FOLDER: puts the folder in front
	eval "old=\${$1:-}"
	# shellcheck disable=SC2154
	eval "export $1=\"$2\${old:+:\$old}\""
}

# Libraries that are only there; the others are the machine's own, for whatever else runs here needs those.
link_lacking() {
	mkdir -p "$root/lacking"
	for library in "$1"/*.so.*; do
		[ -e "$library" ] || continue
		ldconfig -p | grep -qF "	${library##*/} " || ln -sf "$library" "$root/lacking/"
	done
}

if [ -d "$root/usr" ]; then
	PATH=$PATH:$root/usr/bin
	export PKG_CONFIG_SYSROOT_DIR="$root"
	add CPATH "$root/usr/include"
	for folder in "$root"/usr/lib "$root"/usr/lib/*-linux-gnu "$root"/lib/*-linux-gnu "$root"/usr/share; do
		[ -d "$folder" ] || continue
		[ ! -d "$folder/pkgconfig" ] || add PKG_CONFIG_PATH "$folder/pkgconfig"
		[ "$folder" = "$root/usr/share" ] && continue
		add LIBRARY_PATH "$folder"
		link_lacking "$folder"
	done
	for folder in "$root"/usr/include/*-linux-gnu; do
		[ ! -d "$folder" ] || add CPATH "$folder"
	done
	add LD_LIBRARY_PATH "$root/lacking"
	# What is built finds them without this environment as well, and what they need themselves (by RPATH, not RUNPATH).
	export LDFLAGS="${LDFLAGS:-} -Wl,--disable-new-dtags,-rpath,$root/lacking"
fi
command -v pkg-config || command -v pkgconf ||
	echo "there is no pkg-config: --debs may bring pkgconf, pkgconf-bin, libpkgconf3"

# The driver's library, which some machines have in a folder that their loader does not know.
if ! ldconfig -p | grep -qF '	libcuda.so.1 '; then
	for folder in /usr/local/nvidia/lib64 /usr/local/nvidia/lib; do
		[ ! -e "$folder/libcuda.so.1" ] || add LD_LIBRARY_PATH "$folder"
	done
fi

if [ -n "$wheels" ]; then
	PACKAGES=$BUILD/packages
	rm -rf "$PACKAGES"
	if ! "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --target "$PACKAGES" "$wheels"/*.whl; then
		for wheel in "$wheels"/*.whl; do
			"$PYTHON" -m zipfile -e "$wheel" "$PACKAGES"
		done
	fi
elif [ -d "$BUILD/packages" ]; then
	PACKAGES=$BUILD/packages
fi

# cuBLAS, which is loaded where `matmul` asks for it: the toolkit's, or the one that PyTorch brings along, whose headers nvcc
# does not know.
find_cublas() {
	for folder in /usr/local/cuda/lib64 /usr/local/cuda/targets/*/lib \
		"$(dirname "$(dirname "$(readlink -f "$(command -v nvcc)")")")/lib64" \
		$("$PYTHON" -c 'import sys; print(*(p + "/nvidia/" + d + "/lib" for p in sys.path for d in ("cu13", "cublas")))'); do
		for library in "$folder"/libcublas.so.*; do
			[ -e "$library" ] && echo "$library" && return 0
		done
	done
	return 1
}

if [ -z "$EMULATE" ] && library=$(find_cublas); then
	folder=$(dirname "$library")
	flags="-Xlinker -rpath=$folder"
	if ! echo '#include <cublas_v2.h>' | nvcc -E -x cu - >/dev/null 2>&1; then
		mkdir -p "$root/cublas"
		for header in "$folder"/../include/cublas*.h; do
			[ -e "$header" ] && ln -sf "$(readlink -f "$header")" "$root/cublas/"
		done
		flags="$flags -I$root/cublas"
	fi
	echo "cuBLAS: $library"
	export NVCC_APPEND_FLAGS="${NVCC_APPEND_FLAGS:-} $flags"
fi
