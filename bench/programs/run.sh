#!/bin/bash
# Lua and SQLite as shared libraries, from Debian's sources: built for wasm and natively, run and timed side by side.
#   bench/programs/run.sh [WORK] [ROUNDS]
# Needs clang-19, lld-19, xz, tclsh (SQLite's own build), a Debian with source packages (`deb-src`, or DEB_SRC names a mirror), and
# `tools/fetch-toolchain.sh base`. PEER names a release build of bench/peers/wasi, NODE a node 22 or newer: what is not named is left out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
work=$(realpath -m "${1:-${TMPDIR:-/tmp}/dynvm-programs}") rounds=${2:-5}
toolchain=${DYNVM_TOOLCHAIN:-$HOME/.cache/dynvm-toolchain}
sysroot=$toolchain/sysroot lib=$sysroot/lib/wasm32-wasip1
builtins=$sysroot/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a
dynvm=$root/target/release/dynvm
mkdir -p "$work"/{lists,sources,out,native,root/lib,root/ext,tmp}
cd "$work"

fetch() {
  printf 'Types: deb-src\nURIs: %s\nSuites: bookworm\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
    "${DEB_SRC:-http://deb.debian.org/debian}" > sources/src.sources
  local apt=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/sources"
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work")
  apt-get "${apt[@]}" update -qq
  apt-get "${apt[@]}" source -qq --download-only lua5.4 lua-lpeg lua-cjson sqlite3 2>/dev/null
  local archive
  for archive in *.orig.tar.*; do tar xf "$archive"; done
}

cc=(clang-19 --target=wasm32-wasi "--sysroot=$sysroot" -O2 -fPIC -fvisibility=default -w
  -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_MMAN
  -mllvm -wasm-enable-sjlj)
link=(wasm-ld-19 --experimental-pic --unresolved-symbols=import-dynamic -Bdynamic "-L$lib")
pie=(-pie --import-memory --export-dynamic "$lib/crt1-command.o")
emulated=(-lwasi-emulated-signal -lwasi-emulated-process-clocks -lwasi-emulated-getpid -lwasi-emulated-mman)

# library NAME OBJECT… | program NAME LIBRARY OBJECT…
library() { "${link[@]}" -shared "${@:2}" -ldl -lsetjmp "${emulated[@]}" -lc "$builtins" -o "$1"; }
program() { "${link[@]}" "${pie[@]}" "${@:3}" "-L$(dirname "$2")" "-l$(basename "$2" .so | cut -c4-)" "${emulated[@]}" -lc "$builtins" -o "$1"; }

