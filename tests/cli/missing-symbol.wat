;; Every missing symbol stands in one message; a weak one is not missing.
;;! $ dynvm -L . missing-symbol.wasm
;;! $ dynvm ldd -L . missing-symbol.wasm
;;! $ dynvm nm missing-symbol.wasm
(module
  (@dylink.0 (needed "libpair.so") (import-info "env" "optional" binding-weak undefined))
  (import "env" "memory" (memory 0))
  (import "env" "next" (func (result i32)))
  (import "env" "absent" (func $absent (param i32)))
  (import "env" "optional" (func))
  (import "GOT.mem" "absent_data" (global (mut i32)))
  (import "GOT.func" "absent_callback" (global (mut i32)))
  (func (export "_start") (call $absent (i32.const 0)))
)
