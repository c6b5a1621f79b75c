;; A program and a library that hand each other objects: the types of both are the same ones. What
;; is of another type is no such object. Linked for good they do the same.
;;! $ dynvm -L . --invoke run uses-objects.wasm
;;! > 142
;;! $ dynvm -L . --gc-stress --invoke run uses-objects.wasm
;;! > 142
;;! $ dynvm link -L . -o one.wasm uses-objects.wasm
;;! $ dynvm --gc-stress --invoke run one.wasm
;;! > 142
;;! $ dynvm -L . --invoke mistakes uses-objects.wasm
;;! ! dynvm: wasm trap: cast failure
;;! !   #0 uses-objects.wasm!mistakes+0x10
;;! ? 134
(module $uses-objects
  (@dylink.0 (mem-info) (needed "libobjects.so"))
  (type $front (array i8))
  (type $list (struct (field i32) (field (mut (ref null $list)))))
  (import "env" "memory" (memory 0))
  (import "env" "sum" (func $sum (param (ref null $list)) (result i32)))
  (import "env" "keep" (func $keep (param externref)))
  (import "env" "kept" (func $kept (result externref)))
  (func (export "cons") (param i32 (ref null $list)) (result (ref $list))
    (struct.new $list (local.get 0) (local.get 1)))
  (func (export "run") (result i32) (local $list (ref null $list))
    (local.set $list (struct.new $list (i32.const 30) (ref.null $list)))
    (local.set $list (struct.new $list (i32.const 2) (local.get $list)))
    (call $keep (extern.convert_any (local.get $list)))
    (i32.add (call $sum (local.get $list))
      (i32.mul (i32.const 100)
        (ref.eq (local.get $list)
          (ref.cast (ref null $list) (any.convert_extern (call $kept)))))))
  (func $mistakes (export "mistakes") (result i32)
    (call $keep (extern.convert_any (struct.new $list (i32.const 1) (ref.null $list))))
    (array.len (ref.cast (ref $front) (any.convert_extern (call $kept))))))
