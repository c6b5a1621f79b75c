;; A body that is not of its function's type.
;;! $ dynvm invalid.wasm
;;! $ dynvm ldd invalid.wasm
(module (func $f (result i32) (i64.const 0)))
