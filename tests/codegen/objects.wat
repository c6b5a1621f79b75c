;; Objects of the garbage-collected heap. A field is one load, which faults where the reference is
;; null; an object is made by moving a pointer; a cast to a final type compares the header.
;;! asm: field make is-leaf
(module
  (type $pair (sub (struct (field (mut i32)) (field (ref null $pair)))))
  (type $leaf (sub final $pair (struct (field (mut i32)) (field (ref null $pair)) (field f64))))
  (memory 1)
  (func $field (export "field") (param (ref null $pair)) (result i32)
    (struct.get $pair 0 (local.get 0)))
  (func $make (export "make") (param i32 (ref null $pair)) (result (ref $pair))
    (struct.new $pair (local.get 0) (local.get 1)))
  (func $is-leaf (export "is-leaf") (param (ref $pair)) (result i32)
    (ref.test (ref $leaf) (local.get 0))))
;;= expected
;; asm field
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rsi
;;     movl %edi, %edi
;;     movl -0x700ffffc(%rsi, %rdi, 4), %eax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm make
;;     pushq %rbp
;;     movq %rsp, %rbp
;;     subq $0x20, %rsp
;;     movq %rbx, 0x10(%rsp)
;;   block0:
;;     movq %rdi, %rbx
;;     movl %esi, <offset:1>+(%rsp)
;;     movq    %r15, %rcx
;;     movl -0x78(%rcx), %eax
;;     movl -0x74(%rcx), %ecx
;;     leal 4(%rax), %edx
;;     cmpl %ecx, %edx
;;     jnbe    label2; j label1
;;   block1:
;;     movq    %r15, %rcx
;;     movl %eax, %edx
;;     movl $0x1, -0x70100000(%rcx, %rdx, 4)
;;     leal 4(%rax), %edx
;;     movl %edx, -0x78(%rcx)
;;     jmp     label3
;;   block3:
;;     movq    %r15, %rcx
;;     movl %eax, %edx
;;     movq %rbx, %rdi
;;     movl %edi, -0x700ffffc(%rcx, %rdx, 4)
;;     movl <offset:1>+(%rsp), %esi
;;     movl %esi, -0x700ffff8(%rcx, %rdx, 4)
;;     movq 0x10(%rsp), %rbx
;;     addq $0x20, %rsp
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;;   block2:
;;     movq    %r15, %rdi
;;     movq -0xe8(%rdi), %rax
;;     movl $0x1, %esi
;;     call    *%rax
;;     ; UserStackMap { by_type: [(types::I32, CompoundBitSet {0})], sp_to_sized_stack_slots: None }
;;     jmp     label3
;; asm is-leaf
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %r8
;;     testl %edi, %edi
;;     jnz     label2; j label1
;;   block1:
;;     jmp     label4
;;   block2:
;;     movl %edi, %r11d
;;     movl -0x70100000(%r8, %r11, 4), %r11d
;;     cmpl $0x2, %r11d
;;     jz      label5; j label3
;;   block3:
;;     jmp     label4
;;   block4:
;;     uninit  %rax
;;     xorl %eax, %eax
;;     jmp     label6
;;   block5:
;;     movl $0x1, %eax
;;     jmp     label6
;;   block6:
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
