//! References as the host has them: to hold, to make, to look into and to drop.
//!
//! A [`Value::Ref`] to an object is a handle. One that a host function gets or makes ends when it
//! returns, unless [`Process::hold`] keeps it; any other lives until [`Process::release`], and
//! what is forgotten shows up as [`crate::HeapStats::handles`].

use crate::code::TrapCode;
use crate::context::HEAP_START;
use crate::heap::is_object;
use crate::layout::{ARRAY_ELEMENTS, StructLayout};
use crate::process::{HostFunction, Process};
use crate::trap::{Stop, Trap};
use crate::types::{FieldType, HeapType, RefType, Shape, StorageType, TypeId, ValType};
use crate::value::{RawValue, Value};

/// What a reference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referent {
    /// Nothing.
    Null,
    /// A number of 31 bits, sign-extended.
    I31(i32),
    /// Something of the host's, by its number.
    Host(u32),
    /// A struct of this type.
    Struct(TypeId),
    /// An array of this type.
    Array(TypeId),
    /// A function or an exception.
    Other,
}

impl Process {
    /// The ids of an instance's types are in [`crate::instance::Instance::types`]; this is what one
    /// of them is a type of.
    #[must_use]
    pub fn shape(&self, ty: TypeId) -> &Shape {
        self.types.shape(ty)
    }

    /// What a reference refers to; `None` if it is none, or was released.
    #[must_use]
    pub fn referent(&self, value: Value) -> Option<Referent> {
        let Value::Ref(ty, bits) = value else { return None };
        if bits == 0 {
            return Some(Referent::Null);
        }
        if !self.is_in_any(ty) {
            return Some(Referent::Other);
        }
        let bits = self.handles.get(bits)?;
        Some(match bits {
            bits if bits & 1 != 0 => Referent::I31(bits.cast_signed() >> 1),
            bits if bits < HEAP_START => Referent::Host(bits / 2 - 1),
            object => {
                let id = self.heap.type_of(object);
                match self.types.shape(id) {
                    Shape::Array(_) => Referent::Array(id),
                    _ => Referent::Struct(id),
                }
            }
        })
    }

    /// Whether two references are the same; `None` if one is none, or was released.
    #[must_use]
    pub fn is_same(&self, left: Value, right: Value) -> Option<bool> {
        let (Value::Ref(_, left), Value::Ref(_, right)) = (left, right) else { return None };
        Some(self.handles.get(left)? == self.handles.get(right)?)
    }

    /// One more holder of a reference: it stays until [`Process::release`] was called once more.
    pub fn hold(&mut self, value: Value) {
        if let Value::Ref(ty, bits) = value
            && self.is_in_any(ty)
        {
            self.handles.hold(bits);
        }
    }

    /// The host does not need this reference any longer.
    pub fn release(&mut self, value: Value) {
        if let Value::Ref(ty, bits) = value
            && self.is_in_any(ty)
        {
            self.handles.release(bits);
        }
    }

    /// A new struct. `None` if `ty` is no type of structs, or the fields are not of its types.
    ///
    /// # Errors
    /// If the heap has no room.
    pub fn new_struct(&mut self, ty: TypeId, fields: &[Value]) -> Result<Option<Value>, Stop> {
        let Shape::Struct(types) = self.types.shape(ty).clone() else { return Ok(None) };
        if types.len() != fields.len() || !self.are_storable(types.iter().zip(fields)) {
            return Ok(None);
        }
        let object = self.allocate_struct(ty)?;
        // Lowered behind the allocation, which may have moved what the fields refer to.
        let values = types.iter().zip(fields).map(|(field, value)| self.stored(field, *value));
        let values: Option<Vec<RawValue>> = values.collect();
        self.set_fields(object, ty, &values.expect("the fields were checked"));
        Ok(Some(self.lift_object(ty, object)))
    }

