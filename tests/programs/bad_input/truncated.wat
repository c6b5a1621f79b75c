;; The payload of MEM_INFO ends too early.
(module (@custom "dylink.0" (before first) "\01\08\01\02") (func (export "_start")))
