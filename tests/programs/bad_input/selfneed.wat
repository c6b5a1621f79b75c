;; Needs a name with a path that leads nowhere, and an empty one.
(module (@dylink.0 (needed "./nowhere/libx.so" "")) (func (export "_start")))
