;; A library with one of everything that a main can refer to.
(module
  (@dylink.0 (mem-info (memory 16 4) (table 1 0)))
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $memory_base i32))
  (import "env" "__table_base" (global $table_base i32))
  (elem (global.get $table_base) func $bump)
  (global (export "counter") i32 (i32.const 4))
  (func $bump (export "bump") (param i32) (result i32)
    (i32.store offset=4 (global.get $memory_base) (local.get 0))
    (local.get 0)))
