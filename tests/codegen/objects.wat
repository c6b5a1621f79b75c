;; Objects of the garbage-collected heap. A field is one load, which faults where the reference is
;; null; an object is made by moving a pointer; a cast to a final type compares the header, one to an
;; open type looks into the row of supertypes if that is another. Null is looked for once at most. An
;; array of up to 512 bytes is made without a call.
;;! asm: field make is-leaf to-pair sum call bytes
(module
  (type $pair (sub (struct (field (mut i32)) (field (ref null $pair)))))
  (type $leaf (sub final $pair (struct (field (mut i32)) (field (ref null $pair)) (field f64))))
  (memory 1)
  (func $field (export "field") (param (ref null $pair)) (result i32)
    (struct.get $pair 0 (local.get 0)))
  (func $make (export "make") (param i32 (ref null $pair)) (result (ref $pair))
    (struct.new $pair (local.get 0) (local.get 1)))
  (func $is-leaf (export "is-leaf") (param (ref $pair)) (result i32)
    (ref.test (ref $leaf) (local.get 0)))
  (type $open (sub $pair (struct (field (mut i32)) (field (ref null $pair)))))
  (type $function (func (param (ref $pair)) (result i32)))
  (func $to-pair (export "to-pair") (param (ref null $pair)) (result (ref $open))
    (ref.cast (ref $open) (local.get 0)))
  (func $first (param (ref null $pair)) (result i32)
    (struct.get $pair 0 (local.get 0)))
  (func $sum (export "sum") (param (ref null $pair)) (result i32)
    (i32.add (call $first (local.get 0)) (call $first (ref.as_non_null (local.get 0)))))
  (type $bytes (array (mut i8)))
  (func $bytes (export "bytes") (param i32) (result (ref $bytes))
    (array.new_default $bytes (local.get 0)))
  (func $call (export "call") (param (ref $pair) (ref $function)) (result i32)
    (call_ref $function (local.get 0) (local.get 1))))
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
;;     movl -0x110080(%rcx), %eax
;;     leal 4(%rax), %edx
;;     movl -0x11007c(%rcx), %ecx
;;     cmpl %ecx, %edx
;;     jnbe    label2; j label1
;;   block1:
;;     movq    %r15, %rcx
;;     movl %eax, %edx
;;     movl $0x1, -0x70100000(%rcx, %rdx, 4)
;;     leal 4(%rax), %edx
;;     movl %edx, -0x110080(%rcx)
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
;;     movq -0x1100e8(%rdi), %rax
;;     movl $0x1, %esi
;;     call    *%rax
;;     ; UserStackMap { by_type: [(types::I32, CompoundBitSet {0})], sp_to_sized_stack_slots: None }
;;     jmp     label3
;; asm is-leaf
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %r8
;;     movl %edi, %r9d
;;     movl -0x70100000(%r8, %r9, 4), %r8d
;;     cmpl $0x2, %r8d
;;     jz      label2; j label1
;;   block1:
;;     uninit  %rax
;;     xorl %eax, %eax
;;     jmp     label3
;;   block2:
;;     movl $0x1, %eax
;;     jmp     label3
;;   block3:
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm to-pair
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %r8
;;     movl %edi, %r9d
;;     movl -0x70100000(%r8, %r9, 4), %r9d
;;     cmpl $0x3, %r9d
;;     jz      label1; j label2
;;   block1:
;;     movq %rdi, %rax
;;     jmp     label3
;;   block2:
;;     movl %r9d, %r10d
;;     shlq $0x8, %r10
;;     movq -0x110088(%r8), %r11
;;     movl 4(%r11, %r10), %r11d
;;     cmpl $0x3, %r11d
;;     jnz #trap=user22
;;     movq %rdi, %rax
;;     jmp     label3
;;   block3:
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm sum
;;     pushq %rbp
;;     movq %rsp, %rbp
;;     subq $0x20, %rsp
;;     movq %r12, 0x10(%rsp)
;;   block0:
;;     movl %edi, <offset:1>+(%rsp)
;;     call    first
;;     ; UserStackMap { by_type: [(types::I32, CompoundBitSet {0})], sp_to_sized_stack_slots: None }
;;     movq %rax, %r12
;;     movl <offset:1>+(%rsp), %edi
;;     testl %edi, %edi
;;     jz #trap=user11
;;     call    first
;;     movq %r12, %rcx
;;     leal (%rcx, %rax), %eax
;;     movq 0x10(%rsp), %r12
;;     addq $0x20, %rsp
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm call
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %r8
;;     movl %esi, %esi
;;     shlq $0x4, %rsi
;;     movq -0x70000000(%r8, %rsi), %r8
;;     call    *%r8
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm bytes
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rdx
;;     movl -0x110080(%rdx), %eax
;;     cmpl $0x200, %edi
;;     seta %r8b
;;     leal 0xf(%rdi), %ecx
;;     movq %rcx, %rsi
;;     andl $0xfffffff8, %esi
;;     shrl $0x2, %esi
;;     leal (%rax, %rsi), %esi
;;     cmpl -0x11007c(%rdx), %esi
;;     seta %dl
;;     orl %edx, %r8d
;;     testb %r8b, %r8b
;;     jnz     label5; j label1
;;   block1:
;;     movq    %r15, %r8
;;     movl %eax, %r9d
;;     leaq (%r8, %r9, 4), %rdx
;;     movl $0x40000005, -0x70100000(%r8, %r9, 4)
;;     movl %edi, -0x700ffffc(%r8, %r9, 4)
;;     movl %esi, -0x110080(%r8)
;;     andl $0xfffffff8, %ecx
;;     leaq -8(%rdx, %rcx), %rcx
;;     jmp     label2
;;   block2:
;;     cmpq %rcx, %rdx
;;     jb      label4; j label3
;;   block3:
;;     jmp     label6
;;   block4:
;;     movq $0x0, -0x700ffff8(%rdx)
;;     leaq 8(%rdx), %rdx
;;     jmp     label2
;;   block6:
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;;   block5:
;;     movq %rdi, %rdx
;;     movq    %r15, %rdi
;;     movq -0x1100e0(%rdi), %rax
;;     movl $0x5, %esi
;;     call    *%rax
;;     jmp     label6
