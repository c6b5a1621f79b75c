;; An import from a module that nobody provides.
;;! $ dynvm unknown-module.wasm
;;! ! dynvm: undefined symbol `elsewhere.f` (needed by unknown-module.wasm)
;;! ? 127
;;! $ dynvm --bind lazy unknown-module.wasm
;;! $ dynvm --bind lazy --invoke calls unknown-module.wasm
;;! ! dynvm: wasm trap: undefined symbol: `elsewhere.f` (needed by unknown-module.wasm)
;;! !   #0 unknown-module.wasm!calls+0x1
;;! ? 134
(module (import "elsewhere" "f" (func $f)) (func (export "_start")) (func (export "calls") (call $f)))
