;; More memory than anybody has to give.
(module (@dylink.0 (mem-info (memory 0xfffffff0 2) (table 0 0)))
  (import "env" "memory" (memory 1)) (import "env" "__memory_base" (global i32)) (func (export "_start")))
