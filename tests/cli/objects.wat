;; Objects of the garbage-collected heap: what runs out of room says so.
;;! $ dynvm --invoke sum objects.wasm 1000
;;! > 1000
;;! $ dynvm --gc-stress --invoke sum objects.wasm 1000
;;! > 1000
;;! $ dynvm --max-gc-heap 64K --invoke sum objects.wasm 1000
;;! > 1000
;;! $ dynvm --invoke list objects.wasm 2
;;! > struct {1, struct {2, null}}
;;! $ dynvm --invoke list objects.wasm 10
;;! > struct {1, struct {2, struct {3, struct {4, struct {…}}}}}
;;! $ dynvm --invoke others objects.wasm
;;! > array [0, 1, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, …]
;;! > struct {}
;;! > i31 -7
;;! > function objects.wasm!list
;;! > exception
;;! > null
;;! $ dynvm --max-gc-heap 64K --invoke list objects.wasm 10000
;;! ! dynvm: wasm trap: garbage-collected heap exhausted: 16 bytes more than 65536 that are in use pass the limit of 65536 bytes
;;! !   #0 objects.wasm!list+0xa
;;! ? 134
;;! $ dynvm --max-gc-heap lots objects.wasm
;;! ! dynvm: bad value `lots` for `--max-gc-heap <BYTES>`: expected bytes, as in 65536 or 64M
;;! !   try `dynvm --help`
;;! ? 2
(module
  (type $bytes (array (mut i8)))
  (type $empty (struct))
  (tag $tag)
  (type $list (struct (field i32) (field (ref null $list))))
  (func $list (export "list") (param $len i32) (result (ref null $list))
    (local $list (ref null $list))
    (loop $more
      (local.set $list (struct.new $list (local.get $len) (local.get $list)))
      (br_if $more (local.tee $len (i32.sub (local.get $len) (i32.const 1)))))
    (local.get $list))
  (func (export "others") (result (ref $bytes) anyref eqref funcref exnref externref)
    (local $bytes (ref $bytes))
    (local.set $bytes (array.new $bytes (i32.const 0) (i32.const 17)))
    (array.set $bytes (local.get $bytes) (i32.const 1) (i32.const 1))
    (array.set $bytes (local.get $bytes) (i32.const 2) (i32.const -1))
    (local.get $bytes)
    (struct.new $empty)
    (ref.i31 (i32.const -7))
    (ref.func $list)
    (block $caught (result exnref)
      (try_table (catch_all_ref $caught) (throw $tag))
      unreachable)
    (ref.null extern))
  (func (export "sum") (param $rounds i32) (result i32) (local $sum i32)
    (loop $more
      (local.set $sum
        (i32.add (local.get $sum) (struct.get $list 0 (call $list (i32.const 10)))))
      (br_if $more (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $sum)))
