#!/bin/bash
# build-guests.sh [--check] [DIR...]
#
# Rebuilds the WebAssembly files of examples/, tests/programs/, tests/dlfcn/ and bench/kernels
# (all of them, or the given folders) in place. With --check nothing is written: the files are
# built aside and compared, and the exit status is 1 if any differs.
#
# build-guests.sh --real [DIR...]
#
# Builds tests/programs-real/, whose programs use the real C and C++ libraries,
# into $DYNVM_TOOLCHAIN/programs (see tools/fetch-toolchain.sh).
#
# A folder holds one program. main.c (or .cc) becomes main.wasm and every other
# source a shared library: libx.c becomes libx.so. Lines at the top of a source
# say what is special about it:
#   //! kind: program        a main program too: x.c becomes x.wasm
#   //! needed: liba libb    libraries of this folder that it is linked with
#   //! cflags: -DX          more flags for the compiler
#   //! ldflags: -Bsymbolic  more flags for the linker
#   //! link: FLAGS          the linker's flags, instead of those of its kind
#   //! libmini: no          without the C library and its crt1.o
#   //! crt1: no             without crt1.o: main has no _start
#   //! runpath: $ORIGIN     where it looks for what it needs
#   //! output: lib/x.so     the file to write, instead of the one above
#   //! exceptions: exnref legacy
#                            (--real, in main) built once in each encoding of exceptions, with
#                            setjmp and C++ exceptions, into folders of these names
# All other `//!` lines belong to tests/programs.rs and tests/dlfcn.rs, which run the programs.
#
# CLANG and WASM_LD name the tools: clang-19 and wasm-ld-19 unless set.
set -euo pipefail
export LC_ALL=C.UTF-8
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CLANG=${CLANG:-clang-19}
WASM_LD=${WASM_LD:-wasm-ld-19}
TOOLCHAIN=${DYNVM_TOOLCHAIN:-$HOME/.cache/dynvm-toolchain}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

WARNINGS="-Wall -Wextra -Wno-unused-parameter"
TARGET="--target=wasm32-unknown-unknown -mbulk-memory -mnontrapping-fptoint"
CFLAGS="$TARGET -nostdinc -isystem $ROOT/examples/libc/include -isystem $ROOT/include -O2 -fPIC -fvisibility=default $WARNINGS"
LIBRARY_FLAGS="-shared --experimental-pic --unresolved-symbols=import-dynamic -Bdynamic"
PROGRAM_FLAGS="-pie --experimental-pic --import-memory --export-dynamic --unresolved-symbols=import-dynamic -Bdynamic"

# directive FILE KEY: the values of its `//! KEY:` lines.
directive() { sed -n "s|^//! $2: *||p" "$1"; }

# compile SOURCE OBJECT: from within the source's folder, so that no path of this machine gets into it.
compile() {
  local language=-std=c17
  case $1 in *.cc) language="-std=c++20 -fno-exceptions -fno-rtti" ;; esac
  # shellcheck disable=SC2046,SC2086
  (cd "$(dirname "$1")" && $CLANG $CFLAGS $language $(directive "$1" cflags) -c "$(basename "$1")" -o "$2")
}

# link OUTPUT FLAGS FILE...: `producers` names the compiler's distribution, which is nobody's business here.
link() {
  local output=$1 flags=$2
  shift 2
  mkdir -p "$(dirname "$output")"
  # shellcheck disable=SC2086
  $WASM_LD $flags --strip-debug "$@" -o "$output" 2> >(grep -v 'not yet stable' >&2 || true)
  chmod 644 "$output"
  python3 "$ROOT/tools/wasm-sections.py" --drop producers --drop target_features "$output"
}

