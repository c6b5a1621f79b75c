#!/bin/bash
# record-dlfcn.sh [--check] [NAME...]
#
# Builds the programs of tests/dlfcn/ (all of them, or the named ones) with gcc, their libraries in C++ with g++, runs
# them against glibc, and writes what each prints beside its source: NAME.c gives NAME.out. With --check nothing is
# written: the exit status is 1 if anything differs. The lines `//! key: value` of a source:
#   needed runpath output kind   as in tools/build-guests.sh
#   preload: libx.so             comes before all that the program needs
#   env: KEY=VALUE               in the environment of the program
#   args: WORDS                  its arguments
#   native-cflags: FLAGS         for gcc only
# $SCRATCH is a directory that the program can write to.
#
# record-dlfcn.sh --real
#
# Builds tests/programs-real/cxx_closing with g++ and compares what it prints with what its source expects of dynvm.
set -euo pipefail
export LC_ALL=C
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CC=${CC:-gcc}
SOURCES=$ROOT/tests/dlfcn
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

directive() { sed -n "s|^//! $2: *||p" "$1"; }

CXX=${CXX:-g++}
FLAGS="-O1 -fPIC -D_GNU_SOURCE -fno-builtin -Wall -Wextra -Wno-unused-parameter -Wl,--no-as-needed"
FLAGS="$FLAGS -Wl,--enable-new-dtags -Wl,--unresolved-symbols=ignore-all"

# compiler SOURCE: the compiler of its language.
compiler() {
  case $1 in
  *.cc) echo "$CXX -std=gnu++20 -fno-exceptions -fno-rtti" ;;
  *) echo "$CC -std=gnu17" ;;
  esac
}

# build SOURCE OUTPUT NEEDED_DIR FLAG...
build() {
  local source=$1 output=$2 from=$3 needed libraries=""
  shift 3
  for needed in $(directive "$source" needed); do libraries="$libraries -l:$needed.so"; done
  mkdir -p "$(dirname "$output")"
  # shellcheck disable=SC2046,SC2086
  $(compiler "$source") $FLAGS "$@" $(directive "$source" cflags) $(directive "$source" native-cflags) "$source" \
    -o "$output" -L"$from" $libraries $(directive "$source" runpath | sed 's|^|-Wl,-rpath,|')
}

output_of() { # SOURCE
  local output
  output=$(directive "$1" output)
  echo "${output:-$(basename "${1%.*}").so}"
}

if [ "${1:-}" = --real ]; then
  SOURCES=$ROOT/tests/programs-real/cxx_closing
  real="$CXX -std=gnu++20 -O1 -fPIC"
  cd "$WORK"
  for name in libfailure throws passes; do
    needed=$(directive "$SOURCES/$name.cc" needed)
    $real -shared "$SOURCES/$name.cc" -o $name.so -L. ${needed:+-l:$needed.so}
  done
  $real -pie "$SOURCES/main.cc" -o main
  # What the first run expects: the lines up to the next one.
  sed -n '/^\/\/! run:/,$p' "$SOURCES/main.cc" | sed -n '1d; /^\/\/! run:/q; s|^//! stdout: ||p' >expected
  LD_LIBRARY_PATH=. ./main | diff expected -
  exit
fi

programs=() libraries=() check=
[ "${1:-}" = --check ] && check=1 && shift
for source in "$SOURCES"/*.c "$SOURCES"/*.cc; do
  if [ "$(directive "$source" kind)" = program ]; then programs+=("$source"); else libraries+=("$source"); fi
done
if [ $# -gt 0 ]; then
  programs=()
  for name; do programs+=("$SOURCES/$name.c"); done
fi

mkdir "$WORK/first" "$WORK/run"
cd "$WORK/run"
# Libraries may need each other in a circle: first all without what they need, then again with it.
for source in "${libraries[@]}"; do
  $(compiler "$source") $FLAGS -shared "$source" $(directive "$source" cflags) \
    -o "$WORK/first/$(basename "${source%.*}").so" &
  while [ "$(jobs -r | wc -l)" -ge 4 ]; do wait -n; done
done
wait
for source in "${libraries[@]}"; do
  build "$source" "$WORK/run/$(output_of "$source")" "$WORK/first" -shared &
  while [ "$(jobs -r | wc -l)" -ge 4 ]; do wait -n; done
done
wait

status=0
for source in "${programs[@]}"; do
  name=$(basename "$source" .c)
  build "$source" "$WORK/run/$name" "$WORK/first" -pie -rdynamic
  rm -rf "$WORK/scratch"
  mkdir "$WORK/scratch"
  mapfile -t environment < <(directive "$source" env)
  preload=$(directive "$source" preload)
  [ -z "$preload" ] || environment+=("LD_PRELOAD=./$preload")
  set +e
  # shellcheck disable=SC2046
  timeout 20 env LD_LIBRARY_PATH=. SCRATCH="$WORK/scratch" "${environment[@]}" "./$name" $(directive "$source" args) \
    >"$WORK/$name.out" 2>"$WORK/$name.err"
  code=$?
  set -e
  [ $code = 0 ] || echo "[exit $code]" >>"$WORK/$name.out"
  if [ $code -ge 126 ]; then echo "$name ends with $code: $(cat "$WORK/$name.err")" >&2; status=1; fi
  if [ -z "$check" ]; then
    cp "$WORK/$name.out" "$SOURCES/$name.out"
  elif ! cmp -s "$WORK/$name.out" "$SOURCES/$name.out"; then
    echo "differs from what is recorded: $name" >&2
    status=1
  fi
done
exit $status
