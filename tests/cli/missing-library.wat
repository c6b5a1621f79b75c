;; Libraries that are nowhere: who needs them, and where they were searched for.
;;! $ dynvm missing-library.wasm
;;! ! dynvm: cannot find `libnowhere.so` (needed by missing-library.wasm)
;;! !   searched .
;;! !   searched /lib
;;! !   searched /usr/lib
;;! ? 127
;;! $ dynvm -L lib -L . missing-library.wasm
;;! ! dynvm: cannot find `libnowhere.so` (needed by missing-library.wasm)
;;! !   searched lib
;;! !   searched .
;;! !   searched /lib
;;! !   searched /usr/lib
;;! ? 127
;;! $ DYNVM_LIBRARY_PATH=a:b dynvm missing-library.wasm
;;! ! dynvm: cannot find `libnowhere.so` (needed by missing-library.wasm)
;;! !   searched a
;;! !   searched b
;;! !   searched .
;;! !   searched /lib
;;! !   searched /usr/lib
;;! ? 127
;;! $ dynvm ldd missing-library.wasm
;;! > missing-library.wasm => missing-library.wasm (memory 0x800400, table 0x1)
;;! > libnowhere.so => not found, needed by missing-library.wasm
;;! ? 1
;;! $ dynvm --preload libnone.so exit.wasm
;;! ! dynvm: cannot read `libnone.so`: no such file
;;! ? 127
(module
  (@dylink.0 (needed "libnowhere.so"))
  (import "env" "memory" (memory 0))
  (func (export "_start"))
)
