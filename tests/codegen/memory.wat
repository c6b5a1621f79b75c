;; An access to the process memory is one instruction: pinned register + index + offset, no check,
;; no load of a base. A leaf reads the pinned register once.
;;! asm: get sum
(module
  (@dylink.0 (mem-info (memory 0 0)))
  (import "env" "memory" (memory 0))
  (func (export "get") (param i32) (result i32) (i32.load offset=12 (local.get 0)))
  (func (export "sum") (param $at i32) (param $end i32) (result i64) (local $sum i64)
    (loop $again
      (local.set $sum (i64.add (local.get $sum) (i64.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $again (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $sum))
  (func (export "_initialize")))
;;= expected
;; asm get
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rsi
;;     movl %edi, %edi
;;     movl 0xc(%rsi, %rdi), %eax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm sum
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     uninit  %rax
;;     xorq %rax, %rax
;;     movq    %r15, %r11
;;     movl %edi, %edi
;;     jmp     label1
;;   block1:
;;     movq (%r11, %rdi), %rcx
;;     leaq 8(%rdi), %rdi
;;     leaq (%rax, %rcx), %rax
;;     cmpl %esi, %edi
;;     jb      label2; j label3
;;   block2:
;;     jmp     label1
;;   block3:
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
