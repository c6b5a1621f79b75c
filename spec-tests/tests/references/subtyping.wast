;; Function types with declared subtypes, across instances: what the scripts of the suite show
;; together with garbage collection types, they show here without.

(module $A
  (type $base (sub (func (result i32))))
  (type $mid (sub $base (func (result i32))))
  (type $leaf (sub final $mid (func (result i32))))
  (type $other (sub $base (func (result i32))))
  (func $base (export "base") (type $base) (i32.const 1))
  (func $mid (export "mid") (type $mid) (i32.const 2))
  (func $leaf (export "leaf") (type $leaf) (i32.const 3))
  (global (export "leaf-ref") (ref $leaf) (ref.func $leaf))
  (global (export "mid-var") (mut (ref null $mid)) (ref.func $mid))
  (table (export "table") 6 funcref)
  (elem (i32.const 0) $base $mid $leaf)
  (tag (export "tag") (param (ref null $mid)))
  (func (export "as-base") (param i32) (result i32)
    (call_indirect (type $base) (local.get 0)))
  (func (export "as-mid") (param i32) (result i32)
    (call_indirect (type $mid) (local.get 0)))
  (func (export "as-leaf") (param i32) (result i32)
    (call_indirect (type $leaf) (local.get 0)))
  (func (export "tail-as-base") (param i32) (result i32)
    (return_call_indirect (type $base) (local.get 0))))
(register "A")

(assert_return (invoke "as-base" (i32.const 0)) (i32.const 1))
(assert_return (invoke "as-base" (i32.const 1)) (i32.const 2))
(assert_return (invoke "as-base" (i32.const 2)) (i32.const 3))
(assert_return (invoke "tail-as-base" (i32.const 2)) (i32.const 3))
(assert_trap (invoke "as-mid" (i32.const 0)) "indirect call type mismatch")
(assert_return (invoke "as-mid" (i32.const 1)) (i32.const 2))
(assert_return (invoke "as-mid" (i32.const 2)) (i32.const 3))
(assert_trap (invoke "as-leaf" (i32.const 1)) "indirect call type mismatch")
(assert_return (invoke "as-leaf" (i32.const 2)) (i32.const 3))
(assert_trap (invoke "as-base" (i32.const 3)) "uninitialized element")
(assert_trap (invoke "as-base" (i32.const 6)) "undefined element")

;; The same types at other indices are the same types; imports may be of subtypes.
(module
  (type (func))
  (type $b (sub (func (result i32))))
  (type $m (sub $b (func (result i32))))
  (type $l (sub final $m (func (result i32))))
  (import "A" "leaf" (func $as-base (type $b)))
  (import "A" "leaf" (func $as-mid (type $m)))
  (import "A" "leaf" (func $as-leaf (type $l)))
  (import "A" "leaf-ref" (global $leaf (ref null $b)))
  (import "A" "leaf-ref" (global funcref))
  (import "A" "mid-var" (global $var (mut (ref null $m))))
  (import "A" "table" (table 6 funcref))
  (import "A" "tag" (tag (param (ref null $m))))
  (func $own (type $m) (i32.const 4))
  (elem declare func $own)
  (func (export "call-leaf") (result i32) (call_ref $b (global.get $leaf)))
  (func (export "set") (global.set $var (ref.func $own)) (table.set (i32.const 4) (ref.func $own)))
  (func (export "get") (result i32) (call_ref $b (global.get $var))))
(assert_return (invoke "call-leaf") (i32.const 3))
(assert_return (invoke "get") (i32.const 2))
(invoke "set")
(assert_return (invoke "get") (i32.const 4))
(assert_return (invoke $A "as-mid" (i32.const 4)) (i32.const 4))
(assert_trap (invoke $A "as-leaf" (i32.const 4)) "indirect call type mismatch")

(assert_unlinkable
  (module
    (type $b (sub (func (result i32))))
    (type $m (sub $b (func (result i32))))
    (import "A" "base" (func (type $m))))
  "incompatible import type")
;; A type that says less of itself is another.
(assert_unlinkable
  (module (import "A" "base" (func (result i32))))
  "incompatible import type")
(assert_unlinkable
  (module
    (rec (type $b (sub (func (result i32)))) (type $m (sub $b (func (result i32)))))
    (import "A" "mid" (func (type $m))))
  "incompatible import type")
(assert_unlinkable
  (module
    (type $b (sub (func (result i32))))
    (import "A" "mid-var" (global (mut (ref null $b)))))
  "incompatible import type")
(assert_unlinkable
  (module
    (type $b (sub (func (result i32))))
    (import "A" "tag" (tag (param (ref null $b)))))
  "incompatible import type")

;; Elements made by an initial value lead to code.
(module
  (type $t (func (param i32) (result i32)))
  (func $inc (type $t) (i32.add (local.get 0) (i32.const 1)))
  (table $typed 3 (ref $t) (ref.func $inc))
  (table $plain 3 funcref (ref.func $inc))
  (func (export "typed") (param i32) (result i32)
    (call_ref $t (i32.const 41) (table.get $typed (local.get 0))))
  (func (export "plain") (param i32) (result i32)
    (call_indirect $plain (type $t) (i32.const 41) (local.get 0))))
(assert_return (invoke "typed" (i32.const 2)) (i32.const 42))
(assert_trap (invoke "typed" (i32.const 3)) "out of bounds table access")
(assert_return (invoke "plain" (i32.const 2)) (i32.const 42))

;; An exception out of `call_ref` is caught, null is not an exception.
(module
  (type $t (func))
  (tag $e)
  (func $throw (type $t) (throw $e))
  (elem declare func $throw)
  (func $try (param (ref null $t)) (result i32)
    (block $caught
      (try_table (catch $e $caught) (call_ref $t (local.get 0)))
      (return (i32.const 0)))
    (i32.const 1))
  (func (export "throws") (result i32) (call $try (ref.func $throw)))
  (func (export "null") (result i32) (call $try (ref.null $t))))
(assert_return (invoke "throws") (i32.const 1))
(assert_trap (invoke "null") "null function reference")
