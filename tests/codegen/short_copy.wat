;; Copies and fills of few bytes, a number that is known, are loads and stores: all that is read before
;; all that is written, which ends with the lowest address.
;;! asm: copy fill
(module
  (@dylink.0 (mem-info (memory 0 0)))
  (import "env" "memory" (memory 0))
  (func (export "copy") (param i32 i32) (memory.copy (local.get 0) (local.get 1) (i32.const 40)))
  (func (export "fill") (param i32) (memory.fill (local.get 0) (i32.const 0) (i32.const 12)))
  (func (export "_initialize")))
;;= expected
;; asm copy
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %r8
;;     movl %esi, %r9d
;;     vmovdqu (%r8, %r9), %xmm0
;;     vmovdqu 0x10(%r8, %r9), %xmm1
;;     vmovdqu 0x18(%r8, %r9), %xmm2
;;     movl %edi, %r9d
;;     vmovdqu %xmm2, 0x18(%r8, %r9)
;;     vmovdqu %xmm1, 0x10(%r8, %r9)
;;     vmovdqu %xmm0, (%r8, %r9)
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm fill
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rsi
;;     movl %edi, %edi
;;     movq $0x0, 4(%rsi, %rdi)
;;     movq $0x0, (%rsi, %rdi)
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
