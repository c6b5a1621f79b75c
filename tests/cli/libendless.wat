;; A library whose constructor does not end.
;;! $ dynvm nm libendless.wasm
(module
  (@dylink.0 (mem-info (memory 0 0)))
  (import "env" "memory" (memory 0))
  (func (export "__wasm_call_ctors") (loop $again (br $again))))
