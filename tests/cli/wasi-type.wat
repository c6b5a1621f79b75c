;; WASI's functions have types too.
;;! $ dynvm wasi-type.wasm
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func (param i64)))
  (func (export "_start"))
)