# lua FOLDER FLAGS…: liblua.so
lua() {
  local out=$1 file
  mkdir -p "$out/o"
  for file in lua-5.4.4/src/l*.c; do
    case $file in */lua.c | */luac.c) continue ;; esac
    "${cc[@]}" -include "$here/lua.h" "${@:2}" -c "$file" -o "$out/o/$(basename "$file" .c).o"
  done
  library "$out/liblua.so" "$out"/o/*.o
}

build() {
  local file
  lua out -DLUA_USE_DLOPEN
  # Without setjmp, whose older encoding some engines do not read.
  lua out/plain '-DLUAI_THROW(L,c)=__builtin_trap()' '-DLUAI_TRY(L,c,a)={ a }' -Dluai_jmpbuf=int
  "${cc[@]}" -c lua-5.4.4/src/lua.c -o out/lua.o
  program out/lua.wasm out/liblua.so out/lua.o
  for file in lpeg-*/lp*.c; do "${cc[@]}" -Ilua-5.4.4/src -c "$file" -o "out/lpeg_$(basename "$file" .c).o"; done
  library root/lib/lpeg.so out/lpeg_*.o
  for file in strbuf fpconv lua_cjson; do "${cc[@]}" -Ilua-5.4.4/src -c lua-cjson*/$file.c -o out/cjson_$file.o; done
  library root/lib/cjson.so out/cjson_*.o
  mkdir -p native/lua
  for file in lua-5.4.4/src/l*.c; do
    case $file in */luac.c) continue ;; esac
    clang-19 -O2 -w -DLUA_USE_LINUX -c "$file" -o "native/lua/$(basename "$file" .c).o"
  done
  clang-19 -o native/lua.exe native/lua/*.o -lm -ldl -Wl,-E

  mkdir -p sqlite
  (cd sqlite && ../sqlite3-3.40.1/configure --disable-tcl --disable-readline > configure.log && make sqlite3.c sqlite3.h > make.log)
  local sqlite=(-DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_WAL -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_MATH_FUNCTIONS
    -DSQLITE_ENABLE_LOAD_EXTENSION)
  "${cc[@]}" "${sqlite[@]}" -include "$here/sqlite.h" '-DSQLITE_DEFAULT_UNIX_VFS="unix-none"' -c sqlite/sqlite3.c -o out/sqlite3.o
  library out/libsqlite3.so out/sqlite3.o
  "${cc[@]}" -Isqlite -c "$here/sql.c" -o out/sql.o
  program out/sql.wasm out/libsqlite3.so out/sql.o
  for file in series csv regexp uuid percentile; do
    "${cc[@]}" -Isqlite -c sqlite3-3.40.1/ext/misc/$file.c -o out/ext_$file.o
    library root/ext/$file.so out/ext_$file.o
  done
  clang-19 -O2 -w "${sqlite[@]}" -Isqlite sqlite/sqlite3.c "$here/sql.c" -o native/sql.exe -ldl -lm
}

[ -x native/sql.exe ] || { fetch; build; }
cp "$here"/*.lua "$here"/*.sql root/
lua=("$dynvm" -L out -L "$toolchain/lib" --dir root::/r --env "LUA_CPATH=/r/lib/?.so" out/lua.wasm)
sql=("$dynvm" -L out -L "$toolchain/lib" --dir root::/r --dir tmp::/tmp out/sql.wasm)
diff <("${lua[@]}" /r/modules.lua) "$here/modules.expected"
diff <("${sql[@]}" :memory: /r/extensions.sql) "$here/extensions.expected"
diff <("${sql[@]}" :memory: /r/rows.sql) <(native/sql.exe :memory: root/rows.sql)
echo "output: as expected"

"$dynvm" link -o out/lua1.wasm -L out/plain -L "$toolchain/lib" out/lua.wasm
"$dynvm" link --allow-dlfcn -o out/sql1.wasm -L out -L "$toolchain/lib" out/sql.wasm
grants=(--dir root::/r --dir tmp::/tmp)
commands=("native native/lua.exe root/fib.lua" "dynvm ${lua[*]} /r/fib.lua" "linked $dynvm ${grants[*]} out/lua1.wasm /r/fib.lua"
  "native native/sql.exe :memory: root/rows.sql" "dynvm ${sql[*]} :memory: /r/rows.sql"
  "linked $dynvm ${grants[*]} out/sql1.wasm :memory: /r/rows.sql")
if [ -n "${PEER:-}" ]; then
  for one in lua1 sql1; do "$PEER" precompile out/$one.wasm out/$one.cwasm; done
  commands+=("wasmtime $PEER ${grants[*]} out/lua1.cwasm /r/fib.lua" "wasmtime $PEER ${grants[*]} out/sql1.cwasm :memory: /r/rows.sql")
fi
if [ -n "${NODE:-}" ]; then
  node="$NODE --no-warnings $here/wasi.mjs"
  commands+=("node $node out/lua1.wasm /r/fib.lua" "node $node out/sql1.wasm :memory: /r/rows.sql")
fi
for ((round = 0; round < rounds; round++)); do
  for command in "${commands[@]}"; do
    read -r name words <<< "$command"
    start=$(date +%s%N)
    # shellcheck disable=SC2086 # words of a command
    $words > /dev/null
    echo "$(basename "${words##* }") $name $((($(date +%s%N) - start) / 1000))"
  done
done | sort | awk -v rounds="$rounds" '
  { key = $1 " " $2; time[key, ++count[key]] = $3 }
  END { for (key in count) { n = count[key]; for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (time[key, j] + 0 < time[key, i] + 0) {
          swap = time[key, i]; time[key, i] = time[key, j]; time[key, j] = swap }
        printf "%s: median %.0f ms, least %.0f ms\n", key, time[key, int((n + 1) / 2)] / 1000, time[key, 1] / 1000 } }' | sort
