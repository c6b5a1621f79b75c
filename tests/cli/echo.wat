;; Copies standard input to standard output, and tells what descriptors 1 and 99 say of a write.
;;! $ dynvm echo.wasm < "two\nlines\n"
;;! > two
;;! > lines
;;! $ dynvm echo.wasm < ""
;;! $ dynvm --invoke bad_descriptor echo.wasm
;;! > 8
;;! $ dynvm --invoke bad_clock echo.wasm
;;! > 28
;;! $ dynvm --invoke cpu_clock echo.wasm
;;! > 0
;;! > 1
;;! $ dynvm --invoke bad_pointer echo.wasm
;;! ! dynvm: wasm trap: host function failed: `clock_time_get`: pointer 0xfffffffc is out of bounds for 8 bytes
;;! !   #0 echo.wasm!bad_pointer+0x7
;;! ? 134
(module
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock_time_get (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  ;; 0: the buffer at 16, and its length; 8: how much was read
  (func (export "_start")
    (loop $more
      (i32.store (i32.const 0) (i32.const 16))
      (i32.store (i32.const 4) (i32.const 4))
      (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
      (br_if $more (i32.load (i32.const 8)))
    )
  )
  (func (export "bad_descriptor") (result i32)
    (call $fd_write (i32.const 99) (i32.const 0) (i32.const 1) (i32.const 12)))
  (func (export "bad_clock") (result i32)
    (call $clock_time_get (i32.const 77) (i64.const 0) (i32.const 16)))
  (func (export "cpu_clock") (result i32 i32)
    (call $clock_time_get (i32.const 2) (i64.const 0) (i32.const 16))
    (i64.ne (i64.load (i32.const 16)) (i64.const 0)))
  (func (export "bad_pointer") (result i32)
    (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const -4)))
)
