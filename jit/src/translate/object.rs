//! Structs: made inline where the heap has room, and accessed in one instruction. An access through
//! null faults.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I32;
use cranelift_codegen::ir::{BlockArg, InstBuilder, MemFlagsData, Value};
use wasmparser::Operator;

use super::region::Region;
use super::{Translator, trap_code};
use crate::signature::value_type;
use crate::vm::code::TrapCode;
use crate::vm::context::{Builtin, HEAP_BIAS, HEAP_UNIT_BYTES, VmContext};
use crate::vm::layout::{ARRAY_LEN, StructLayout, header};
use crate::vm::types::{FieldType, Shape, StorageType, TypeIndex, ValType};

/// The displacement of an access to an object, so many bytes from its start.
pub(super) fn place(at: u32) -> i32 {
    HEAP_BIAS + i32::try_from(at).expect("validation bounds the number of fields")
}

impl Translator<'_> {
    pub(super) fn object(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::StructNew { struct_type_index } => {
                let ty = TypeIndex(*struct_type_index);
                let len = self.fields(ty).len();
                let values = self.pop_n(len);
                self.new_struct(ty, &values);
            }
            Operator::StructNewDefault { struct_type_index } => {
                let ty = TypeIndex(*struct_type_index);
                let fields = self.fields(ty).to_vec();
                let values = fields.iter().map(|field| self.default(field.storage));
                let values = values.collect::<Vec<_>>();
                self.new_struct(ty, &values);
            }
            Operator::StructGet { struct_type_index, field_index }
            | Operator::StructGetU { struct_type_index, field_index } => {
                self.get_field(TypeIndex(*struct_type_index), *field_index, false);
            }
            Operator::StructGetS { struct_type_index, field_index } => {
                self.get_field(TypeIndex(*struct_type_index), *field_index, true);
            }
            Operator::StructSet { struct_type_index, field_index } => {
                let (object, value) = self.pop2();
                let (field, at) = self.field(TypeIndex(*struct_type_index), *field_index);
                let address = self.object_address(object);
                let flags = self.access_through(
                    object,
                    Region::Field(at),
                    TrapCode::NullStructureReference,
                );
                self.store_storage(field.storage, flags, value, address, place(at));
            }
            _ => return false,
        }
        true
    }

    fn fields(&self, ty: TypeIndex) -> &[FieldType] {
        match &self.scope.module.declarations[ty.index()].shape {
            Shape::Struct(fields) => fields,
            _ => unreachable!("validated: type {} is one of structs", ty.0),
        }
    }

    /// A field's type, and where it is in the object.
    fn field(&mut self, ty: TypeIndex, field: u32) -> (FieldType, u32) {
        let field_type = self.fields(ty)[field as usize];
        (field_type, self.layout(ty).offsets[field as usize])
    }

    fn layout(&mut self, ty: TypeIndex) -> &StructLayout {
        let module = self.scope.module;
        let id = self.scope.instance.types[ty.index()];
        self.layouts.entry(id).or_insert_with(|| match &module.declarations[ty.index()].shape {
            Shape::Struct(fields) => StructLayout::new(fields),
            _ => unreachable!("validated: type {} is one of structs", ty.0),
        })
    }

    fn new_struct(&mut self, ty: TypeIndex, values: &[Value]) {
        let StructLayout { offsets, size_bytes } = self.layout(ty).clone();
        let id = self.imm32(self.scope.instance.types[ty.index()].0);
        let object = self.allocate(ty, size_bytes, None, (Builtin::StructNew, &[id]));
        let address = self.object_address(object);
        let fields = self.fields(ty).to_vec();
        for ((field, at), value) in fields.iter().zip(offsets).zip(values) {
            let flags = self.trusted(Region::Field(at));
            self.store_storage(field.storage, flags, *value, address, place(at));
        }
        self.push(object);
    }

    /// A new object of type `ty` and a constant size, its header written, and its length if it is an
    /// array. Where there is no room in sight, `slow` makes it.
    pub(super) fn allocate(
        &mut self,
        ty: TypeIndex,
        size_bytes: u32,
        len: Option<Value>,
        slow: (Builtin, &[Value]),
    ) -> Value {
        let next = self.heap_next();
        let units = i64::from(size_bytes) / HEAP_UNIT_BYTES as i64;
        let end = self.ins().iadd_imm_s(next, units);
        let is_full = self.is_beyond_heap(end);
        self.allocate_unless(is_full, (next, end), (ty, len), slow, |_, _| {})
    }

    /// Where the next object goes.
    pub(super) fn heap_next(&mut self) -> Value {
        let context = self.context();
        let flags = self.trusted(Region::HeapNext);
        self.ins().load(I32, flags, context, VmContext::HEAP_NEXT)
    }

    /// Whether an object that ends there needs the runtime's help.
    pub(super) fn is_beyond_heap(&mut self, end: Value) -> Value {
        let context = self.context();
        let flags = self.trusted(Region::HeapNext);
        let limit = self.ins().load(I32, flags, context, VmContext::HEAP_LIMIT);
        self.ins().icmp(IntCC::UnsignedGreaterThan, end, limit)
    }

    /// A new object from `next` to `end`, its header written, and its length if it is an array; what
    /// else it needs does `fill`. If `is_full`, `slow` makes it.
    pub(super) fn allocate_unless(
        &mut self,
        is_full: Value,
        (next, end): (Value, Value),
        (ty, len): (TypeIndex, Option<Value>),
        (slow, slow_args): (Builtin, &[Value]),
        fill: impl FnOnce(&mut Self, Value),
    ) -> Value {
        let (full, room) = (self.builder.create_block(), self.builder.create_block());
        let done = self.block_with_params(&[I32]);
        self.ins().brif(is_full, full, &[], room, &[]);
        self.builder.seal_block(full);
        self.builder.seal_block(room);
        self.builder.set_cold_block(full);

        self.enter(full);
        let object = self.call_builtin(slow, slow_args).expect("it makes an object");
        self.ins().jump(done, &[BlockArg::Value(object)]);

        self.enter(room);
        self.write_header(next, ty, len);
        // Only now it is an object: what interrupts the guest before finds none without a header.
        let context = self.context();
        let flags = self.trusted(Region::HeapNext);
        self.ins().store(flags, end, context, VmContext::HEAP_NEXT);
        fill(self, next);
        self.ins().jump(done, &[BlockArg::Value(next)]);

        self.builder.seal_block(done);
        self.enter(done);
        let object = self.builder.block_params(done)[0];
        self.note_object(object);
        object
    }

    fn write_header(&mut self, object: Value, ty: TypeIndex, len: Option<Value>) {
        let address = self.object_address(object);
        let shape = &self.scope.module.declarations[ty.index()].shape;
        let header = header(self.scope.instance.types[ty.index()], shape);
        let header = self.imm32(header);
        let flags = self.trusted(Region::Header);
        self.ins().store(flags, header, address, place(0));
        if let Some(len) = len {
            self.ins().store(flags, len, address, place(ARRAY_LEN));
        }
    }

    fn get_field(&mut self, ty: TypeIndex, field: u32, is_signed: bool) {
        let object = self.pop();
        let (field, at) = self.field(ty, field);
        let address = self.object_address(object);
        let flags =
            self.access_through(object, Region::Field(at), TrapCode::NullStructureReference);
        let value = self.load_storage(field.storage, is_signed, flags, address, place(at));
        self.push(value);
    }

    /// What an access to an object adds [`place`] to.
    pub(super) fn object_address(&mut self, object: Value) -> Value {
        let distance = self.widen(object);
        let unit_log2 = i64::from(HEAP_UNIT_BYTES.trailing_zeros());
        let distance = self.ins().ishl_imm_u(distance, unit_log2);
        let context = self.context();
        self.ins().iadd(context, distance)
    }

    /// Flags of an access to an object, which faults if the reference is null. Behind it that is
    /// known not to be so.
    pub(super) fn access_through(
        &mut self,
        object: Value,
        region: Region,
        code: TrapCode,
    ) -> MemFlagsData {
        if self.facts.of(object).is_non_null {
            return self.trusted(region);
        }
        self.facts.learn_non_null(object);
        self.fallible(region, code)
    }

    /// Flags of an access that faults where the reference is null.
    pub(super) fn fallible(&mut self, region: Region, code: TrapCode) -> MemFlagsData {
        let region = region.declare(self.builder.func);
        MemFlagsData::new()
            .with_aligned()
            .with_trap_code(Some(trap_code(code)))
            .with_alias_region(Some(region))
    }

    /// Zero, as a field holds it.
    pub(super) fn default(&mut self, storage: StorageType) -> Value {
        match storage {
            StorageType::I8 | StorageType::I16 => self.imm32(0),
            StorageType::Value(ty) => self.zero(value_type(ty)),
        }
    }

    pub(super) fn load_storage(
        &mut self,
        storage: StorageType,
        is_signed: bool,
        flags: MemFlagsData,
        address: Value,
        at: i32,
    ) -> Value {
        match (storage, is_signed) {
            (StorageType::I8, false) => self.ins().uload8(I32, flags, address, at),
            (StorageType::I8, true) => self.ins().sload8(I32, flags, address, at),
            (StorageType::I16, false) => self.ins().uload16(I32, flags, address, at),
            (StorageType::I16, true) => self.ins().sload16(I32, flags, address, at),
            (StorageType::Value(ty), _) => {
                let value = self.ins().load(value_type(ty), aligned(ty, flags), address, at);
                self.note(value, ty);
                value
            }
        }
    }

    pub(super) fn store_storage(
        &mut self,
        storage: StorageType,
        flags: MemFlagsData,
        value: Value,
        address: Value,
        at: i32,
    ) {
        match storage {
            StorageType::I8 => self.ins().istore8(flags, value, address, at),
            StorageType::I16 => self.ins().istore16(flags, value, address, at),
            StorageType::Value(ty) => self.ins().store(aligned(ty, flags), value, address, at),
        };
    }
}

/// Vectors lie at multiples of 8 bytes only.
fn aligned(ty: ValType, flags: MemFlagsData) -> MemFlagsData {
    if ty == ValType::V128 {
        let trap = flags.trap_code();
        return MemFlagsData::new().with_trap_code(trap).with_alias_region(flags.alias_region());
    }
    flags
}
