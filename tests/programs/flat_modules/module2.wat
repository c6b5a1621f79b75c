;;! Two modules, of which one calls the other and prints what it gets.
;;!
;;! run: --flat $TMP/module2.wasm $TMP/module1.wasm
;;! stdout: 42
;;!
;;! run: --flat $TMP/module2.wasm $TMP/wrong.wasm
;;! stderr: dynvm: function `f`: expected type () -> (i32) (needed by module2.wasm), found () -> (i64) (defined by wrong.wasm)
;;! exit: 127
;;!
;;! run: --flat $TMP/module1.wasm
;;! stderr: dynvm: `module1.wasm` has no entry point: expected `_start`, `main` or `_initialize`
;;! exit: 127
;;!
;;! run: $TMP/module2.wasm
;;! stderr: dynvm: 2 undefined symbols
;;! stderr:   `f` (needed by module2.wasm)
;;! stderr:   `print` (needed by module2.wasm)
;;! exit: 127
(module
  (import "env" "f" (func $f (result i32)))
  (import "env" "print" (func $print (param i32)))
  (func (export "main") (result i32) (call $print (call $f)) (i32.const 0)))
