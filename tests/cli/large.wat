;; A memory that starts above the limit, and one that grows into it.
;;! $ dynvm large.wasm
;;! $ dynvm --max-memory 1M large.wasm
;;! ! dynvm: cannot load `large.wasm`: memory of 2097152 bytes is too large: the limit is 1048576 bytes
;;! ? 127
;;! $ dynvm --max-memory 128K --invoke grow large.wasm 1
;;! ! dynvm: cannot load `large.wasm`: memory of 2097152 bytes is too large: the limit is 131072 bytes
;;! ? 127
;;! $ dynvm --max-memory 16M --invoke grow large.wasm 1
;;! > 32
;;! $ dynvm --invoke grow large.wasm 65535
;;! > -1
(module
  (memory 32)
  (func (export "_start"))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
)
