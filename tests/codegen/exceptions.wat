;; A call inside `try` is the same instruction as one outside: the handlers are in a table that only
;; a throw reads. A handler finds no register as it was, so a function with one saves the
;; callee-saved registers at its entry.
;;! asm: plain tried
(module
  (@dylink.0 (mem-info (memory 0 0)) (needed "liba.so"))
  (import "env" "memory" (memory 0))
  (import "env" "bump" (func $bump (param i32) (result i32)))
  (import "env" "__cpp_exception" (tag $exception (param i32)))
  (func (export "plain") (param i32) (result i32) (call $bump (local.get 0)))
  (func (export "tried") (param i32) (result i32)
    (block $caught (result i32)
      (try_table (result i32) (catch $exception $caught) (call $bump (local.get 0)))))
  (func (export "_initialize")))
;;= expected
;; asm plain
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     call    bump
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm tried
;;     pushq %rbp
;;     movq %rsp, %rbp
;;     subq $0x20, %rsp
;;     movq %rbx, (%rsp)
;;     movq %r12, 8(%rsp)
;;     movq %r13, 0x10(%rsp)
;;     movq %r14, 0x18(%rsp)
;;   block0:
;;     jmp     label1
;;   block1:
;;     call    bump; jmp MachLabel(2); catch [tag0: MachLabel(3)]
;;   block2:
;;     jmp     label4
;;   block3:
;;     movl (%rdx), %eax
;;     jmp     label4
;;   block4:
;;     movq (%rsp), %rbx
;;     movq 8(%rsp), %r12
;;     movq 0x10(%rsp), %r13
;;     movq 0x18(%rsp), %r14
;;     addq $0x20, %rsp
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
