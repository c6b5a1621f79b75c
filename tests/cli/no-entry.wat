;; A module without an entry point can be invoked, not run.
;;! $ dynvm no-entry.wasm
;;! $ dynvm --invoke f no-entry.wasm
(module (func (export "f")))
