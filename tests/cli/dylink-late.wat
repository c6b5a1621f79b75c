;; The linking section must be the first one.
;;! $ dynvm dylink-late.wasm
(module (type (func)) (@custom "dylink.0" (after type) "\01\04\00\00\00\00"))