# Everything below writes to $OUT/examples/..., $OUT/tests/...
build_libc() {
  local source objects="" target=$OUT/examples/libc
  mkdir -p "$target" "$WORK/libc"
  for source in "$ROOT"/examples/libc/src/*.c; do
    local object
    object=$WORK/libc/$(basename "$source" .c).o
    (cd "$ROOT/examples/libc/src" &&
      $CLANG ${CFLAGS/-O2/-Os} -std=c17 -ffreestanding -fno-builtin -c "$(basename "$source")" -o "$object")
    [ "$(basename "$source")" = crt1.c ] || objects="$objects $object"
  done
  cp "$WORK/libc/crt1.o" "$target/crt1.o"
  python3 "$ROOT/tools/wasm-sections.py" --drop producers "$target/crt1.o"
  # shellcheck disable=SC2086
  link "$target/libmini.so" "$LIBRARY_FLAGS" $objects
}

is_program() { # SOURCE
  [ "$(basename "${1%.*}")" = main ] || [ "$(directive "$1" kind)" = program ]
}

output_of() { # SOURCE
  local name output
  name=$(basename "${1%.*}")
  output=$(directive "$1" output)
  if [ -n "$output" ]; then echo "$output"; elif is_program "$1"; then echo "$name.wasm"; else echo "$name.so"; fi
}

# link_source SOURCE FOLDER_OUT NEEDED_DIR: NEEDED_DIR/libx.so stands for each library it needs.
link_source() {
  local source=$1 name needed files="" flags
  name=$(basename "${source%.*}")
  flags=$LIBRARY_FLAGS
  is_program "$source" && flags=$PROGRAM_FLAGS
  [ -n "$(directive "$source" link)" ] && flags=$(directive "$source" link)
  for needed in $(directive "$source" needed); do files="$files $3/$needed.so"; done
  if [ "$(directive "$source" libmini)" != no ]; then
    is_program "$source" && [ "$(directive "$source" crt1)" != no ] && files="$OUT/examples/libc/crt1.o $files"
    files="$files $OUT/examples/libc/libmini.so"
  fi
  # shellcheck disable=SC2046,SC2086
  link "$2/$(output_of "$source")" "$flags $(directive "$source" ldflags)" "$WORK/objects/$name.o" $files
  local path
  directive "$source" runpath | while read -r path; do
    python3 "$ROOT/tools/wasm-sections.py" --runpath "$path" "$2/$(output_of "$source")"
  done
}

build_program() { # FOLDER, relative to the root
  local source name target=$OUT/$1 sources=()
  for source in "$ROOT/$1"/*.c "$ROOT/$1"/*.cc; do [ -e "$source" ] && sources+=("$source"); done
  [ ${#sources[@]} -gt 0 ] || return 0
  rm -rf "$WORK/objects" "$WORK/first"
  mkdir -p "$target" "$WORK/objects" "$WORK/first"
  # Libraries may need each other in a circle: first all without what they need, then again with it.
  for source in "${sources[@]}"; do
    name=$(basename "${source%.*}")
    compile "$source" "$WORK/objects/$name.o"
    is_program "$source" || link "$WORK/first/$name.so" "$LIBRARY_FLAGS" "$WORK/objects/$name.o"
  done
  for source in "${sources[@]}"; do link_source "$source" "$target" "$WORK/first"; done
}

# ---- programs of the real C and C++ libraries

# tools_for SOURCE EXCEPTIONS: sets cc, ld, search and runtime, the compiler, the linker and what they get.
tools_for() {
  local sysroot=$TOOLCHAIN/sysroot zig=$TOOLCHAIN/venv/zig encoding=false
  [ "$2" = legacy ] && encoding=true
  encoding="-mllvm -wasm-use-legacy-eh=$encoding"
  cc="$CLANG --target=wasm32-wasi --sysroot=$sysroot" ld=$WASM_LD search="-L$TOOLCHAIN/lib" runtime=""
  # Debian's clang knows neither libc++ for this target nor the newer encoding of exceptions.
  case $2-$1 in none-*.c) return ;; esac
  cc="$zig clang --target=wasm32-wasip1 --sysroot=$sysroot -resource-dir $sysroot" ld="$zig wasm-ld"
  case $2-$1 in
  *.c)
    cc="$cc -mllvm -wasm-enable-sjlj $encoding" runtime="-lsetjmp" && return ;;
  none-*.cc)
    cc="$cc -fno-exceptions -D_LIBCPP_HAS_EXCEPTIONS=0" ;;
  *.cc)
    cc="$cc -fwasm-exceptions $encoding" ;;
  esac
  cc="$cc --driver-mode=g++ -nostdinc++ -isystem $sysroot/include/c++/v1 -std=c++20"
  search="-L$TOOLCHAIN/lib-$2 $search" runtime="-lc++ -lc++abi"
}

real_program() { # FOLDER
  local exceptions encodings script target
  target=$TOOLCHAIN/programs/$(basename "$1")
  mkdir -p "$target"
  for script in "$ROOT/$1"/*.{py,lua}; do [ ! -e "$script" ] || cp "$script" "$target"; done
  encodings=$(cd "$ROOT/$1" && sed -n 's|^//! exceptions: *||p' ./*.c ./*.cc 2>/dev/null || true)
  [ -n "$encodings" ] || real_encoding "$1" none "$target"
  for exceptions in $encodings; do real_encoding "$1" "$exceptions" "$target/$exceptions"; done
}

real_encoding() { # FOLDER EXCEPTIONS TARGET
  local source name target=$3 kind needed files cc ld search runtime
  local libraries=$TOOLCHAIN/sysroot/lib/wasm32-wasip1
  local builtins=$TOOLCHAIN/sysroot/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a
  mkdir -p "$target"
  for source in $(real_order "$1"); do
    name=$(basename "${source%.*}")
    tools_for "$source" "$2"
    # shellcheck disable=SC2046,SC2086
    (cd "$ROOT/$1" && $cc -O2 -fPIC -fvisibility=default $WARNINGS $(directive "$source" cflags) \
      -c "$(basename "$source")" -o "$WORK/$name.o")
    if is_program "$source"; then
      kind="$PROGRAM_FLAGS $libraries/crt1-command.o"
    else
      kind=$LIBRARY_FLAGS
    fi
    files=
    for needed in $(directive "$source" needed); do files="$files $target/$needed.so"; done
    # shellcheck disable=SC2046,SC2086
    $ld $kind $search -L"$libraries" "$WORK/$name.o" $files $(directive "$source" ldflags) $runtime -lc "$builtins" \
      -o "$target/$(output_of "$source")" 2> >(grep -v 'not yet stable' >&2 || true)
  done
}

# The sources of a folder: libraries that need none of it, the others in the order of the alphabet, programs.
real_order() { # FOLDER
  local source later="" last=""
  for source in "$ROOT/$1"/*.c "$ROOT/$1"/*.cc; do
    [ -e "$source" ] || continue
    if is_program "$source"; then
      last="$last $source"
    elif [ -n "$(directive "$source" needed)" ]; then
      later="$later $source"
    else
      echo "$source"
    fi
  done
  # shellcheck disable=SC2086
  printf '%s\n' $later $last
}

# ---- the command line

mode=write
case ${1:-} in
--check) mode=check && shift ;;
--real) mode=real && shift ;;
-*) sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p}' "$0" >&2 && exit 2 ;;
esac

folders=()
if [ $# -gt 0 ]; then
  for folder; do folders+=("$(realpath --relative-to="$ROOT" "$folder")"); done
elif [ $mode = real ]; then
  for folder in "$ROOT"/tests/programs-real/*/; do folders+=("tests/programs-real/$(basename "$folder")"); done
else
  for folder in "$ROOT"/examples/*/; do
    [[ "$(basename "$folder")" =~ ^(libc|kotlin)$ ]] || folders+=("examples/$(basename "$folder")")
  done
  for folder in "$ROOT"/tests/programs/*/; do folders+=("tests/programs/$(basename "$folder")"); done
  folders+=(tests/dlfcn bench/kernels)
fi

if [ $mode = real ]; then
  for folder in "${folders[@]}"; do real_program "$folder"; done
  exit
fi

OUT=$ROOT
[ $mode = check ] && OUT=$WORK/out
build_libc
for folder in "${folders[@]}"; do build_program "$folder"; done
[ $mode = check ] || exit 0

status=0
while read -r file; do
  cmp -s "$OUT/$file" "$ROOT/$file" || { echo "differs from its sources: $file" >&2 && status=1; }
done < <(cd "$OUT" && find . -type f | sed 's|^\./||' | sort)
[ $status = 0 ] && echo "all committed guests match their sources"
exit $status
