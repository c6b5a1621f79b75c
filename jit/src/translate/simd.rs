//! Vectors.

use cranelift_codegen::ir::types::I8X16;
use cranelift_codegen::ir::{ConstantData, InstBuilder, Value};
use wasmparser::Operator;

use super::Translator;

impl Translator<'_> {
    pub(super) fn simd(&mut self, _op: &Operator<'_>) -> bool {
        false
    }

    /// A vector whose bytes are known.
    pub(super) fn vector_constant(&mut self, bytes: &[u8; 16]) -> Value {
        let constant = ConstantData::from(&bytes[..]);
        let constant = self.builder.func.dfg.constants.insert(constant);
        self.ins().vconst(I8X16, constant)
    }
}
