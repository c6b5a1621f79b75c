;; An import of another type than its definition: both types are shown.
;;! $ dynvm -L . mismatch.wasm
;;! ! dynvm: function `fail`: expected type (i64) -> (i32) (needed by mismatch.wasm), found (i32) -> (i32) (defined by libpair.wasm)
;;! ? 127
(module
  (@dylink.0 (needed "libpair.so"))
  (import "env" "memory" (memory 0))
  (import "env" "fail" (func $fail (param i64) (result i32)))
  (func (export "_start") (drop (call $fail (i64.const 1))))
)
