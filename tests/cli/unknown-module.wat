;; An import from a module that nobody provides.
;;! $ dynvm unknown-module.wasm
;;! ! dynvm: undefined symbol `elsewhere.f` (needed by unknown-module.wasm)
;;! ? 127
(module (import "elsewhere" "f" (func)) (func (export "_start")))
