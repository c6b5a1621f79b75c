;; A call through a typed reference: a test for null, and the number of the function finds its code;
;; its type was checked when the module was. A call through a pointer of a type that others can be
;; subtypes of compares with that type first, and asks the runtime about any other: who has no open
;; types pays nothing for them.
;;! asm: by_reference by_open_type
(module
  (@dylink.0 (mem-info (memory 0 0)))
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (type $int_to_int (func (param i32) (result i32)))
  (type $open (sub (func (param i32) (result i32))))
  (func (export "by_reference") (param (ref null $int_to_int)) (result i32)
    (call_ref $int_to_int (i32.const 1) (local.get 0)))
  (func (export "by_open_type") (param i32 i32) (result i32)
    (call_indirect (type $open) (local.get 0) (local.get 1)))
  (func (export "_initialize")))
;;= expected
;; asm by_reference
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     testl %edi, %edi
;;     jz #trap=user18
;;     movq    %r15, %r9
;;     movl %edi, %r8d
;;     shlq $0x4, %r8
;;     movq -0x70000000(%r9, %r8), %r9
;;     movl $0x1, %edi
;;     call    *%r9
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm by_open_type
;;     pushq %rbp
;;     movq %rsp, %rbp
;;     subq $0x20, %rsp
;;     movq %rbx, (%rsp)
;;     movq %r12, 8(%rsp)
;;     movq %r13, 0x10(%rsp)
;;   block0:
;;     movq %rdi, %rbx
;;     movq    %r15, %rax
;;     movq -0x110010(%rax), %r13
;;     movl %esi, %r12d
;;     shlq $0x4, %r12
;;     movl 8(%r13, %r12), %eax
;;     cmpl $0x2, %eax
;;     jnz     label2; j label1
;;   block1:
;;     jmp     label3
;;   block3:
;;     movq (%r13, %r12), %rax
;;     movq %rbx, %rdi
;;     call    *%rax
;;     movq (%rsp), %rbx
;;     movq 8(%rsp), %r12
;;     movq 0x10(%rsp), %r13
;;     addq $0x20, %rsp
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;;   block2:
;;     movq    %r15, %rdi
;;     movq -0x110108(%rdi), %rax
;;     leaq (%r12, %r13), %rsi
;;     movl $0x2, %edx
;;     call    *%rax
;;     jmp     label3
