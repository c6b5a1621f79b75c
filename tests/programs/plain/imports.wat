;; The same, over the memory and the table of the process.
(module
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (data (i32.const 1032) "\10\04\00\00\13\00\00\00")
  (data (i32.const 1040) "memory of the host\n")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 1032) (i32.const 1) (i32.const 1024)))
    (call $proc_exit (i32.const 7))))
