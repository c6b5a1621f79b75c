//! All that is known of the program: plan, inputs, types, and what was evaluated.

use dynvm_loader::dso::DsoId;
use dynvm_loader::plan::{Function, Plan};

use crate::constant::Constants;
use crate::error::RelinkError;
use crate::evaluate::Evaluated;
use crate::input::{GlobalUse, Input};
use crate::node::{GlobalNode, Namer, TableNode};
use crate::reachable::position;
use crate::reencoder::{EncodeError, Reencoder};
use crate::signature::Signatures;

/// All that is known of the program.
pub(crate) struct Whole<'a> {
    pub(crate) plan: &'a Plan,
    /// Every dso, in load order.
    pub(crate) inputs: Vec<Input<'a>>,
    pub(crate) signatures: Signatures,
    /// Globals whose value is known.
    pub(crate) constants: Constants,
    pub(crate) evaluated: Evaluated,
    /// Whether functions of the loader's that no library defines trap when called.
    pub(crate) allows_dlfcn: bool,
}

impl<'a> Whole<'a> {
    /// What was read of a dso.
    pub(crate) fn input(&self, id: DsoId) -> &Input<'a> {
        &self.inputs[position(&self.inputs, id)]
    }

    /// What was read of the main program, which is loaded first.
    pub(crate) fn main(&self) -> &Input<'a> {
        &self.inputs[0]
    }

    /// Writes something of a dso's with names from `namer`.
    pub(crate) fn encode<N: Namer, R>(
        &self,
        id: DsoId,
        namer: &mut N,
        write: impl FnOnce(Reencoder<'_, N>) -> Result<R, EncodeError>,
    ) -> Result<R, RelinkError> {
        let index = position(&self.inputs, id);
        let input = &self.inputs[index];
        let types = &self.signatures.of_dsos[index];
        let (constants, dropped) = (&self.constants, &self.evaluated.dropped);
        let written = write(Reencoder { input, types, constants, dropped, namer });
        written.map_err(|source| RelinkError::Encode {
            dso: input.dso.name.to_string(),
            source: source.into(),
        })
    }

    /// Index of a function's type in the linked module.
    pub(crate) fn signature(&self, function: &Function) -> u32 {
        let Function::Dso(id, index) = function else { return self.signatures.of_other(function) };
        let position = position(&self.inputs, *id);
        let input = &self.inputs[position];
        let ty = input.dso.module.functions[(input.imported_functions() + index.0) as usize];
        self.signatures.of_dsos[position][ty.index()]
    }

    /// The dso that defines a global, and the position there.
    pub(crate) fn definition_of_global(&self, global: &GlobalNode) -> Option<(&Input<'a>, u32)> {
        match global {
            GlobalNode::Dso(id, position) => Some((self.input(*id), *position)),
            GlobalNode::StackPointer => {
                let main = self.main();
                let imported = main.dso.module.imported_globals as usize;
                let mut defined = main.uses.globals[imported..].iter();
                let is_it = |it: &GlobalUse| *it == GlobalUse::Node(GlobalNode::StackPointer);
                Some((main, defined.position(is_it)? as u32))
            }
            GlobalNode::Cell(..) | GlobalNode::Exit(_) => None,
        }
    }

    /// The dso that defines a table, and the position there.
    pub(crate) fn definition_of_table(&self, table: &TableNode) -> Option<(&Input<'a>, u32)> {
        match table {
            TableNode::Dso(id, position) => Some((self.input(*id), *position)),
            TableNode::Process => {
                let main = self.main();
                let imported = main.dso.module.imported_tables as usize;
                let mut defined = main.uses.tables[imported..].iter();
                Some((main, defined.position(|it| it == table)? as u32))
            }
        }
    }
}
