;;! An earlier module shadows a later one and the built-in functions; a module that exports what it
;;! imports wraps what stands behind it. The first module's data are what is there in the end.
;;!
;;! run: --flat $TMP/main.wasm $TMP/first.wasm $TMP/second.wasm
;;! stdout: 1
;;! stdout: 12
;;! stdout: 77
;;! exit: 4
;;!
;;! run: --flat $TMP/main.wasm $TMP/second.wasm $TMP/first.wasm
;;! stdout: 2
;;! stdout: 2
;;! stdout: 77
;;! exit: 4
;;!
;;! run: --flat $TMP/main.wasm $TMP/second.wasm $TMP/first.wasm
;;! env: DYNVM_DEBUG=files
;;! stderr-contains: main.wasm and first.wasm both have data at 0x800: main.wasm's are what is there
;;! stdout: 2
;;! stdout: 2
;;! stdout: 77
;;! exit: 4
;;!
;;! run: --flat $TMP/main.wasm $TMP/second.wasm
;;! stdout: 2
;;! stdout: 2
;;! stdout: 77
;;! exit: 3
(module
  (import "env" "memory" (memory 1))
  (import "env" "which" (func $which (result i32)))
  (import "env" "wrapped" (func $wrapped (result i32)))
  (import "env" "strlen" (func $strlen (param i32) (result i32)))
  (import "env" "print" (func $print (param i32)))
  (data (i32.const 2048) "Mar\00")
  (func (export "main") (result i32)
    (call $print (call $which))
    (call $print (call $wrapped))
    (call $print (i32.load8_u (i32.const 2048)))
    (call $strlen (i32.const 2048))))
