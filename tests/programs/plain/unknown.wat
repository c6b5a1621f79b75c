;; What nobody offers.
(module
  (import "nowhere" "f" (func))
  (import "wasi_snapshot_preview1" "fd_fly" (func (param i32)))
  (func (export "_start")))
