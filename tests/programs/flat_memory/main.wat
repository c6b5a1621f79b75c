;;! One memory for all modules, whether they import or define it; the heap starts where main says,
;;! and `malloc` gives what nobody else has. What musl asks of Linux it gets: here on the left what is
;;! printed, one number a line.
;;!
;;! run: --dir $TMP::/tmp --flat $TMP/main.wasm $TMP/other.wasm
;;! stdout: 5000
;;! stdout: 5100
;;! stdout: 5100
;;! stdout: 1
;;! stdout: 0
;;! stdout: 11
;;! stdout: 1
;;! stdout: -38
;;! stdout: -9
;;! stdout: -2
;;! stdout: 4
;;! stdout: 4
;;! stdout: 1852399981
;;! exit: 7
(module
  (import "env" "peek" (func $peek (param i32) (result i32)))
  (import "env" "print" (func $print (param i32)))
  (import "env" "malloc" (func $malloc (param i32) (result i32)))
  (import "env" "calloc" (func $calloc (param i32 i32) (result i32)))
  (import "env" "realloc" (func $realloc (param i32 i32) (result i32)))
  (import "env" "free" (func $free (param i32)))
  (import "env" "exit" (func $exit (param i32)))
  (import "env" "__syscall0" (func $syscall0 (param i32) (result i32)))
  (import "env" "__syscall1" (func $syscall1 (param i32 i32) (result i32)))
  (import "env" "__syscall3" (func $syscall3 (param i32 i32 i32 i32) (result i32)))
  (import "env" "__syscall6" (func $syscall6 (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "__syscall" (func $syscall (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (global (export "__heap_base") i32 (i32.const 5000))
  (data (i32.const 1024) "main.txt\00/tmp/main.txt\00")
  (data (i32.const 1056) "\01\00\00\00\00\04\00\00\04\00\00\00")
  (func (export "main") (local $one i32) (local $other i32) (local $fd i32)
    ;; brk(0), brk(5100), brk below the heap
    (call $print (call $syscall1 (i32.const 45) (i32.const 0)))
    (call $print (call $syscall1 (i32.const 45) (i32.const 5100)))
    (call $print (call $syscall1 (i32.const 45) (i32.const 4000)))
    ;; two pieces of the heap do not overlap; what is given is zero
    (local.set $one (call $malloc (i32.const 100)))
    (local.set $other (call $calloc (i32.const 10) (i32.const 10)))
    (call $print (i32.or (i32.ge_u (local.get $other) (i32.add (local.get $one) (i32.const 100)))
                         (i32.ge_u (local.get $one) (i32.add (local.get $other) (i32.const 100)))))
    (call $print (i32.load (local.get $other)))
    (i32.store (local.get $one) (i32.const 11))
    (local.set $one (call $realloc (local.get $one) (i32.const 100000)))
    (call $print (call $peek (local.get $one)))
    (call $free (local.get $one))
    ;; getpid; no such system call; a closed descriptor; a path that is not granted
    (call $print (call $syscall0 (i32.const 20)))
    (call $print (call $syscall0 (i32.const 9999)))
    (call $print (call $syscall1 (i32.const 6) (i32.const 99)))
    (call $print (call $syscall3 (i32.const 5) (i32.const 1024) (i32.const 0) (i32.const 0)))
    ;; open to write, write four bytes, open to read, map memory, read into it
    (local.set $fd (call $syscall3 (i32.const 5) (i32.const 1033) (i32.const 0x241) (i32.const 0)))
    (call $print (call $syscall3 (i32.const 4) (local.get $fd) (i32.const 1024) (i32.const 4)))
    (drop (call $syscall1 (i32.const 6) (local.get $fd)))
    (local.set $fd (call $syscall3 (i32.const 5) (i32.const 1033) (i32.const 0) (i32.const 0)))
    (local.set $one (call $syscall6 (i32.const 192) (i32.const 0) (i32.const 5000) (i32.const 3)
      (i32.const 0x22) (i32.const -1) (i32.const 0)))
    (call $print (call $syscall3 (i32.const 3) (local.get $fd) (local.get $one) (i32.const 100)))
    (call $print (i32.load (local.get $one)))
    (call $exit (i32.const 7))))
