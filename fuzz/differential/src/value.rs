//! Values and ends of calls in words that both engines share.

use dynvm_vm::types::ValType;

/// A value, bit for bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    V128(u128),
    Null,
    /// The first function of the module that it is.
    Func(u32),
    /// Something of the host's, by its number, which has 30 bits.
    Extern(u32),
    Exception,
    /// A number in a reference.
    I31(u32),
    Struct,
    /// An array of this length.
    Array(u32),
}

impl Value {
    fn bits(self) -> u128 {
        match self {
            Value::I32(bits)
            | Value::F32(bits)
            | Value::Extern(bits)
            | Value::Func(bits)
            | Value::I31(bits)
            | Value::Array(bits) => bits.into(),
            Value::I64(bits) | Value::F64(bits) => bits.into(),
            Value::V128(bits) => bits,
            Value::Null | Value::Exception | Value::Struct => 0,
        }
    }
}

/// How a call ended.
pub fn returned(values: &[Value]) -> String {
    format!("returned {values:x?}")
}

/// What host function number `function` answers: any function of the arguments will do.
pub fn host_results(function: usize, args: &[Value]) -> Vec<Value> {
    let mut random = Random(function as u64);
    for arg in args {
        random.0 ^= (arg.bits() ^ (arg.bits() >> 64)) as u64;
        random.next();
    }
    HOST_FUNCTIONS[function].1.iter().map(|ty| random.number(ty)).collect()
}

/// Fields of the module `host` with the types of their results.
pub const HOST_FUNCTIONS: [(&str, &[ValType]); 4] = [
    ("none", &[]),
    ("one", &[ValType::I32]),
    ("two", &[ValType::I64, ValType::F32]),
    ("many", &[ValType::V128, ValType::F64, ValType::F32, ValType::I64, ValType::I32]),
];

/// The module `host`.
pub const HOST: &str = r#"(module
  (import "host" "none" (func))
  (import "host" "one" (func (param i32) (result i32)))
  (import "host" "two" (func (param f64 v128 i64) (result i64 f32)))
  (import "host" "many" (func
    (param i32 i64 f32 f64 v128 i32 i64 f32 f64 v128 i64 i64 i64 i64 f64 f64 f64 f64 f64)
    (result v128 f64 f32 i64 i32))))"#;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect()
    }

    /// A number, often one at which something happens. Never NaN: its bits are nobody's promise.
    pub fn number(&mut self, ty: &ValType) -> Value {
        match ty {
            ValType::I32 => Value::I32(self.integer() as u32),
            ValType::I64 => Value::I64(self.integer()),
            ValType::F32 => Value::F32((self.float() as f32).to_bits()),
            ValType::F64 => Value::F64(self.float().to_bits()),
            ValType::V128 => {
                Value::V128(u128::from(self.integer()) << 64 | u128::from(self.next()))
            }
            ValType::Ref(_) => Value::Null,
        }
    }

    fn integer(&mut self) -> u64 {
        let bits = self.next();
        let shift = (bits >> 8) & 63;
        match bits & 7 {
            0 => 0,
            1 => 1,
            2 => u64::MAX,
            3 => 1 << shift,
            4 => (1_u64 << shift).wrapping_sub(1),
            5 => self.next() & 0xffff,
            _ => self.next(),
        }
    }

    fn float(&mut self) -> f64 {
        let bits = self.next();
        match bits & 7 {
            0 => 0.0,
            1 => -0.0,
            2 => f64::INFINITY,
            3 => f64::NEG_INFINITY,
            4 => self.integer() as f64,
            5 => self.integer() as i64 as f64 / 3.0,
            6 => (self.integer() as i32).into(),
            _ => f64::from_bits(self.next() & !(0x7ff << 52) | 0x3fe << 52),
        }
    }
}
