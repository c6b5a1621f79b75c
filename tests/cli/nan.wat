;; Without the option a NaN is what the processor makes of the operands: here, the first with its
;; highest payload bit set. With it, it is the canonical one, 0x7fc00000; and a relaxed instruction
;; is what its strict sibling is either way. What was compiled without is not used with it.
;;
;;! $ dynvm --invoke nan nan.wasm
;;! > -2092492
;;! $ dynvm --canonical-nan --invoke nan nan.wasm
;;! > 2143289344
;;! $ dynvm --deterministic --invoke nan nan.wasm
;;! > 2143289344
;;! $ dynvm --invoke nan nan.wasm
;;! > -2092492
;;! $ dynvm --invoke twice_rounded nan.wasm
;;! > 0
;;! $ dynvm --deterministic --invoke twice_rounded nan.wasm
;;! > 0
(module
  (memory 1)
  (data (i32.const 0) "\34\12\a0\ff")
  (func (export "nan") (result i32)
    (i32.reinterpret_f32 (f32.add (f32.load (i32.const 0)) (f32.const 1))))
  ;; (1 + 2^-12)^2 - 1 - 2^-11 is 2^-24, and 0 if the product is rounded.
  (func (export "twice_rounded") (result f32)
    (f32x4.extract_lane 0 (f32x4.relaxed_madd
      (v128.const f32x4 0x1.001p0 0 0 0) (v128.const f32x4 0x1.001p0 0 0 0)
      (v128.const f32x4 -0x1.002p0 0 0 0)))))
