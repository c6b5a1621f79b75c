;; An undefined weak function is null: the test is decided when the code is made, and the call is
;; gone.
;;! asm: call_if_there
(module
  (@dylink.0 (mem-info (memory 0 0))
    (import-info "env" "hook" binding-weak undefined))
  (import "env" "memory" (memory 0))
  (import "env" "hook" (func $hook))
  (import "GOT.func" "hook" (global $hook_pointer (mut i32)))
  (func (export "call_if_there")
    (if (global.get $hook_pointer) (then (call $hook))))
  (func (export "_initialize")))
;;= expected
;; asm call_if_there
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     jmp     label1
;;   block1:
;;     jmp     label2
;;   block2:
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
