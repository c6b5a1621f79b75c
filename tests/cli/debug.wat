;; DYNVM_DEBUG shows what the loader does, one line per event.
;;! $ DYNVM_DEBUG=libs,bindings dynvm -L . debug.wasm
;;! ! PID:	libs: trying debug.wasm
;;! ! PID:	libs: trying ./libpair.so
;;! ! PID:	libs: trying ./libpair.wasm
;;! ! PID:	bindings: debug.wasm: `next` bound to libpair.wasm
(module
  (@dylink.0 (needed "libpair.so"))
  (import "env" "memory" (memory 0))
  (import "env" "next" (func $next (result i32)))
  (func (export "_start") (drop (call $next)))
)
