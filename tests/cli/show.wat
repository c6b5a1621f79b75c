;; Prints its arguments and its environment, each with its end.
;;! $ dynvm show.wasm
;;! > show.wasm
;;! $ dynvm show.wasm --dir x -c --help -- y
;;! > show.wasm
;;! > --dir
;;! > x
;;! > -c
;;! > --help
;;! > --
;;! > y
;;! $ dynvm --env A=1 --env B=x=y --env C= show.wasm
;;! > show.wasm
;;! > A=1
;;! > B=x=y
;;! > C=
;;! $ dynvm --env A=1 --env A=2 show.wasm
;;! > show.wasm
;;! > A=2
;;! $ SECRET=s OPEN=o dynvm --env OPEN --env ABSENT show.wasm
;;! > show.wasm
;;! > OPEN=o
(module
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get"
    (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Writes the strings at 4096, whose length is at 4; each ends in NUL, which becomes a line end.
  (func $print
    (local $at i32)
    (loop $more
      (if (i32.lt_u (local.get $at) (i32.load (i32.const 4)))
        (then
          (if (i32.eqz (i32.load8_u offset=4096 (local.get $at)))
            (then (i32.store8 offset=4096 (local.get $at) (i32.const 10))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $more))))
    (i32.store (i32.const 8) (i32.const 4096))
    (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))
  )
  (func (export "_start")
    (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
    (drop (call $args_get (i32.const 32) (i32.const 4096)))
    (call $print)
    (drop (call $environ_sizes_get (i32.const 0) (i32.const 4)))
    (drop (call $environ_get (i32.const 32) (i32.const 4096)))
    (call $print)
  )
)
