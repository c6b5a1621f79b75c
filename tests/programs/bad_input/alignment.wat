;; An alignment of 2^40.
(module (@dylink.0 (mem-info (memory 8 40) (table 0 0)))
  (import "env" "memory" (memory 1)) (func (export "_start")))
