#!/bin/bash
# fetch-toolchain.sh [STAGE...]
#
# Gets what the bigger examples and tests need, through apt, npm, pip and cargo, into
# $DYNVM_TOOLCHAIN (~/.cache/dynvm-toolchain unless set). What is already there
# is kept. The stages, each of which runs those that it builds on:
#
#   apt    clang 19, lld 19 and python3 by apt-get, as root; nothing if they are there
#   base   sysroot/: headers, the real libc.so, crt1-command.o; lib/: its libraries
#   cxx    lib-none/: libc++.so and libc++abi.so, built without exceptions;
#          lib-exnref/, lib-legacy/: the same with exceptions, in both encodings
#   py     py312/, py314/: CPython as libpython3.x.so, its standard library, and
#          a main program python3.x.wasm
#   wheel  site/: pydantic and its native pydantic_core, msgpack and simplejson from PyPI, for CPython 3.14;
#          py314/python3.14-legacy.wasm, a main with the C++ libraries that it expects
#   lua    lua/: Lua 5.4 as liblua5.4.so, and lua.wasm, which loads modules in C with dlopen
#
# Without arguments: all of them.
set -euo pipefail
export LC_ALL=C.UTF-8
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
W=${DYNVM_TOOLCHAIN:-$HOME/.cache/dynvm-toolchain}
CLANG=${CLANG:-clang-19}
WASM_LD=${WASM_LD:-wasm-ld-19}
JOBS=${JOBS:-$(nproc)}
SYSROOT=$W/sysroot
LIBRARIES=$SYSROOT/lib/wasm32-wasip1
BUILTINS=$SYSROOT/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a
EMULATED="-D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_MMAN"
SHARED_FLAGS="-shared --experimental-pic --unresolved-symbols=import-dynamic -Bdynamic --strip-debug"
MAIN_FLAGS="-pie --experimental-pic --import-memory --export-dynamic --unresolved-symbols=import-dynamic -Bdynamic"

say() { echo "fetch-toolchain: $*" >&2; }
has() { local file; for file; do [ -e "$W/$file" ] || return 1; done; }
# What LLD says about every PIC link, and nothing else, is left out.
quietly() { { "$@" 2>&1 >&3 | { grep -v 'not yet stable' >&2 || true; }; } 3>&1; }

stage_apt() {
  if command -v "$CLANG" "$WASM_LD" python3 >/dev/null && python3 -c 'import ensurepip' 2>/dev/null; then return; fi
  say "installing the compiler"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    clang-19 lld-19 llvm-19 python3 python3-venv >/dev/null
}

