;; Opens `hello.txt` in the first granted directory, descriptor 3, and prints it; the exit status
;; is the error number. 8 is a bad descriptor: nothing is granted.
;;! $ dynvm directory.wasm
;;! ? 8
;;! $ dynvm --dir . directory.wasm
;;! > Hello from a file.
;;! $ dynvm --dir .::/data directory.wasm
;;! > Hello from a file.
;;! $ dynvm --dir / directory.wasm
;;! ? 44
;;! $ DYNVM_DEBUG=wasi dynvm --dir . directory.wasm
;;! > Hello from a file.
;;! ! PID:	wasi: path_open(fd 3, lookup 0, "hello.txt", flags 0, rights 2, inheriting 0, fdflags 0, opened 0) = 0, opened 4
;;! ! PID:	wasi: fd_read(fd 4, iovs 8, iovs_len 1, read 16) = 0, read 19
;;! ! PID:	wasi: fd_write(fd 1, iovs 8, iovs_len 1, written 16) = 0, written 19
;;! $ DYNVM_DEBUG=wasi dynvm --dir / directory.wasm
;;! ! PID:	wasi: path_open(fd 3, lookup 0, "hello.txt", flags 0, rights 2, inheriting 0, fdflags 0, opened 0) = 44 noent
;;! ! PID:	wasi: proc_exit(status 44)
;;! ? 44
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "hello.txt")
  (func $check (param $errno i32)
    (if (local.get $errno) (then (call $proc_exit (local.get $errno)))))
  (func (export "_start")
    (call $check (call $path_open
      (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 9) (i32.const 0)
      (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0)))
    (i32.store (i32.const 8) (i32.const 1024))
    (i32.store (i32.const 12) (i32.const 1024))
    (call $check (call $fd_read
      (i32.load (i32.const 0)) (i32.const 8) (i32.const 1) (i32.const 16)))
    (i32.store (i32.const 12) (i32.load (i32.const 16)))
    (call $check (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))
  )
)
