;;! Function pointers go from one module to another: they have one table. A module whose functions
;;! stand where another's do keeps a table of its own.
;;!
;;! run: --flat $TMP/main.wasm $TMP/sort.wasm
;;! stdout: 9
;;! stdout: 7
;;! stdout: 2
;;!
;;! run: --flat $TMP/main.wasm $TMP/clash.wasm
;;! stderr: dynvm: wasm trap: indirect call type mismatch: expected (i32, i32) -> (i32), found `clash.wasm!own` of type () -> () at table index 1
;;! stderr:   #0 clash.wasm!sort+0x7
;;! stderr:   #1 main.wasm!main+0x8
;;! exit: 134
;;!
;;! run: --flat $TMP/main.wasm $TMP/clash.wasm
;;! env: DYNVM_DEBUG=files
;;! stderr-contains: clash.wasm: its functions stand in the table where those of main.wasm do: its function pointers are its own
;;! exit: 134
(module
  (import "env" "memory" (memory 1))
  (import "env" "sort" (func $sort (param i32 i32 i32)))
  (import "env" "print" (func $print (param i32)))
  (table 2 funcref)
  (elem (i32.const 1) $descending)
  (data (i32.const 1024) "\02\09\07")
  (func $descending (param i32 i32) (result i32) (i32.lt_u (local.get 0) (local.get 1)))
  (func $main (export "main") (result i32)
    (call $sort (i32.const 1024) (i32.const 3) (i32.const 1))
    (call $print (i32.load8_u (i32.const 1024)))
    (call $print (i32.load8_u (i32.const 1025)))
    (call $print (i32.load8_u (i32.const 1026)))
    (i32.const 0)))
