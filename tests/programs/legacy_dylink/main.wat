;;! Modules of before 2021: their section is called `dylink` and holds sizes, alignments and names
;;! one behind the other. A constructor can be called `__post_instantiate`; it finds relocated data.
;;!
;;! run: $TMP/main.wasm
;;! stdout: 42
;;!
;;! run: ldd $TMP/main.wasm
;;! stdout: main.wasm => $TMP/main.wasm (memory 0x800400, table 0x1)
;;! stdout: libold.so => $TMP/libold.so (memory 0x800440, table 0x1), needed by main.wasm
;;!
;;! run: nm $TMP/libold.so
;;! stdout: 00000004 D answer
;;! stdout:          U answer [GOT.mem]
;;! stdout: 000000e6 T get
;;!
;;! run: $TMP/late.wasm
;;! stderr: dynvm: cannot load `$TMP/late.wasm`: the `dylink` section is not the first section of the module
;;! exit: 127
;;!
;;! run: $TMP/short.wasm
;;! stderr: dynvm: cannot load `$TMP/short.wasm`: the `dylink.0` section ends inside a count of names
;;! exit: 127
;;!
;;! run: $TMP/alone.wasm
;;! stderr: dynvm: cannot find `libnew.so` (needed by alone.wasm)
;;! stderr:   searched ../../../examples/libc
;;! stderr:   searched $TMP
;;! stderr:   searched /lib
;;! stderr:   searched /usr/lib
;;! exit: 127
(module
  ;; 64 bytes of memory at a multiple of 16, no table elements, one needed library
  (@custom "dylink" (before first) "\40\04\00\00\01\09libold.so")
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.mem" "answer" (global $answer (mut i32)))
  (import "env" "get" (func $get (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (data (global.get $base) "42\n")
  (func (export "main") (param i32 i32) (result i32)
    ;; What the library says and what is in its data must be one address and the number in it.
    (if (i32.ne (call $get) (i32.load (global.get $answer))) (then (return (i32.const 1))))
    (if (i32.ne (call $get) (i32.const 42)) (then (return (i32.const 2))))
    (i32.store offset=8 (global.get $base) (global.get $base))
    (i32.store offset=12 (global.get $base) (i32.const 3))
    (call $fd_write (i32.const 1) (i32.add (global.get $base) (i32.const 8)) (i32.const 1)
      (i32.add (global.get $base) (i32.const 16)))))
