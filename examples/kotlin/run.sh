#!/bin/bash
# A Kotlin program with a C library. Needs `kotlinc-wasm` (npm's `kotlin-compiler` has it; KOTLIN says
# where that package is, else it is fetched), Java, clang and wasm-ld 19.
set -euo pipefail
cd "$(dirname "$0")"
dynvm=${DYNVM:-../../target/release/dynvm}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "${KOTLIN:-}" ]; then
  npm install --silent --no-save --prefix "$work" kotlin-compiler@2.4.20
  KOTLIN=$work/node_modules/kotlin-compiler
fi
compile() {
  bash "$KOTLIN/bin/kotlinc-wasm" -Xwasm-target=wasm-wasi -libraries "$KOTLIN/lib/kotlin-stdlib-wasm-wasi.klib" \
    -ir-output-dir "$work" -ir-output-name main "$@" 2> >(grep -v ^warning >&2)
}
compile -Xir-produce-klib-file Main.kt
compile -Xinclude="$work/main.klib" -Xir-produce-js
clang-19 --target=wasm32-unknown-unknown -nostdinc -O2 -fPIC -fvisibility=default -c words.c -o "$work/words.o"
wasm-ld-19 -shared --experimental-pic "$work/words.o" -o "$work/libwords.so"
"$dynvm" --preload "$work/libwords.so" "$work/main.wasm"
# Both as one module, which other engines run too.
"$dynvm" link -o "$work/linked.wasm" "$work/main.wasm" "$work/libwords.so"
"$dynvm" "$work/linked.wasm" | tail -n 1
