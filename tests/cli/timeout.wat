;; A guest that never ends is ended, in its own code or while it waits in a host function.
;;! $ dynvm --timeout 0.2 --invoke spin timeout.wasm
;;! ! dynvm: wasm trap: interrupted: the time limit of 0.2 s is over
;;! !   #0 timeout.wasm!spin+0x0
;;! ? 134
;;! $ dynvm --timeout 0.2 --invoke sleep timeout.wasm
;;! ! dynvm: the program waits in a host function: the time limit of 0.2 s is over
;;! ? 134
;;! $ dynvm --timeout 20 --invoke nothing timeout.wasm
;;! $ dynvm --timeout soon timeout.wasm
;;! ! dynvm: bad value `soon` for `--timeout <SECONDS>`: expected seconds, as in 10 or 0.5
;;! !   try `dynvm --help`
;;! ? 2
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; A subscription to the monotonic clock: an hour from now.
  (data (i32.const 16) "\01\00\00\00")
  (data (i32.const 24) "\00\a0\b8\30\46\03\00\00")
  (func (export "spin") (loop $again (br $again)))
  (func (export "sleep")
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))
  (func (export "nothing")))
