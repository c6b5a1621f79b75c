;; A module without an entry point cannot be run, but its functions can be called.
;;! $ dynvm no-entry.wasm
;;! ! dynvm: `no-entry.wasm` has no entry point: expected `_start`, `main` or `_initialize`
;;! ? 127
;;! $ dynvm --invoke f no-entry.wasm
(module (func (export "f")))
