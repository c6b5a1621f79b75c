;; A body that is not of its function's type.
;;! $ dynvm invalid.wasm
;;! ! dynvm: cannot load `invalid.wasm`: invalid module: type mismatch: expected i32, found i64 (at offset 0x1a)
;;! ? 127
;;! $ dynvm ldd invalid.wasm
;;! ! dynvm: cannot load `invalid.wasm`: invalid module: type mismatch: expected i32, found i64 (at offset 0x1a)
;;! ? 127
(module (func $f (result i32) (i64.const 0)))
