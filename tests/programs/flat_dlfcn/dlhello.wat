;;! A flat program opens a module, and calls what `dlsym` gives through its table.
;;!
;;! run: --flat $TMP/dlhello.wasm -- dlworld.wasm world
;;! stdout: World!
;;!
;;! run: --flat $TMP/dlhello.wasm -- dlmars.wasm world
;;! stdout: dlopen failed:
;;! stdout: dlmars.wasm: cannot open shared object file: No such file or directory
;;! stdout:   searched ../../../examples/libc
;;! stdout:   searched $TMP
;;! stdout:   searched /lib
;;! stdout:   searched /usr/lib
;;! stderr: dynvm: wasm trap: host function failed: the program aborted
;;! stderr:   #0 dlhello.wasm!main+0x1e
;;! exit: 134
;;!
;;! run: --flat $TMP/dlhello.wasm -- dlworld.wasm mars
;;! stdout: dlsym failed:
;;! stdout: $TMP/dlworld.wasm: undefined symbol: mars
;;! stderr: dynvm: wasm trap: host function failed: the program aborted
;;! stderr:   #0 dlhello.wasm!main+0x42
;;! exit: 134
(module
  (import "env" "memory" (memory 1))
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
  (import "env" "dlerror" (func $dlerror (result i32)))
  (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
  (import "env" "puts" (func $puts (param i32) (result i32)))
  (import "env" "abort" (func $abort))
  ;; Of its own, as compilers of the time made it; functions of other modules come into it.
  (table 1 1 funcref)
  (data (i32.const 1024) "dlopen failed:\00")
  (data (i32.const 1040) "dlsym failed:\00")
  (func $main (export "main") (param $argc i32) (param $argv i32) (result i32)
    (local $handle i32) (local $world i32) (local $error i32)
    (local.set $handle (call $dlopen (i32.load offset=4 (local.get $argv)) (i32.const 2)))
    (if (i32.eqz (local.get $handle)) (then
      (drop (call $puts (i32.const 1024))) (drop (call $puts (call $dlerror))) (call $abort)))
    (drop (call $dlerror))
    (local.set $world (call $dlsym (local.get $handle) (i32.load offset=8 (local.get $argv))))
    (local.set $error (call $dlerror))
    (if (local.get $error) (then
      (drop (call $puts (i32.const 1040))) (drop (call $puts (local.get $error))) (call $abort)))
    (call_indirect (local.get $world))
    (call $dlclose (local.get $handle))))
