#!/bin/bash
# Links programs with `dynvm link` and compares what they print in dynvm, unlinked and linked, in node
# and in wasmtime. Needs node (NODE, else the toolchain's, else the one on the path); wasmtime is built
# from bench/peers/wasi unless PEER names the program (`-` for none). What is missing is left out, and said so.
set -euo pipefail
cd "$(dirname "$0")/.."
toolchain=${DYNVM_TOOLCHAIN:-$HOME/.cache/dynvm-toolchain}
dynvm=${DYNVM:-target/release/dynvm}
[ -x "$dynvm" ] || { echo "build dynvm first: cargo build --release (or set DYNVM)" >&2; exit 1; }
dynvm=$(realpath "$dynvm")
node=${NODE:-$toolchain/node/bin/node}
[ -x "$node" ] || node=$(command -v node || true)
[ -n "$node" ] || echo "left out: node"
# Whether node knows the newer encoding of exceptions: a type of functions that take an `exnref`.
node_has_exnref=
if [ -n "$node" ]; then
  exnref='process.exit(WebAssembly.validate(new Uint8Array([0,97,115,109,1,0,0,0,1,5,1,96,1,105,0])) ? 0 : 1)'
  if "$node" -e "$exnref"; then node_has_exnref=1; else echo "left out: programs with exnref in node $("$node" --version)"; fi
fi
peer=${PEER:-}
if [ "$peer" = - ]; then
  peer=
  echo "left out: wasmtime"
elif [ -z "$peer" ]; then
  if cargo build --release --quiet --manifest-path bench/peers/wasi/Cargo.toml; then
    peer=bench/peers/wasi/target/release/dynvm-peer-wasi
  else
    echo "left out: wasmtime, which does not build here"
  fi
fi
[ -z "$peer" ] || peer=$(realpath "$peer")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# check NAME PROGRAM "LINK OPTIONS" "HOST OPTIONS" ARGUMENTS...: options must not contain blanks.
check() {
  local name=$1 program=$2 link=$3 host=$4 engine
  shift 4
  # shellcheck disable=SC2086 # the options are words
  "$dynvm" link $link -o "$work/$name.wasm" "$program"
  mkdir -p "$work/tmp"
  # shellcheck disable=SC2086
  echo "the cat and the dog" | "$dynvm" run $(libraries $link) $host "$program" "$@" >"$work/$name.expected"
  for engine in dynvm node wasmtime; do
    run "$engine" "$name" "$host" "$@" >"$work/$name.$engine" || continue
    if cmp -s "$work/$name.expected" "$work/$name.$engine"; then
      echo "ok      $name in $engine"
    else
      echo "DIFFERS $name in $engine"
      diff "$work/$name.expected" "$work/$name.$engine" | head -5 || true
      failed=1
    fi
  done
}

# Of a linker's options, those that a run understands.
libraries() {
  while [ $# -gt 0 ]; do
    if [ "$1" = -L ]; then echo "-L $2"; shift; fi
    shift
  done
}

# run ENGINE NAME "HOST OPTIONS" ARGUMENTS...: fails if the engine is not here.
run() {
  local engine=$1 file=$work/$2.wasm host=$3
  shift 3
  # shellcheck disable=SC2086
  case $engine in
    dynvm) echo "the cat and the dog" | "$dynvm" run $host "$file" "$@" || true ;;
    node)
      [ -n "$node" ] || return 1
      case $file in *-exnref.wasm) [ -n "$node_has_exnref" ] || return 1 ;; esac
      echo "the cat and the dog" | "$node" --no-warnings tools/run-wasi.mjs $host "$file" "$@" || true ;;
    wasmtime)
      [ -n "$peer" ] || return 1
      case $file in *-legacy.wasm) return 1 ;; esac # it does not know this encoding of exceptions
      echo "the cat and the dog" | "$peer" $host "$file" "$@" || true ;;
  esac
}

check hello examples/hello/main.wasm "-L examples/libc" ""
for program in pointer_tables order_layers interposition virtual_calls sorting diamond relocations_first; do
  check "$program" "tests/programs/$program/main.wasm" "-L examples/libc" ""
done
programs=$toolchain/programs
if [ -e "$programs/libc_hello/main.wasm" ]; then
  check libc_hello "$programs/libc_hello/main.wasm" "-L $toolchain/lib" "--dir $work/tmp::/tmp --env WHO=world" one two
  check cxx_iostreams "$programs/cxx_iostreams/main.wasm" "-L $toolchain/lib-none -L $toolchain/lib" ""
  for encoding in exnref legacy; do
    check "longjmp-$encoding" "$programs/longjmp/$encoding/main.wasm" "-L $toolchain/lib" ""
  done
fi
if [ -e "$toolchain/py314/python3.14.wasm" ]; then
  check python "$toolchain/py314/python3.14.wasm" "-L $toolchain/py314 -L $toolchain/lib --allow-dlfcn" \
    "--dir $toolchain/py314/stdlib::/py --env PYTHONHOME=/py --env PYTHONPATH=/py" \
    -c 'import json, re, decimal, dataclasses; print(json.dumps({"a": 1}))'
fi
exit $failed
