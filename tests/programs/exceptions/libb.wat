;; Throws: with a tag that everybody imports and nobody defines, and with one of its own.
(module
  (@dylink.0 (mem-info))
  (import "env" "__cpp_exception" (tag $cpp (param i32)))
  (tag $oops (export "oops") (param i32 f64))
  (func (export "throw_cpp") (param i32) (throw $cpp (local.get 0)))
  (func (export "throw_oops") (param i32)
    (throw $oops (local.get 0) (f64.convert_i32_s (local.get 0))))
  (func (export "throw_either") (param i32)
    (if (i32.and (local.get 0) (i32.const 1))
      (then (throw $cpp (local.get 0)))
      (else (throw $oops (local.get 0) (f64.const 0.5)))))
)
