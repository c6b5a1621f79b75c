;; A call into another dso is the same instruction as a call inside one: no stub, no slot, no load.
;;! asm: inside across
;;! same: inside across
(module
  (@dylink.0 (mem-info (memory 16 4)) (needed "liba.so"))
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global $memory_base i32))
  (import "env" "bump" (func $across (param i32) (result i32)))
  (func $bump (export "own_bump") (param i32) (result i32)
    (i32.store offset=4 (global.get $memory_base) (local.get 0))
    (local.get 0))
  (func (export "inside") (param i32) (result i32)
    (i32.add (call $bump (local.get 0)) (i32.const 1)))
  (func (export "across") (param i32) (result i32)
    (i32.add (call $across (local.get 0)) (i32.const 1)))
  (func (export "_initialize")))
;;= expected
;; asm inside
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     call    bump
;;     leal 1(%rax), %eax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm across
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     call    across
;;     leal 1(%rax), %eax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