    /// A new array. `None` if `ty` is no type of arrays, or the elements are not of its type.
    ///
    /// # Errors
    /// If the heap has no room.
    pub fn new_array(&mut self, ty: TypeId, elements: &[Value]) -> Result<Option<Value>, Stop> {
        let Shape::Array(element) = *self.types.shape(ty) else { return Ok(None) };
        let Ok(len) = u32::try_from(elements.len()) else { return Ok(None) };
        if !self.are_storable(elements.iter().map(|value| (&element, value))) {
            return Ok(None);
        }
        let array = self.allocate_array(ty, len)?;
        for (index, value) in (0..len).zip(elements) {
            let value = self.stored(&element, *value).expect("the elements were checked");
            self.set_element(array, index, value);
        }
        Ok(Some(self.lift_object(ty, array)))
    }

    /// The length of an array; `None` for anything else.
    #[must_use]
    pub fn array_len(&self, array: Value) -> Option<u32> {
        match self.referent(array)? {
            Referent::Array(_) => Some(self.heap.array_len(self.handles.get(bits_of(array)?)?)),
            _ => None,
        }
    }

    /// Field of a struct, or element of an array; packed ones zero-extended. `None` for anything
    /// else and for what is outside.
    pub fn member(&mut self, object: Value, index: u32) -> Option<Value> {
        let (field, bits, at) = self.member_place(object, index)?;
        let bytes = field.storage.bytes();
        let mut raw = [0; 16];
        raw[..bytes as usize].copy_from_slice(self.heap.bytes(bits, at, u64::from(bytes)));
        let raw = RawValue::from(u128::from_le_bytes(raw));
        Some(match field.storage {
            StorageType::I8 | StorageType::I16 => Value::I32(raw.i32()),
            StorageType::Value(ty) => self.lift(ty, raw),
        })
    }

    /// Changes a field or an element. Whether it did: not if `object` has none there, it is not
    /// mutable, or `value` is not of its type.
    pub fn set_member(&mut self, object: Value, index: u32, value: Value) -> bool {
        let Some((field, bits, at)) = self.member_place(object, index) else { return false };
        let Some(raw) = self.stored(&field, value).filter(|_| field.is_mutable) else {
            return false;
        };
        let bytes = field.storage.bytes();
        let place = self.heap.bytes_mut(bits, at, u64::from(bytes));
        place.copy_from_slice(&raw.u128().to_le_bytes()[..bytes as usize]);
        true
    }

    /// A member's type, the object it is in, and where.
    fn member_place(&self, object: Value, index: u32) -> Option<(FieldType, u32, u64)> {
        let referent = self.referent(object)?;
        let bits = self.handles.get(bits_of(object)?)?;
        let (Referent::Struct(ty) | Referent::Array(ty)) = referent else { return None };
        match self.types.shape(ty) {
            Shape::Struct(fields) => {
                let field = fields.get(index as usize)?;
                let at = StructLayout::new(fields).offsets[index as usize];
                Some((*field, bits, u64::from(at)))
            }
            Shape::Array(element) => {
                let at = u64::from(element.storage.bytes()) * u64::from(index);
                let is_inside = index < self.heap.array_len(bits);
                is_inside.then_some((*element, bits, u64::from(ARRAY_ELEMENTS) + at))
            }
            Shape::Func => None,
        }
    }

