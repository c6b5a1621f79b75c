;; `__stack_pointer` is a field of the context; a mutable global has a slot at a fixed distance from
;; the pinned register.
;;! asm: frame count
(module
  (@dylink.0 (mem-info (memory 0 0)))
  (import "env" "memory" (memory 0))
  (import "env" "__stack_pointer" (global $stack_pointer (mut i32)))
  (global $count (mut i64) (i64.const 0))
  (func (export "frame")
    (global.set $stack_pointer (i32.sub (global.get $stack_pointer) (i32.const 64))))
  (func (export "count") (global.set $count (i64.add (global.get $count) (i64.const 1))))
  (func (export "_initialize")))
;;= expected
;; asm frame
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rax
;;     subl $0x40, -0x110008(%rax)
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm count
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rax
;;     addq $0x1, -0x30000000(%rax)
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
