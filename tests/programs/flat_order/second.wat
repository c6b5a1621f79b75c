(module
  (func (export "which") (result i32) (i32.const 2))
  (func (export "wrapped") (result i32) (i32.const 2)))
