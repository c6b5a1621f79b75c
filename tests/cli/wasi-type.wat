;; WASI's functions have types too.
;;! $ dynvm wasi-type.wasm
;;! ! dynvm: function `proc_exit`: expected type (i64) -> () (needed by wasi-type.wasm), found (i32) -> () (defined by the host)
;;! ? 127
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func (param i64)))
  (func (export "_start"))
)
