;; A small function becomes part of its caller, wherever it is defined; one that calls itself, one
;; with a loop, and one whose binding can still change stay calls.
;;! inline: on
;;! asm: inside across kept
;;! same: inside inside_again
(module
  (@dylink.0 (mem-info (memory 16 4)) (needed "liba.so"))
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global $memory_base i32))
  (import "env" "bump" (func $across (param i32) (result i32)))
  (func $bump (export "own_bump") (param i32) (result i32)
    (i32.store offset=4 (global.get $memory_base) (local.get 0))
    (local.get 0))
  (func $bump_if (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (call $bump (local.get 0)))
  (func $count (param i32) (result i32)
    (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 0))
  (func $recursive (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (call $recursive (i32.sub (local.get 0) (i32.const 1))))
  (func (export "inside") (param i32) (result i32)
    (i32.add (call $bump_if (local.get 0)) (i32.const 1)))
  (func (export "inside_again") (param i32) (result i32)
    (i32.add (call $bump_if (local.get 0)) (i32.const 1)))
  (func (export "across") (param i32) (result i32)
    (i32.add (call $across (local.get 0)) (i32.const 1)))
  (func (export "kept") (param i32) (result i32)
    (i32.add (call $count (local.get 0)) (call $recursive (local.get 0))))
  (func (export "_initialize")))
;;= expected
;; asm inside
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     testl %edi, %edi
;;     jz      label2; j label1
;;   block1:
;;     movq    %r15, %r8
;;     movl %edi, 0x800404(%r8)
;;     jmp     label3
;;   block2:
;;     uninit  %rdi
;;     xorl %edi, %edi
;;     jmp     label3
;;   block3:
;;     leal 1(%rdi), %eax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm across
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rsi
;;     movl %edi, 0x800414(%rsi)
;;     leal 1(%rdi), %eax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm kept
;;     pushq %rbp
;;     movq %rsp, %rbp
;;     subq $0x10, %rsp
;;     movq %r12, (%rsp)
;;   block0:
;;     movq %rdi, %r12
;;     call    count
;;     movq %r12, %rdi
;;     movq %rax, %r12
;;     testl %edi, %edi
;;     jz      label2; j label1
;;   block1:
;;     subl $0x1, %edi
;;     call    recursive
;;     movq %r12, %rcx
;;     jmp     label3
;;   block2:
;;     uninit  %rax
;;     xorl %eax, %eax
;;     movq %r12, %rcx
;;     jmp     label3
;;   block3:
;;     leal (%rcx, %rax), %eax
;;     movq (%rsp), %r12
;;     addq $0x10, %rsp
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
