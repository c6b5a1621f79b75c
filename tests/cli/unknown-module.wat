;; An import from a module that nobody provides.
;;! $ dynvm unknown-module.wasm
(module (import "elsewhere" "f" (func)) (func (export "_start")))
