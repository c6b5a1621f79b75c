;; `dylink.0` is not the first section.
(module (@custom "dylink.0" (after import) "\01\04\00\00\00\00") (import "env" "memory" (memory 1)) (func (export "_start")))
