;;! Exceptions of both encodings across libraries: thrown in libb, through libexnref or liblegacy,
;;! caught here.
;;!
;;! run: --invoke across $TMP/main.wasm 42
;;! stdout: 42
;;! stdout: 42
;;! stdout: 1
;;! stdout: 1
;;!
;;! run: --invoke nested $TMP/main.wasm 7
;;! stdout: 1115
;;! stdout: 1115
;;!
;;! run: --invoke indirect $TMP/main.wasm 5
;;! stdout: 5
;;! stdout: 5
;;! stdout: 5
;;! stdout: 5
;;!
;;! run: --invoke other_tag $TMP/main.wasm 6
;;! stdout: 1
;;!
;;! run: --invoke legacy_delegate $TMP/main.wasm 3
;;! stdout: 3
;;!
;;! run: --invoke legacy_delegate $TMP/main.wasm 4
;;! stdout: 10004
;;!
;;! run: --invoke often $TMP/main.wasm 20000
;;! stdout: 20000
;;! stdout: 20000
;;!
;;! run: --invoke uncaught_exnref $TMP/main.wasm 42
;;! stderr: dynvm: wasm trap: uncaught exception: `__cpp_exception` 42
;;! stderr:   #0 libb.so!throw_cpp+0x3
;;! stderr:   #1 libexnref.so!pass+0xa
;;! stderr:   #2 main.wasm!uncaught_exnref+0x3
;;! exit: 134
;;!
;;! run: --invoke uncaught_legacy $TMP/main.wasm 42
;;! stderr: dynvm: wasm trap: uncaught exception: `__cpp_exception` 42
;;! stderr:   #0 libb.so!throw_cpp+0x3
;;! stderr:   #1 liblegacy.so!pass+0x5
;;! stderr:   #2 main.wasm!uncaught_legacy+0x3
;;! exit: 134
;;!
;;! run: --invoke uncaught_oops $TMP/main.wasm 42
;;! stderr: dynvm: wasm trap: uncaught exception: `oops` 42 42
;;! stderr:   #0 libb.so!throw_oops+0x6
;;! stderr:   #1 main.wasm!uncaught_oops+0x3
;;! exit: 134
(module
  (@dylink.0 (mem-info) (needed "libexnref.so" "liblegacy.so" "libb.so"))
  (import "env" "exnref_pass" (func $exnref_pass (param i32)))
  (import "env" "legacy_pass" (func $legacy_pass (param i32)))
  (import "env" "exnref_cleaned" (func $exnref_cleaned (result i32)))
  (import "env" "legacy_cleaned" (func $legacy_cleaned (result i32)))
  (import "env" "exnref_call" (func $exnref_call (param i32 i32) (result i32)))
  (import "env" "legacy_call" (func $legacy_call (param i32 i32) (result i32)))
  (import "env" "exnref_nested" (func $exnref_nested (param i32) (result i32)))
  (import "env" "legacy_nested" (func $legacy_nested (param i32) (result i32)))
  (import "env" "legacy_delegate" (func $legacy_delegate (param i32) (result i32)))
  (import "env" "throw_oops" (func $throw_oops (param i32)))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "GOT.func" "throw_cpp" (global $throw_cpp (mut i32)))
  (import "GOT.func" "throw_oops" (global $throw_oops_pointer (mut i32)))
  (import "env" "__cpp_exception" (tag $cpp (param i32)))
  (import "env" "oops" (tag $oops (param i32 f64)))
  (export "legacy_delegate" (func $legacy_delegate))

  (func $across (export "across") (param i32) (result i32 i32 i32 i32)
    (block $legacy (result i32)
      (try_table (catch $cpp $legacy) (call $legacy_pass (local.get 0)))
      (unreachable))
    (block $exnref (result i32)
      (try_table (catch $cpp $exnref) (call $exnref_pass (local.get 0)))
      (unreachable))
    (call $legacy_cleaned)
    (call $exnref_cleaned))

  (func (export "nested") (param i32) (result i32 i32)
    (call $exnref_nested (local.get 0))
    (call $legacy_nested (local.get 0)))

  ;; Caught there; and not caught there but here.
  (func (export "indirect") (param i32) (result i32 i32 i32 f64)
    (call $exnref_call (global.get $throw_cpp) (local.get 0))
    (call $legacy_call (global.get $throw_cpp) (local.get 0))
    (block $caught (result i32 f64)
      (try_table (catch $oops $caught)
        (drop (call $exnref_call (global.get $throw_oops_pointer) (local.get 0))))
      (unreachable)))

  ;; A clause for another tag takes nothing.
  (func (export "other_tag") (param i32) (result i32)
    (block $all
      (block $wrong (result i32)
        (try_table (catch $cpp $wrong) (catch_all $all) (call $throw_oops (local.get 0)))
        (unreachable))
      (return (i32.const -1)))
    (i32.const 1))

  (func (export "often") (param $n i32) (result i32 i32)
    (loop $l
      (call $across (i32.const 1))
      (drop) (drop) (drop) (drop)
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (call $legacy_cleaned)
    (call $exnref_cleaned))

  (func (export "uncaught_exnref") (param i32) (call $exnref_pass (local.get 0)))
  (func (export "uncaught_legacy") (param i32) (call $legacy_pass (local.get 0)))
  (func (export "uncaught_oops") (param i32) (call $throw_oops (local.get 0)))
)
