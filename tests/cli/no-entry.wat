;; A module without an entry point is loaded, and its functions can be called.
;;! $ dynvm no-entry.wasm
;;! $ dynvm --invoke f no-entry.wasm
(module (func (export "f")))
