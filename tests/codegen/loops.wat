;; What a loop accesses is stepped, not summed up in each turn: no addition for an address, one
;; comparison with what the next turn has, and a jump back without a move. Loads become operands of what
;; uses them. In a loop that calls, or whose index is another one in each turn, indices are sums.
;;! asm: sum copy products calls chain
(module
  (@dylink.0 (mem-info (memory 0 0)))
  (import "env" "memory" (memory 0))
  (func $f (export "f"))
  (func (export "sum") (param $p i32) (param $q i32) (result i32) (local $i i32) (local $sum i32)
    (loop
      (local.set $sum (i32.add (local.get $sum)
        (i32.xor (i32.load (i32.add (local.get $p) (local.get $i)))
          (i32.load (i32.add (local.get $q) (local.get $i))))))
      (br_if 0 (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 400))))
    (local.get $sum))
  (func (export "copy") (param $from i32) (param $to i32) (param $end i32)
    (loop
      (i64.store (local.get $to) (i64.load (local.get $from)))
      (local.set $to (i32.add (local.get $to) (i32.const 8)))
      (br_if 0 (i32.ne (local.tee $from (i32.add (local.get $from) (i32.const 8))) (local.get $end)))))
  (func (export "products") (param $p i32) (param $n i32) (result f64) (local $sum f64)
    (loop
      (local.set $sum (f64.add (local.get $sum) (f64.mul
        (f64.load (i32.add (i32.shl (local.get $n) (i32.const 3)) (local.get $p)))
        (f64.load (i32.add (i32.add (i32.shl (local.get $n) (i32.const 3)) (local.get $p)) (i32.const -8))))))
      (br_if 0 (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (local.get $sum))
  (func (export "calls") (param $p i32) (param $i i32)
    (loop
      (call $f)
      (i32.store (i32.add (local.get $p) (local.get $i)) (i32.const 0))
      (br_if 0 (local.tee $i (i32.add (local.get $i) (i32.const -4))))))
  (func (export "chain") (param $p i32) (result i32)
    (loop
      (br_if 0 (local.tee $p (i32.load (i32.add (local.get $p) (i32.const 4))))))
    (local.get $p))
  (func (export "_initialize")))
;;= expected
;; asm sum
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq %rdi, %rcx
;;     uninit  %rax
;;     xorl %eax, %eax
;;     movq    %r15, %rdx
;;     uninit  %rdi
;;     xorq %rdi, %rdi
;;     movl %ecx, %ecx
;;     leaq (%rdx, %rcx), %rcx
;;     movl %esi, %esi
;;     leaq (%rdx, %rsi), %rdx
;;     jmp     label1
;;   block1:
;;     movl (%rcx, %rdi), %esi
;;     movl (%rdx, %rdi), %r8d
;;     xorl %r8d, %esi
;;     leal (%rax, %rsi), %eax
;;     leaq 4(%rdi), %rdi
;;     cmpl $0x190, %edi
;;     jnz     label2; j label3
;;   block2:
;;     jmp     label1
;;   block3:
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm copy
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %r11
;;     movl %esi, %esi
;;     movl %edi, %edi
;;     jmp     label1
;;   block1:
;;     movq (%r11, %rdi), %rax
;;     movq %rax, (%r11, %rsi)
;;     leaq 8(%rdi), %rdi
;;     leaq 8(%rsi), %rsi
;;     cmpl %edx, %edi
;;     jnz     label2; j label3
;;   block2:
;;     jmp     label1
;;   block3:
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm products
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq %rdi, %rax
;;     uninit  %xmm0
;;     vxorpd %xmm0, %xmm0, %xmm0
;;     movq    %r15, %rcx
;;     movl %esi, %edi
;;     movq %rax, %rdx
;;     leal (%rdx, %rsi, 8), %eax
;;     leaq (%rcx, %rax), %rax
;;     movq %rdi, %r8
;;     shlq $0x3, %r8
;;     subq %r8, %rax
;;     leal -8(%rdx, %rsi, 8), %edx
;;     leaq (%rcx, %rdx), %rcx
;;     movq %rdi, %rdx
;;     shlq $0x3, %rdx
;;     subq %rdx, %rcx
;;     jmp     label1
;;   block1:
;;     vmovsd (%rax, %rdi, 8), %xmm1
;;     vmovsd (%rcx, %rdi, 8), %xmm2
;;     leaq -1(%rdi), %rdi
;;     vmulsd %xmm2, %xmm1, %xmm1
;;     vaddsd %xmm1, %xmm0, %xmm0
;;     testl %edi, %edi
;;     jnz     label2; j label3
;;   block2:
;;     jmp     label1
;;   block3:
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm calls
;;     pushq %rbp
;;     movq %rsp, %rbp
;;     subq $0x10, %rsp
;;     movq %r12, (%rsp)
;;     movq %r13, 8(%rsp)
;;   block0:
;;     movq %rsi, %r12
;;     movq %rdi, %r13
;;     jmp     label1
;;   block1:
;;     call    f
;;     movq    %r15, %r8
;;     movq %r12, %rsi
;;     movq %r13, %rdi
;;     leal (%rdi, %rsi), %r9d
;;     movl $0x0, (%r8, %r9)
;;     leal -4(%rsi), %esi
;;     testl %esi, %esi
;;     jnz     label2; j label3
;;   block2:
;;     movq %rsi, %r12
;;     movq %rdi, %r13
;;     jmp     label1
;;   block3:
;;     movq (%rsp), %r12
;;     movq 8(%rsp), %r13
;;     addq $0x10, %rsp
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm chain
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rsi
;;     jmp     label1
;;   block1:
;;     leal 4(%rdi), %edi
;;     movl (%rsi, %rdi), %eax
;;     testl %eax, %eax
;;     jnz     label2; j label3
;;   block2:
;;     movq %rax, %rdi
;;     jmp     label1
;;   block3:
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
