;; A call through a function pointer: no bounds check, no test for lazy initialization, no context
;; of the callee. It scales the index, compares the type with an immediate, and calls, whoever
;; defines the function. An index that is a GOT entry is a constant, and so is the element's place.
;;! asm: by_pointer by_got_entry
(module
  (@dylink.0 (mem-info (memory 0 0)) (needed "liba.so"))
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "GOT.func" "bump" (global $bump (mut i32)))
  (type $int_to_int (func (param i32) (result i32)))
  (func (export "by_pointer") (param i32 i32) (result i32)
    (call_indirect (type $int_to_int) (local.get 0) (local.get 1)))
  (func (export "by_got_entry") (param i32) (result i32)
    (call_indirect (type $int_to_int) (local.get 0) (global.get $bump)))
  (func (export "_initialize")))
;;= expected
;; asm by_pointer
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rax
;;     movq -0x110010(%rax), %rax
;;     movl %esi, %ecx
;;     shlq $0x4, %rcx
;;     movl 8(%rax, %rcx), %edx
;;     cmpl $0x1, %edx
;;     jnz     label2; j label1
;;   block1:
;;     movq (%rax, %rcx), %rax
;;     call    *%rax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;;   block2:
;;     movq    %r15, %rdi
;;     movq -0x110108(%rdi), %r8
;;     leaq (%rcx, %rax), %rsi
;;     movl $0x1, %edx
;;     call    *%r8
;;     ud2
;; asm by_got_entry
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %r10
;;     movq -0x110010(%r10), %r10
;;     movl 0x18(%r10), %r11d
;;     cmpl $0x1, %r11d
;;     jnz     label2; j label1
;;   block1:
;;     movq 0x10(%r10), %rax
;;     call    *%rax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;;   block2:
;;     movq    %r15, %rdi
;;     movq -0x110108(%rdi), %rax
;;     leaq 0x10(%r10), %rsi
;;     movl $0x1, %edx
;;     call    *%rax
;;     ud2
