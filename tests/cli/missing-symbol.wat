;; Every missing symbol stands in one message; a weak one is not missing.
;;! $ dynvm -L . missing-symbol.wasm
;;! ! dynvm: 3 undefined symbols
;;! !   `absent` (needed by missing-symbol.wasm)
;;! !   `absent_data` (needed by missing-symbol.wasm)
;;! !   `absent_callback` (needed by missing-symbol.wasm)
;;! ? 127
;;! $ dynvm --bind lazy -L . missing-symbol.wasm
;;! ! dynvm: 2 undefined symbols
;;! !   `absent_data` (needed by missing-symbol.wasm)
;;! !   `absent_callback` (needed by missing-symbol.wasm)
;;! ? 127
;;! $ dynvm ldd -L . missing-symbol.wasm
;;! > missing-symbol.wasm => missing-symbol.wasm (memory 0x800400, table 0x1)
;;! > libpair.wasm => ./libpair.wasm (memory 0x800410, table 0x1), needed by missing-symbol.wasm
;;! > undefined symbol: absent, needed by missing-symbol.wasm
;;! > undefined symbol: absent_data, needed by missing-symbol.wasm
;;! > undefined symbol: absent_callback, needed by missing-symbol.wasm
;;! ? 1
;;! $ dynvm nm missing-symbol.wasm
;;! >          U absent
;;! >          U absent_callback [GOT.func]
;;! >          U absent_data [GOT.mem]
;;! >          U next
;;! >          w optional
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