    fn are_storable<'a>(&self, fields: impl Iterator<Item = (&'a FieldType, &'a Value)>) -> bool {
        let mut fields = fields;
        fields.all(|(field, value)| self.stored(field, *value).is_some())
    }

    /// The bits of `value` as a field holds them; `None` if it is not of the field's type.
    fn stored(&self, field: &FieldType, value: Value) -> Option<RawValue> {
        match field.storage {
            StorageType::I8 | StorageType::I16 => self.lower(ValType::I32, value),
            StorageType::Value(ty) => self.lower(ty, value),
        }
    }

    fn lift_object(&mut self, ty: TypeId, object: u32) -> Value {
        let ty = RefType { is_nullable: false, heap: HeapType::Canonical(ty) };
        self.lift(ValType::Ref(ty), object.into())
    }

    /// A value of wasm's for the host.
    pub(crate) fn lift(&mut self, ty: ValType, raw: RawValue) -> Value {
        match ty {
            ValType::Ref(reference) if self.types.is_managed(ty) => {
                let is_local = self.is_in_wasm();
                Value::Ref(reference, self.handles.add(raw.u32(), is_local))
            }
            _ => Value::from_raw(ty, raw),
        }
    }

    /// A value of the host's for wasm; `None` if it is not of type `ty`, or a handle that was
    /// released.
    pub(crate) fn lower(&self, ty: ValType, value: Value) -> Option<RawValue> {
        match (ty, value) {
            (ValType::Ref(of), Value::Ref(found, bits)) if self.is_in_any(of) => {
                let bits = self.handles.get(bits).filter(|_| self.is_in_any(found) || bits == 0)?;
                self.is_instance(bits, of).then(|| bits.into())
            }
            (of, value) => self.types.is_value_subtype(value.ty(), of).then(|| value.raw()),
        }
    }

    /// Turns references among the arguments of a host function into handles.
    pub(crate) fn lift_args(&mut self, number: u32, values: &mut [RawValue]) {
        let params = &self.host_functions[number as usize].ty.params;
        for (ty, value) in params.iter().zip(values) {
            if self.types.is_managed(*ty) {
                *value = self.handles.add(value.u32(), true).into();
            }
        }
    }

    /// Turns handles among the results of a host function into references.
    pub(crate) fn lower_results(&self, number: u32, values: &mut [RawValue]) -> Result<(), Stop> {
        let HostFunction { name, ty, .. } = &self.host_functions[number as usize];
        for (ty, value) in ty.results.iter().zip(values) {
            let ValType::Ref(reference) = ty else { continue };
            if !self.is_in_any(*reference) {
                continue;
            }
            *value = self.lower(*ty, Value::Ref(*reference, value.u32())).ok_or_else(|| {
                let detail = format!("`{name}` gave what is no reference of type {ty}");
                Trap::new(TrapCode::Host, detail)
            })?;
        }
        Ok(())
    }

    /// Whether the host may have handles in place of values of this type.
    pub(crate) fn has_handles(&self, ty: ValType) -> bool {
        matches!(ty, ValType::Ref(ty) if self.is_in_any(ty))
    }

    /// Whether the values of a type are null, numbers, the host's and objects: all that is neither
    /// a function nor an exception.
    fn is_in_any(&self, ty: RefType) -> bool {
        match ty.heap {
            HeapType::Any
            | HeapType::Eq
            | HeapType::I31
            | HeapType::Struct
            | HeapType::Array
            | HeapType::None
            | HeapType::Extern
            | HeapType::NoExtern => true,
            HeapType::Canonical(id) => *self.types.shape(id) != Shape::Func,
            _ => false,
        }
    }

    /// Whether the reference `bits`, which is no function and no exception, is of type `of`.
    fn is_instance(&self, bits: u32, of: RefType) -> bool {
        if bits == 0 {
            return of.is_nullable;
        }
        if of.heap == HeapType::Extern {
            return true;
        }
        if !is_object(bits) {
            let is_i31 = bits & 1 != 0;
            return match of.heap {
                HeapType::Any => true,
                HeapType::Eq | HeapType::I31 => is_i31,
                _ => false,
            };
        }
        let heap = HeapType::Canonical(self.heap.type_of(bits));
        self.types.is_ref_subtype(RefType { is_nullable: false, heap }, of)
    }
}

fn bits_of(value: Value) -> Option<u32> {
    match value {
        Value::Ref(_, bits) => Some(bits),
        _ => None,
    }
}
