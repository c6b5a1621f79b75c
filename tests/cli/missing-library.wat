;; Libraries that are nowhere: who needs them, and where they were searched for.
;;! $ dynvm missing-library.wasm
;;! $ dynvm -L lib -L . missing-library.wasm
;;! $ DYNVM_LIBRARY_PATH=a:b dynvm missing-library.wasm
;;! $ dynvm ldd missing-library.wasm
;;! $ dynvm --preload libnone.so exit.wasm
(module
  (@dylink.0 (needed "libnowhere.so"))
  (import "env" "memory" (memory 0))
  (func (export "_start"))
)
