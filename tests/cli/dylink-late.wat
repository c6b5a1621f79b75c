;; The linking section must be the first one.
;;! $ dynvm dylink-late.wasm
;;! ! dynvm: cannot load `dylink-late.wasm`: the `dylink.0` section is not the first section of the module
;;! ? 127
(module (type (func)) (@custom "dylink.0" (after type) "\01\04\00\00\00\00"))
