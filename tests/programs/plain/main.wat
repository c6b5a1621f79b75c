;;! A module without any linking section, with a memory of its own.
;;!
;;! run: $TMP/main.wasm
;;! stdout: plain module
;;!
;;! run: $TMP/imports.wasm
;;! stdout: memory of the host
;;! exit: 7
;;!
;;! run: $TMP/unknown.wasm
;;! stderr: dynvm: 2 undefined symbols
;;! stderr:   `nowhere.f` (needed by unknown.wasm)
;;! stderr:   `wasi_snapshot_preview1.fd_fly` (needed by unknown.wasm)
;;! exit: 127
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "\10\00\00\00\0d\00\00\00")
  (data (i32.const 16) "plain module\n")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))))
