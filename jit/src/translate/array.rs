//! Arrays. The access to an array's length faults where the reference is null; what follows it is
//! checked against the length.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value};
use wasmparser::Operator;

use super::object::place;
use super::region::Region;
use super::{Translator, trap_code};
use crate::vm::code::TrapCode;
use crate::vm::context::{Builtin, HEAP_UNIT_BYTES};
use crate::vm::layout::{ARRAY_ELEMENTS, ARRAY_LEN, OBJECT_ALIGN, array_size_bytes};
use crate::vm::types::{Shape, StorageType, TypeIndex};

/// Arrays of so many bytes are made inline if their length is constant.
const INLINE_BYTES_MAX: u64 = 4096;
/// Arrays whose elements have so many bytes at most are made inline if their length is no constant.
const SHORT_BYTES_MAX: i64 = 512;

impl Translator<'_> {
    pub(super) fn array(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::ArrayNew { array_type_index } => {
                let (value, len) = self.pop2();
                let ty = TypeIndex(*array_type_index);
                let array = self.new_array(ty, len, false);
                let start = self.imm32(0);
                self.fill(ty, array, start, len, value);
                self.push(array);
            }
            Operator::ArrayNewDefault { array_type_index } => {
                let len = self.pop();
                let array = self.new_array(TypeIndex(*array_type_index), len, true);
                self.push(array);
            }
            Operator::ArrayNewFixed { array_type_index, array_size } => {
                let values = self.pop_n(*array_size as usize);
                self.new_fixed_array(TypeIndex(*array_type_index), &values);
            }
            Operator::ArrayGet { array_type_index } | Operator::ArrayGetU { array_type_index } => {
                self.get_element(TypeIndex(*array_type_index), false);
            }
            Operator::ArrayGetS { array_type_index } => {
                self.get_element(TypeIndex(*array_type_index), true);
            }
            Operator::ArraySet { array_type_index } => {
                let (array, index, value) = self.pop3();
                let storage = self.element(TypeIndex(*array_type_index));
                let address = self.element_address(storage, array, index);
                let flags = self.trusted(Region::Element(storage.bytes()));
                self.store_storage(storage, flags, value, address, place(ARRAY_ELEMENTS));
            }
            Operator::ArrayLen => {
                let array = self.pop();
                let len = self.array_len(array);
                self.push(len);
            }
            Operator::ArrayFill { array_type_index } => {
                let len = self.pop();
                let (array, start, value) = self.pop3();
                self.check_range(array, start, len);
                self.fill(TypeIndex(*array_type_index), array, start, len, value);
            }
            _ => return self.array_by_runtime(op),
        }
        true
    }

    fn array_by_runtime(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::ArrayNewData { array_type_index, array_data_index } => {
                let segment = *array_data_index;
                self.new_array_of(Builtin::ArrayNewData, TypeIndex(*array_type_index), segment);
            }
            Operator::ArrayNewElem { array_type_index, array_elem_index } => {
                let segment = *array_elem_index;
                self.new_array_of(Builtin::ArrayNewElement, TypeIndex(*array_type_index), segment);
            }
            Operator::ArrayInitData { array_data_index, .. } => {
                self.init_array(Builtin::ArrayInitData, *array_data_index);
            }
            Operator::ArrayInitElem { array_elem_index, .. } => {
                self.init_array(Builtin::ArrayInitElement, *array_elem_index);
            }
            Operator::ArrayCopy { .. } => {
                let (from_array, from, len) = self.pop3();
                let (to_array, to) = self.pop2();
                self.call_builtin(Builtin::ArrayCopy, &[to_array, to, from_array, from, len]);
            }
            _ => return false,
        }
        true
    }

    fn new_array_of(&mut self, builtin: Builtin, ty: TypeIndex, segment: u32) {
        let (from, len) = self.pop2();
        let range = self.pair(from, len);
        let (instance, segment) = (self.instance_id(), self.imm32(segment));
        let ty = self.imm32(self.scope.instance.types[ty.index()].0);
        let array = self.call_builtin(builtin, &[instance, ty, segment, range]);
        let array = array.expect("it makes an array");
        self.note_object(array);
        self.push(array);
    }

    fn init_array(&mut self, builtin: Builtin, segment: u32) {
        let (to, from, len) = self.pop3();
        let array = self.pop();
        let range = self.pair(from, len);
        let (instance, segment) = (self.instance_id(), self.imm32(segment));
        self.call_builtin(builtin, &[instance, segment, array, to, range]);
    }

    fn element(&self, ty: TypeIndex) -> StorageType {
        match self.scope.module.declarations[ty.index()].shape {
            Shape::Array(element) => element.storage,
            _ => unreachable!("validated: type {} is one of arrays", ty.0),
        }
    }

    /// A new array, of zeros if that is wanted; else its elements are set before anything else
    /// happens. Short ones are made inline.
    fn new_array(&mut self, ty: TypeIndex, len: Value, is_zeroed: bool) -> Value {
        let bytes = self.element(ty).bytes();
        let len_max = SHORT_BYTES_MAX / i64::from(bytes);
        let is_long = self.builder.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, len, len_max);
        // Of a long one the size is anything, but is not used.
        let content = self.ins().ishl_imm_u(len, i64::from(bytes.trailing_zeros()));
        let align = i64::from(OBJECT_ALIGN);
        let size = self.ins().iadd_imm_s(content, i64::from(ARRAY_ELEMENTS) + align - 1);
        let size = self.ins().band_imm_u(size, i64::from(u32::MAX) - (align - 1));
        let units = self.ins().ushr_imm_u(size, i64::from(HEAP_UNIT_BYTES.trailing_zeros()));
        let next = self.heap_next();
        let end = self.ins().iadd(next, units);
        let is_full = self.is_beyond_heap(end);
        let is_full = self.ins().bor(is_long, is_full);
        let id = self.imm32(self.scope.instance.types[ty.index()].0);
        let slow = (Builtin::ArrayNew, &[id, len][..]);
        self.allocate_unless(is_full, (next, end), (ty, Some(len)), slow, |translator, array| {
            if is_zeroed {
                translator.clear(bytes, array, size);
            }
        })
    }

    /// Zeros all elements of an array of so many bytes, the length included.
    fn clear(&mut self, element_bytes: u32, array: Value, size: Value) {
        let first = self.object_address(array);
        let size = self.widen(size);
        let end = self.ins().iadd_imm_s(size, -i64::from(ARRAY_ELEMENTS));
        let end = self.ins().iadd(first, end);
        let zero = self.ins().iconst(I64, 0);
        self.repeat(first, end, i64::from(OBJECT_ALIGN), |translator, at| {
            let flags = translator.trusted(Region::Element(element_bytes));
            translator.ins().store(flags, zero, at, place(ARRAY_ELEMENTS));
        });
    }

    fn new_fixed_array(&mut self, ty: TypeIndex, values: &[Value]) {
        let storage = self.element(ty);
        let len = u32::try_from(values.len()).expect("validation bounds the operands");
        let size_bytes = array_size_bytes(storage.bytes(), len);
        let len_value = self.imm32(len);
        let array = if size_bytes <= INLINE_BYTES_MAX {
            let id = self.imm32(self.scope.instance.types[ty.index()].0);
            let slow = (Builtin::ArrayNew, &[id, len_value][..]);
            self.allocate(ty, size_bytes as u32, Some(len_value), slow)
        } else {
            self.new_array(ty, len_value, false)
        };
        let address = self.object_address(array);
        for (at, value) in (ARRAY_ELEMENTS..).step_by(storage.bytes() as usize).zip(values) {
            let flags = self.trusted(Region::Element(storage.bytes()));
            self.store_storage(storage, flags, *value, address, place(at));
        }
        self.push(array);
    }

    fn get_element(&mut self, ty: TypeIndex, is_signed: bool) {
        let (array, index) = self.pop2();
        let storage = self.element(ty);
        let address = self.element_address(storage, array, index);
        let flags = self.trusted(Region::Element(storage.bytes()));
        let value = self.load_storage(storage, is_signed, flags, address, place(ARRAY_ELEMENTS));
        self.push(value);
    }

    fn array_len(&mut self, array: Value) -> Value {
        let address = self.object_address(array);
        let flags = self.access_through(array, Region::Header, TrapCode::NullArrayReference);
        self.ins().load(I32, flags, address, place(ARRAY_LEN))
    }

    /// Checks the index; the element lies [`ARRAY_ELEMENTS`] from the address.
    fn element_address(&mut self, storage: StorageType, array: Value, index: Value) -> Value {
        let len = self.array_len(array);
        let is_outside = self.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
        self.ins().trapnz(is_outside, trap_code(TrapCode::ArrayOutOfBounds));
        self.address_of(storage, array, index)
    }

    fn address_of(&mut self, storage: StorageType, array: Value, index: Value) -> Value {
        let address = self.object_address(array);
        let index = self.widen(index);
        let distance = self.ins().ishl_imm_u(index, i64::from(storage.bytes().trailing_zeros()));
        self.ins().iadd(address, distance)
    }

    /// Traps unless `len` elements from `start` on are inside.
    fn check_range(&mut self, array: Value, start: Value, len: Value) {
        let array_len = self.array_len(array);
        let (start, len, array_len) = (self.widen(start), self.widen(len), self.widen(array_len));
        let end = self.ins().iadd(start, len);
        let is_outside = self.ins().icmp(IntCC::UnsignedGreaterThan, end, array_len);
        self.ins().trapnz(is_outside, trap_code(TrapCode::ArrayOutOfBounds));
    }

    /// Sets `len` elements from `start` on, which are inside.
    fn fill(&mut self, ty: TypeIndex, array: Value, start: Value, len: Value, value: Value) {
        let storage = self.element(ty);
        let first = self.address_of(storage, array, start);
        let len = self.widen(len);
        let bytes = i64::from(storage.bytes());
        let distance = self.ins().ishl_imm_u(len, i64::from(storage.bytes().trailing_zeros()));
        let end = self.ins().iadd(first, distance);
        self.repeat(first, end, bytes, |translator, at| {
            let flags = translator.trusted(Region::Element(storage.bytes()));
            translator.store_storage(storage, flags, value, at, place(ARRAY_ELEMENTS));
        });
    }

    /// Does something for each address from `first` on, `step` apart, before `end`.
    fn repeat(&mut self, first: Value, end: Value, step: i64, make: impl FnOnce(&mut Self, Value)) {
        let head = self.block_with_params(&[I64]);
        let (body, done) = (self.builder.create_block(), self.builder.create_block());
        self.ins().jump(head, &[BlockArg::Value(first)]);
        self.enter(head);
        let at = self.builder.block_params(head)[0];
        let is_more = self.ins().icmp(IntCC::UnsignedLessThan, at, end);
        self.ins().brif(is_more, body, &[], done, &[]);
        self.builder.seal_block(body);
        self.builder.seal_block(done);
        self.enter(body);
        make(self, at);
        let next = self.ins().iadd_imm_s(at, step);
        self.ins().jump(head, &[BlockArg::Value(next)]);
        self.builder.seal_block(head);
        self.enter(done);
    }
}
