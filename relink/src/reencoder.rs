//! Code and constant expressions of a dso, rewritten for the linked module.

use std::collections::HashSet;

use dynvm_loader::dso::DsoId;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{Encode, Instruction};
use wasmparser::{DataKind, ElementKind, Operator};

use crate::constant::Constants;
use crate::input::{GlobalUse, Input};
use crate::node::{Namer, SegmentNode};

/// Why something of a dso's cannot be written again.
pub(crate) type EncodeError = Error<std::convert::Infallible>;

/// Rewrites what a dso says into what the linked module says.
pub(crate) struct Reencoder<'a, N> {
    pub(crate) input: &'a Input<'a>,
    /// Each type's index in the linked module.
    pub(crate) types: &'a [u32],
    /// What is known of globals.
    pub(crate) constants: &'a Constants,
    /// Passive segments that are empty by now.
    pub(crate) dropped: &'a HashSet<SegmentNode>,
    pub(crate) namer: &'a mut N,
}

impl<N: Namer> Reencode for Reencoder<'_, N> {
    type Error = std::convert::Infallible;

    fn type_index(&mut self, ty: u32) -> Result<u32, EncodeError> {
        Ok(self.types[ty as usize])
    }

    fn function_index(&mut self, func: u32) -> Result<u32, EncodeError> {
        Ok(self.namer.function(&self.input.uses.functions[func as usize]))
    }

    fn global_index(&mut self, global: u32) -> Result<u32, EncodeError> {
        match &self.input.uses.globals[global as usize] {
            GlobalUse::Node(node) => Ok(self.namer.global(node)),
            GlobalUse::Number(_) => unreachable!("a number is read, and the read was replaced"),
        }
    }

    fn memory_index(&mut self, memory: u32) -> Result<u32, EncodeError> {
        Ok(self.namer.memory(&self.input.uses.memories[memory as usize]))
    }

    fn table_index(&mut self, table: u32) -> Result<u32, EncodeError> {
        Ok(self.namer.table(&self.input.uses.tables[table as usize]))
    }

    fn tag_index(&mut self, tag: u32) -> Result<u32, EncodeError> {
        Ok(self.namer.tag(&self.input.uses.tags[tag as usize]))
    }

    fn data_index(&mut self, data: u32) -> Result<u32, EncodeError> {
        let is_passive = matches!(self.input.data[data as usize].kind, DataKind::Passive);
        let segment = segment(is_passive, self.input.dso.id, data);
        let is_empty = self.dropped.contains(&segment);
        Ok(self.namer.data(if is_empty { SegmentNode::Empty } else { segment }))
    }

    fn element_index(&mut self, element: u32) -> Result<u32, EncodeError> {
        let kind = &self.input.elements[element as usize].kind;
        let is_passive = matches!(kind, ElementKind::Passive);
        Ok(self.namer.element(segment(is_passive, self.input.dso.id, element)))
    }

    fn const_expr(
        &mut self,
        expr: wasmparser::ConstExpr<'_>,
    ) -> Result<wasm_encoder::ConstExpr, EncodeError> {
        let mut bytes = Vec::new();
        for operator in self.constants.fold(self.input, &expr)? {
            self.instruction(operator)?.encode(&mut bytes);
        }
        Ok(wasm_encoder::ConstExpr::raw(bytes))
    }

    fn instruction<'b>(&mut self, operator: Operator<'b>) -> Result<Instruction<'b>, EncodeError> {
        match operator {
            Operator::GlobalGet { global_index } => {
                let known = self.constants.global(self.input, global_index);
                utils::instruction(self, known.map_or(operator, |known| known.operator()))
            }
            Operator::RefFunc { function_index } => {
                let function = &self.input.uses.functions[function_index as usize];
                Ok(Instruction::RefFunc(self.namer.function_reference(function)))
            }
            _ => utils::instruction(self, operator),
        }
    }
}

/// Segments that are not passive are empty once the module is instantiated.
fn segment(is_passive: bool, dso: DsoId, index: u32) -> SegmentNode {
    if is_passive { SegmentNode::Dso(dso, index) } else { SegmentNode::Empty }
}
