;;! A program and its C library without linking sections: the program exports the system call that
;;! the library prints with. Without such an export the library finds the built-in one.
;;!
;;! run: --flat $TMP/main.wasm $TMP/musl.wasm
;;! stdout: main: write
;;! stdout: Hello, World!
;;!
;;! run: --flat $TMP/plain.wasm $TMP/musl.wasm
;;! stdout: Hello, World!
;;! exit: 3
;;!
;;! run: --flat $TMP/plain.wasm
;;! stderr: dynvm: undefined symbol `greet` (needed by plain.wasm)
;;! exit: 127
;;!
;;! run: --flat $TMP/plain.wasm $TMP/nowhere.wasm
;;! stderr: dynvm: cannot read `$TMP/nowhere.wasm`: no such file
;;! exit: 127
;;!
;;! run: ldd --flat $TMP/plain.wasm $TMP/musl.wasm
;;! stdout: plain.wasm => $TMP/plain.wasm (memory 0x0, table 0x0)
;;! stdout: musl.wasm => $TMP/musl.wasm (memory 0x0, table 0x0), needed by plain.wasm
;;!
;;! run: ldd $TMP/plain.wasm $TMP/musl.wasm
;;! stderr: dynvm: expected --flat
;;! stderr:   try `dynvm --help`
;;! exit: 2
(module
  (import "env" "memory" (memory 1))
  (import "env" "greet" (func $greet (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (data (i32.const 1024) "\08\04\00\00\0c\00\00\00main: write\n")
  ;; (number, fd, iovec, count), where 146 is `writev`
  (func (export "__syscall3") (param i32 i32 i32 i32) (result i32)
    (if (i32.ne (local.get 0) (i32.const 146)) (then (return (i32.const -38))))
    (drop (call $fd_write (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 512)))
    (drop (call $fd_write (local.get 1) (local.get 2) (local.get 3) (i32.const 512)))
    (i32.load (i32.const 512)))
  (func (export "main") (result i32) (call $greet)))
