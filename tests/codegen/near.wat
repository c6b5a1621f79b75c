;; What is a known distance above an index that was accessed before is an operand's displacement; below
;; it too, but not further than the memory ends before 4 GiB, or on another way through the function. A
;; table that is looked up with an index that cannot be great is one.
;;! asm: three below far either table unknown
(module
  (@dylink.0 (mem-info (memory 0 0)))
  (import "env" "memory" (memory 0))
  (func (export "three") (param i32 i32) (result i32)
    (i32.load (i32.add (i32.add (local.get 0) (local.get 1)) (i32.const 100)))
    (i32.add (i32.load (i32.add (i32.add (local.get 1) (local.get 0)) (i32.const 108))))
    (i32.add (i32.load offset=4 (i32.add (i32.const 1048676) (i32.add (local.get 0) (local.get 1))))))
  (func (export "below") (param i32) (result i32)
    (i32.add (i32.load (i32.add (local.get 0) (i32.const 8)))
      (i32.load (i32.add (local.get 0) (i32.const 4)))))
  (func (export "far") (param i32) (result i32)
    (i32.add (i32.load (local.get 0)) (i32.load (i32.add (local.get 0) (i32.const 1048577)))))
  (func (export "either") (param i32 i32) (result i32)
    (if (result i32) (local.get 1)
      (then (i32.load (local.get 0)))
      (else (i32.load (i32.add (local.get 0) (i32.const 8))))))
  (func (export "table") (param i32) (result i32)
    (i32.load (i32.add (i32.shl (i32.and (local.get 0) (i32.const 255)) (i32.const 2)) (i32.const 4096))))
  (func (export "unknown") (param i32) (result i32)
    (i32.load (i32.add (i32.shl (local.get 0) (i32.const 2)) (i32.const 4096))))
  (func (export "_initialize")))
;;= expected
;; asm three
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %r9
;;     leal 0x64(%rdi, %rsi), %r8d
;;     movl (%r9, %r8), %eax
;;     addl 8(%r9, %r8), %eax
;;     addl 0x100004(%r9, %r8), %eax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm below
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rsi
;;     leal 8(%rdi), %edi
;;     movl (%rsi, %rdi), %eax
;;     addl -4(%rsi, %rdi), %eax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm far
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rsi
;;     movl %edi, %r8d
;;     movl (%rsi, %r8), %eax
;;     leal 0x100001(%rdi), %edi
;;     addl (%rsi, %rdi), %eax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm either
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %r8
;;     testl %esi, %esi
;;     jnz     label2; j label1
;;   block1:
;;     leal 8(%rdi), %r10d
;;     movl (%r8, %r10), %eax
;;     jmp     label3
;;   block2:
;;     movl %edi, %r11d
;;     movl (%r8, %r11), %eax
;;     jmp     label3
;;   block3:
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm table
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rsi
;;     andl $0xff, %edi
;;     movl 0x1000(%rsi, %rdi, 4), %eax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm unknown
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rsi
;;     shll $0x2, %edi
;;     leal 0x1000(%rdi), %edi
;;     movl (%rsi, %rdi), %eax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
