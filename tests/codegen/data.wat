;; Data of another dso is read by the same instruction as a dso's own: the GOT entry and the base
;; are constants, folded into the displacement from the pinned register.
;;! asm: own theirs
(module
  (@dylink.0 (mem-info (memory 16 4)) (needed "liba.so"))
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global $memory_base i32))
  (import "GOT.mem" "counter" (global $counter (mut i32)))
  (func (export "own") (result i32) (i32.load offset=8 (global.get $memory_base)))
  (func (export "theirs") (result i32) (i32.load (global.get $counter)))
  (func (export "_initialize")))
;;= expected
;; asm own
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rcx
;;     movl 0x800408(%rcx), %eax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
;; asm theirs
;;     pushq %rbp
;;     movq %rsp, %rbp
;;   block0:
;;     movq    %r15, %rcx
;;     movl 0x800414(%rcx), %eax
;;     movq %rbp, %rsp
;;     popq %rbp
;;     retq
