;; A memory that starts above the limit, and one that grows into it.
;;! $ dynvm large.wasm
;;! $ dynvm --max-memory 1M large.wasm
;;! $ dynvm --max-memory 128K --invoke grow large.wasm 1
;;! $ dynvm --max-memory 16M --invoke grow large.wasm 1
;;! $ dynvm --invoke grow large.wasm 65535
(module
  (memory 32)
  (func (export "_start"))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
)
