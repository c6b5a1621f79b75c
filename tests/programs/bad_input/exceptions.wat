;; An exception that nobody catches.
(module (tag $t (param i32)) (func (export "_start") (throw $t (i32.const 1))))
