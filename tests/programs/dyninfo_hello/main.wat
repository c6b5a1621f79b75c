;;! Libraries of ELF turned into wasm: a program without PIC, its C library, and data of the library
;;! that the program got a copy of.
;;!
;;! run: $TMP/main.wasm
;;! stdout: Hello, World!
;;! stdout: 42
;;! exit: 3
;;!
;;! run: ldd $TMP/main.wasm
;;! stdout: main.wasm => $TMP/main.wasm (memory 0x0, table 0x0)
;;! stdout: libc.so => $TMP/libc.so (memory 0x810000, table 0x4), needed by main.wasm
;;!
;;! run: nm $TMP/libc.so
;;! stdout: 0000001c D lines
;;! stdout:          U lines [ref]
;;! stdout: 000000f2 T print_answer
;;! stdout: 0000009e T puts
;;!
;;! run: nm $TMP/main.wasm
;;! stdout: 00000020 D lines
;;! stdout:          U lines [copy]
;;! stdout:          U print_answer [refun]
;;! stdout:          U puts [refun]
;;!
;;! run: $TMP/old.wasm
;;! stderr: dynvm: cannot load `$TMP/old.wasm`: the `dyninfo` section: expected value at line 1 column 1
;;! exit: 127
;;!
;;! run: $TMP/alone.wasm
;;! stderr: dynvm: cannot find `libm.wasm` (needed by alone.wasm)
;;! stderr:   searched ../../../examples/libc
;;! stderr:   searched $TMP
;;! stderr:   searched /lib
;;! stderr:   searched /usr/lib
;;! exit: 127
(module
  (import "sys" "memory" (memory 1 65535))
  (import "sys" "table" (table 65536 65536 funcref))
  (import "thinthin" "syscall" (func $syscall (param i32 i32) (result i32)))
  (data (i32.const 0x4000) "Hello, World!\00")
  (data (i32.const 0x4010) "\2a\0a")
  (func (export "_start")
    ;; puts("Hello, World!"), whose slot is 1; then the number that the library counts up
    (drop (call_indirect (param i32) (result i32) (i32.const 0x4000) (i32.const 1)))
    (drop (call_indirect (param i32) (result i32) (i32.load (i32.const 0x4020)) (i32.const 2)))
    (drop (call $syscall (i32.const 60) (i32.load (i32.const 0x4020)))))
  (@custom "dyninfo" "{"
    "\22ref\22: [], \22refun\22: [[\22puts@@GLIBC_2.0\22, 1], [\22print_answer\22, 2]], "
    "\22def\22: [[\22lines\22, 16416]], \22defun\22: [], \22fixup\22: [], \22fixupfun\22: [], "
    "\22copy\22: [[\22lines\22, 16416, 4]], \22libs\22: [\22libc.wasm\22], "
    "\22data\22: 16384, \22data_end\22: 16640, \22plt_bias\22: 1, \22plt_end\22: 3, \22pc_end\22: 4, \22entry\22: -1 }"))
