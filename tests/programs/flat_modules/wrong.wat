(module (func (export "f") (result i64) (i64.const 42)))