# The sysroot travels inside the npm package of a clang that is itself wasm.
fetch_sysroot() {
  has sysroot/lib/wasm32-wasip1/libc.so && return
  command -v npm >/dev/null || { say "npm is needed to get the sysroot" && exit 1; }
  say "getting the sysroot"
  rm -rf "$W/dl/clang" && mkdir -p "$W/dl/clang" "$SYSROOT"
  (cd "$W/dl/clang" && npm pack --silent @yowasp/clang@22.0.0-git20542-10 >/dev/null && tar xzf ./*.tgz package/gen/llvm-resources.tar)
  tar xf "$W/dl/clang/package/gen/llvm-resources.tar" -C "$SYSROOT"
  ln -sfn wasm32-wasip1 "$SYSROOT/lib/wasm32-wasi"
  ln -sfn wasm32-wasip1 "$SYSROOT/include/wasm32-wasi"
  rm -rf "$W/dl/clang"
}

# A newer clang, and the sources of libc++.
fetch_zig() {
  has venv/zig venv/ziglib/libcxx/src venv/bin/python && return
  say "getting clang 22"
  has venv/bin/python || python3 -m venv "$W/venv"
  "$W/venv/bin/pip" install -q ziglang==0.17.0 zstandard==0.25.0
  local package
  package=$("$W/venv/bin/python" -c 'import os, ziglang; print(os.path.dirname(ziglang.__file__))')
  ln -sfn "$package/zig" "$W/venv/zig"
  ln -sfn "$package/lib" "$W/venv/ziglib"
}

stage_base() {
  stage_apt
  fetch_sysroot
  mkdir -p "$W/lib"
  cp -f "$LIBRARIES"/*.so "$W/lib/"
}

# compile_all FOLDER "COMPILER FLAGS" SOURCE...: objects in FOLDER, several at a time.
compile_all() {
  local folder=$1 command=$2 source
  shift 2
  rm -rf "$folder" && mkdir -p "$folder"
  for source; do
    printf '%s\0' "$command -c $source -o $folder/$(echo "${source%.*}" | tr / _).o"
  done | xargs -0 -P"$JOBS" -I{} sh -c '{} || { echo "failed: {}" >&2; exit 255; }'
}

# cxx_flags EXCEPTIONS: what one build of libc++ is compiled with.
cxx_flags() {
  case $1 in
  none) echo "-fno-exceptions -D_LIBCPP_HAS_EXCEPTIONS=0" ;;
  exnref) echo "-fwasm-exceptions -funwind-tables -mllvm -wasm-use-legacy-eh=false" ;;
  legacy) echo "-fwasm-exceptions -funwind-tables -mllvm -wasm-use-legacy-eh=true" ;;
  esac
}

build_cxx() { # EXCEPTIONS
  local out=$W/lib-$1 lib=$W/venv/ziglib objects=$W/obj/cxx-$1 command source
  [ -e "$out/libc++.so" ] && [ -e "$out/libc++abi.so" ] && return
  say "building libc++ ($1)"
  mkdir -p "$out" "$W/obj"
  command="$W/venv/zig clang --driver-mode=g++ --target=wasm32-wasip1 --sysroot=$SYSROOT -resource-dir $SYSROOT"
  command="$command -nostdinc++ -isystem $SYSROOT/include/c++/v1 $(cxx_flags "$1") -O2 -g0 -fPIC -fvisibility=default -w"
  command="$command -std=c++23 -DNDEBUG $EMULATED -D_LIBCPP_BUILDING_LIBRARY -DLIBCXX_BUILDING_LIBCXXABI"
  command="$command -D_LIBCXXABI_BUILDING_LIBRARY -D_LIBCPP_REMOVE_TRANSITIVE_INCLUDES"
  command="$command -I$lib/libcxx/src -I$lib/libcxx/src/include -I$lib/libcxx/src/filesystem -I$lib/libcxx/libc"

  local abi=() throwing="cxa_exception cxa_personality"
  [ "$1" = none ] && throwing=cxa_noexception
  for source in abort_message cxa_aux_runtime cxa_default_handlers cxa_demangle cxa_exception_storage cxa_guard \
    cxa_handlers $throwing cxa_thread_atexit cxa_vector cxa_virtual fallback_malloc private_typeinfo \
    stdlib_exception stdlib_new_delete stdlib_stdexcept stdlib_typeinfo; do
    abi+=("$lib/libcxxabi/src/$source.cpp")
  done
  compile_all "$objects/abi" "$command" "${abi[@]}"
  if [ "$1" != none ]; then
    # The unwinder, in C, is a part of libc++abi.so: it holds the one state that both sides share.
    # shellcheck disable=SC2046
    "$W/venv/zig" clang --target=wasm32-wasip1 --sysroot="$SYSROOT" -resource-dir "$SYSROOT" $(cxx_flags "$1") -O2 -fPIC \
      -fvisibility=default -w -D_LIBUNWIND_HIDE_SYMBOLS -DNDEBUG -I"$lib/libunwind/include" \
      -c "$lib/libunwind/src/Unwind-wasm.c" -o "$objects/abi/unwind.o"
  fi
  # shellcheck disable=SC2086
  quietly "$W/venv/zig" wasm-ld $SHARED_FLAGS -L"$LIBRARIES" "$objects"/abi/*.o -lc "$BUILTINS" -o "$out/libc++abi.so"

  # WASI has no copy_file_range, which libc++ takes for granted where there is no other way.
  sed 's/define _LIBCPP_FILESYSTEM_USE_COPY_FILE_RANGE/undef _LIBCPP_FILESYSTEM_USE_COPY_FILE_RANGE/' \
    "$lib/libcxx/src/filesystem/operations.cpp" >"$W/obj/operations.cpp"
  local cxx=("$W/obj/operations.cpp")
  for source in "$lib"/libcxx/src/{,filesystem/,ryu/,support/runtime/}*.cpp; do
    case $source in *'*'* | */operations.cpp) ;; *) cxx+=("$source") ;; esac
  done
  compile_all "$objects/cxx" "$command" "${cxx[@]}"
  # shellcheck disable=SC2086
  quietly "$W/venv/zig" wasm-ld $SHARED_FLAGS -L"$out" -L"$LIBRARIES" "$objects"/cxx/*.o -lc++abi -lc "$BUILTINS" \
    -o "$out/libc++.so"
  rm -rf "$objects" "$W/obj/operations.cpp"
}

stage_cxx() {
  local exceptions
  has lib-{none,exnref,legacy}/libc++.so lib-{none,exnref,legacy}/libc++abi.so && has venv/zig && return
  stage_base
  fetch_zig
  for exceptions in none exnref legacy; do build_cxx $exceptions; done
}

fetch_python() { # MINOR, RELEASE of componentize-py
  local out=$W/py3$1 wheel=$W/dl/python-3.$1
  has "py3$1/libpython3.$1.so" "py3$1/stdlib/os.py" && return
  say "getting CPython 3.$1"
  rm -rf "$wheel" && mkdir -p "$wheel"
  "$W/venv/bin/pip" download -q --no-deps --only-binary=:all: -d "$wheel" "componentize-py==$2"
  "$W/venv/bin/python" "$HERE/toolchain/unpack-python.py" "$wheel"/*.whl "$out" "libpython3.$1.so"
  rm -rf "$wheel"
}

stage_py() {
  local minor compile="$CLANG --target=wasm32-wasi --sysroot=$SYSROOT -O2 -fPIC -fvisibility=default"
  has py312/python3.12.wasm py314/python3.14.wasm py312/stdlib/os.py py314/stdlib/os.py lib/libsockstub.so && return
  stage_base
  fetch_zig
  fetch_python 12 0.17.2
  fetch_python 14 0.25.1
  mkdir -p "$W/obj"
  $compile -c "$HERE/toolchain/sockets.c" -o "$W/obj/sockets.o"
  $compile -c "$HERE/toolchain/python-main.c" -o "$W/obj/python-main.o"
  # shellcheck disable=SC2086
  quietly "$WASM_LD" $SHARED_FLAGS -L"$LIBRARIES" "$W/obj/sockets.o" -lc "$BUILTINS" -o "$W/lib/libsockstub.so"
  for minor in 12 14; do
    # shellcheck disable=SC2086
    quietly "$WASM_LD" $MAIN_FLAGS -L"$W/py3$minor" -L"$W/lib" -L"$LIBRARIES" "$LIBRARIES/crt1-command.o" \
      "$W/obj/python-main.o" "-lpython3.$minor" -lsockstub -lwasi-emulated-getpid -lwasi-emulated-process-clocks \
      -lwasi-emulated-signal -lwasi-emulated-mman -lc "$BUILTINS" -o "$W/py3$minor/python3.$minor.wasm"
  done
}

# Native wheels for wasm are built against a process that has C++ and exceptions of the legacy encoding.
has_wheels() {
  has site/pydantic/main.py site/pydantic_core/_pydantic_core.so site/msgpack/_cmsgpack.so site/simplejson/_speedups.so
}

fetch_wheel() {
  local wheels=$W/dl/wheels name
  has_wheels && return
  say "getting wheels"
  rm -rf "$wheels" "$W/site" && mkdir -p "$wheels" "$W/site"
  "$W/venv/bin/pip" download -q --no-deps --only-binary=:all: --platform pyemscripten_2026_0_wasm32 \
    --python-version 3.14 --implementation cp --abi cp314 -d "$wheels" \
    pydantic-core==2.50.4 msgpack==1.2.4 simplejson==4.3.0
  "$W/venv/bin/pip" download -q --no-deps --only-binary=:all: -d "$wheels" \
    pydantic==2.14.3 typing-extensions==4.16.0 annotated-types==0.8.0 typing-inspection==0.4.5
  for name in "$wheels"/*.whl; do "$W/venv/bin/python" -m zipfile -e "$name" "$W/site"; done
  # CPython for WASI looks for NAME.so, not for Emscripten's suffix.
  find "$W/site" -name '*.cpython-314-wasm32-emscripten.so' | while read -r name; do
    mv "$name" "${name%.cpython-314*}.so"
  done
  rm -rf "$wheels"
}

stage_wheel() {
  has_wheels && has py314/python3.14-legacy.wasm && return
  stage_cxx
  stage_py
  fetch_wheel
  mkdir -p "$W/obj"
  "$CLANG" --target=wasm32-wasi --sysroot="$SYSROOT" -O2 -fPIC -fvisibility=default -c "$HERE/toolchain/python-main.c" -o "$W/obj/python-main.o"
  # shellcheck disable=SC2086
  quietly "$W/venv/zig" wasm-ld $MAIN_FLAGS -L"$W/py314" -L"$W/lib-legacy" -L"$W/lib" -L"$LIBRARIES" "$LIBRARIES/crt1-command.o" \
    "$W/obj/python-main.o" -lpython3.14 -lc++ -lc++abi -lsetjmp -lsockstub -lwasi-emulated-getpid \
    -lwasi-emulated-process-clocks -lwasi-emulated-signal -lwasi-emulated-mman -lc "$BUILTINS" \
    -o "$W/py314/python3.14-legacy.wasm"
}

# Its sources are in a crate.
fetch_lua() { # FOLDER
  say "getting Lua"
  rm -rf "$1" && mkdir -p "$1/src"
  touch "$1/src/lib.rs"
  printf '%s\n' '[package]' 'name = "sources"' 'version = "0.1.0"' '[workspace]' '[dependencies]' 'lua-src = "=547.0.0"' >"$1/Cargo.toml"
  (cd "$1" && cargo vendor --quiet vendor >/dev/null)
}

stage_lua() {
  local crate=$W/dl/lua objects=$W/obj/lua source compile="$CLANG --target=wasm32-wasi --sysroot=$SYSROOT -O2 -fPIC"
  has lua/liblua5.4.so lua/lua.wasm sysroot/include/lua5.4/lauxlib.h && return
  stage_base
  fetch_lua "$crate"
  source=$crate/vendor/lua-src/lua-5.4.7
  mkdir -p "$W/lua" "$W/obj" "$SYSROOT/include/lua5.4"
  cp "$source"/{lua,luaconf,lauxlib,lualib}.h "$SYSROOT/include/lua5.4/"
  compile="$compile -fvisibility=default -w -mllvm -wasm-enable-sjlj $EMULATED -DLUA_USE_DLOPEN -DL_tmpnam=20"
  compile_all "$objects" "$compile" "$source"/l*.c "$HERE"/toolchain/lua-{host,main}.c
  # shellcheck disable=SC2086
  quietly "$WASM_LD" $SHARED_FLAGS -L"$LIBRARIES" $(ls "$objects"/*.o | grep -v lua-main) -ldl -lsetjmp -lwasi-emulated-signal \
    -lwasi-emulated-process-clocks -lc "$BUILTINS" -o "$W/lua/liblua5.4.so"
  # shellcheck disable=SC2086
  quietly "$WASM_LD" $MAIN_FLAGS -L"$W/lua" -L"$LIBRARIES" "$LIBRARIES/crt1-command.o" "$objects"/*lua-main.o -llua5.4 -lsetjmp \
    -lwasi-emulated-signal -lc "$BUILTINS" -o "$W/lua/lua.wasm"
  rm -rf "$crate" "$objects"
}

[ $# -gt 0 ] || set -- apt base cxx py wheel lua
mkdir -p "$W/dl"
for stage; do
  case $stage in
  apt | base | cxx | py | wheel | lua)
    # Not with `&&`: behind that the shell goes on after what fails.
    "stage_$stage"
    say "$stage: there, in $W"
    ;;
  *) sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p}' "$0" >&2 && exit 2 ;;
  esac
done
