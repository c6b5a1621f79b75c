;; The function leaves the wrong type.
(module (func (export "_start")) (func (export "f") (result i32) i64.const 1))
