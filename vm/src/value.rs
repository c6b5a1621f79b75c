//! Values: untyped bits as compiled code passes them, and typed ones for the host.

use std::fmt;

use crate::types::{RefType, ValType};

/// The bits of one wasm value, whatever its type, little-endian and zero-extended.
#[repr(C, align(16))]
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct RawValue([u8; 16]);

impl RawValue {
    /// All bits zero: the default of every type, null for references.
    pub const ZERO: RawValue = RawValue([0; 16]);

    /// The low 32 bits.
    #[must_use]
    pub fn u32(self) -> u32 {
        self.u64() as u32
    }

    /// The low 32 bits, signed.
    #[must_use]
    pub fn i32(self) -> i32 {
        self.u32().cast_signed()
    }

    /// The low 64 bits.
    #[must_use]
    pub fn u64(self) -> u64 {
        self.u128() as u64
    }

    /// The low 64 bits, signed.
    #[must_use]
    pub fn i64(self) -> i64 {
        self.u64().cast_signed()
    }

    /// All 128 bits.
    #[must_use]
    pub fn u128(self) -> u128 {
        u128::from_le_bytes(self.0)
    }
}

impl From<u32> for RawValue {
    fn from(bits: u32) -> Self {
        RawValue::from(u128::from(bits))
    }
}

impl From<i32> for RawValue {
    fn from(value: i32) -> Self {
        RawValue::from(value.cast_unsigned())
    }
}

impl From<u64> for RawValue {
    fn from(bits: u64) -> Self {
        RawValue::from(u128::from(bits))
    }
}

impl From<i64> for RawValue {
    fn from(value: i64) -> Self {
        RawValue::from(value.cast_unsigned())
    }
}

impl From<u128> for RawValue {
    fn from(bits: u128) -> Self {
        RawValue(bits.to_le_bytes())
    }
}

impl From<f32> for RawValue {
    fn from(value: f32) -> Self {
        RawValue::from(value.to_bits())
    }
}

impl From<f64> for RawValue {
    fn from(value: f64) -> Self {
        RawValue::from(value.to_bits())
    }
}

impl fmt::Debug for RawValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.u128())
    }
}

/// A typed value as the host sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// `i32`
    I32(i32),
    /// `i64`
    I64(i64),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
    /// `v128`
    V128(u128),
    /// A reference; `0` is null, else a function id, a handle of an exception, or what stands for
    /// an object, a number or something of the host's (see [`crate::reference`]).
    Ref(RefType, u32),
}

/// How many things of the host's references can name.
pub const HOST_REFERENCES_MAX: u32 = crate::context::HEAP_START / 2 - 1;

impl Value {
    /// A reference to thing `number` of the host's, as an `externref`; `None` if the number is not
    /// below [`HOST_REFERENCES_MAX`].
    #[must_use]
    pub fn host(number: u32) -> Option<Self> {
        (number < HOST_REFERENCES_MAX).then(|| Value::Ref(RefType::EXTERNREF, (number + 1) * 2))
    }

    /// A reference to the low 31 bits of a number.
    #[must_use]
    pub fn i31(number: i32) -> Self {
        let ty = RefType { is_nullable: false, heap: crate::types::HeapType::I31 };
        Value::Ref(ty, number.cast_unsigned() << 1 | 1)
    }

    /// Its bits.
    #[must_use]
    pub fn raw(self) -> RawValue {
        match self {
            Value::I32(value) => value.into(),
            Value::I64(value) => value.into(),
            Value::F32(value) => value.into(),
            Value::F64(value) => value.into(),
            Value::V128(value) => value.into(),
            Value::Ref(_, handle) => handle.into(),
        }
    }

    /// The value of type `ty` that has these bits.
    #[must_use]
    pub fn from_raw(ty: ValType, raw: RawValue) -> Self {
        match ty {
            ValType::I32 => Value::I32(raw.i32()),
            ValType::I64 => Value::I64(raw.i64()),
            ValType::F32 => Value::F32(f32::from_bits(raw.u32())),
            ValType::F64 => Value::F64(f64::from_bits(raw.u64())),
            ValType::V128 => Value::V128(raw.u128()),
            ValType::Ref(ty) => Value::Ref(ty, raw.u32()),
        }
    }

    /// Its type.
    #[must_use]
    pub fn ty(self) -> ValType {
        match self {
            Value::I32(_) => ValType::I32,
            Value::I64(_) => ValType::I64,
            Value::F32(_) => ValType::F32,
            Value::F64(_) => ValType::F64,
            Value::V128(_) => ValType::V128,
            Value::Ref(ty, _) => ValType::Ref(ty),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::I32(value) => value.fmt(f),
            Value::I64(value) => value.fmt(f),
            Value::F32(value) => value.fmt(f),
            Value::F64(value) => value.fmt(f),
            Value::V128(value) => write!(f, "{value:#034x}"),
            Value::Ref(ty, 0) => write!(f, "null {ty}"),
            Value::Ref(ty, handle) => write!(f, "{ty} {handle}"),
        }
    }
}
