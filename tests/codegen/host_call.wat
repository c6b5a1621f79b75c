;; A host function is called as any other.
;;! asm: now
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (func (export "now") (result i32) (call $yield))
  (func (export "_initialize")))
;;= expected
;; asm now
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     call    yield
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
