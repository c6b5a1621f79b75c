//! The type section of the linked module: every type once, as far as that can be told.

use std::collections::HashMap;

use dynvm_loader::plan::{Function, Plan};
use dynvm_vm::types::{self as vm, HeapType};
use wasm_encoder::reencode::Reencode;
use wasm_encoder::{AbstractHeapType, Encode, FuncType, RefType, SubType, TypeSection, ValType};

use crate::error::RelinkError;
use crate::exit_list;
use crate::input::Input;
use crate::reencoder::EncodeError;

/// The types of the linked module.
#[derive(Default)]
pub(crate) struct Signatures {
    section: TypeSection,
    len: u32,
    /// First index of each group, by the group's encoding. One that refers to itself by index is
    /// found only at the same place, so it may stand there twice, which means the same.
    by_encoding: HashMap<Vec<u8>, u32>,
    /// Of each dso, in load order, the index of each of its types.
    pub(crate) of_dsos: Vec<Vec<u32>>,
    /// Types of the functions that no dso defines.
    of_others: HashMap<Function, u32>,
    /// Types of the tags that no dso defines, by name.
    pub(crate) of_tags: HashMap<String, u32>,
    /// `[] -> []`
    pub(crate) void: u32,
    /// `[i32] -> []`
    pub(crate) takes_one: u32,
}

impl Signatures {
    pub(crate) fn new(plan: &Plan, inputs: &[Input<'_>]) -> Result<Signatures, RelinkError> {
        let mut signatures = Signatures::default();
        for input in inputs {
            let added = signatures.add_dso(input).map_err(|source| RelinkError::Encode {
                dso: input.dso.name.to_string(),
                source: source.into(),
            })?;
            signatures.of_dsos.push(added);
        }
        for (function, ty) in &plan.types {
            let Some(ty) = encoded(ty) else {
                let function = match function {
                    Function::Host(module, field) => format!("{module}.{field}"),
                    Function::Undefined(name, _) | Function::Loader(name) => name.clone(),
                    Function::Dso(..) => unreachable!("a dso's function has a type of its module"),
                };
                return Err(RelinkError::HostType { function });
            };
            let index = signatures.add_func(ty);
            signatures.of_others.insert(function.clone(), index);
        }
        for (name, ty) in &plan.language_tags {
            let Some(ty) = encoded(ty) else {
                return Err(RelinkError::HostType { function: name.clone() });
            };
            let index = signatures.add_func(ty);
            signatures.of_tags.insert(name.clone(), index);
        }
        signatures.void = signatures.add_func(FuncType::new([], []));
        let takes_one = FuncType::new([ValType::I32], []);
        signatures.takes_one = signatures.add_func(takes_one.clone());
        // Who registers what runs at exit need not call what runs it.
        signatures.add_other(exit_list::finalize(), takes_one);
        Ok(signatures)
    }

    fn add_dso(&mut self, input: &Input<'_>) -> Result<Vec<u32>, EncodeError> {
        let mut mapped = Mapped(Vec::new());
        for group in &input.types {
            // A type may name its own group: as if it were new, until it is found to be known.
            let first = mapped.0.len();
            let count = group.types().len();
            mapped.0.extend((0..count as u32).map(|offset| self.len + offset));
            let types = group.types().cloned().map(|ty| mapped.sub_type(ty));
            let types = types.collect::<Result<Vec<_>, _>>()?;
            let index = self.add_group(types, group.is_explicit_rec_group());
            for (offset, slot) in mapped.0[first..].iter_mut().enumerate() {
                *slot = index + offset as u32;
            }
        }
        Ok(mapped.0)
    }

    fn add_group(&mut self, types: Vec<SubType>, is_explicit: bool) -> u32 {
        let mut alone = TypeSection::new();
        add_to(&mut alone, &types, is_explicit);
        let mut encoding = Vec::new();
        alone.encode(&mut encoding);
        if let Some(first) = self.by_encoding.get(&encoding) {
            return *first;
        }
        let first = self.len;
        add_to(&mut self.section, &types, is_explicit);
        self.len += types.len() as u32;
        self.by_encoding.insert(encoding, first);
        first
    }

    /// The index of a plain function type.
    pub(crate) fn add_func(&mut self, ty: FuncType) -> u32 {
        let composite = wasm_encoder::CompositeType {
            inner: wasm_encoder::CompositeInnerType::Func(ty),
            shared: false,
            descriptor: None,
            describes: None,
        };
        let sub = SubType { is_final: true, supertype_idxs: Vec::new(), composite_type: composite };
        self.add_group(vec![sub], false)
    }

    /// Gives a function that no dso defines its type, if it has none.
    pub(crate) fn add_other(&mut self, function: Function, ty: FuncType) {
        let index = self.add_func(ty);
        self.of_others.entry(function).or_insert(index);
    }

    /// Type of a function that no dso defines.
    pub(crate) fn of_other(&self, function: &Function) -> u32 {
        self.of_others[function]
    }

    pub(crate) fn section(&self) -> &TypeSection {
        &self.section
    }
}

fn add_to(section: &mut TypeSection, types: &[SubType], is_explicit: bool) {
    match types {
        [ty] if !is_explicit => section.ty().subtype(ty),
        types => section.ty().rec(types.to_vec()),
    };
}

/// Types of a dso by their index in the linked module, as far as they were added.
struct Mapped(Vec<u32>);

impl Reencode for Mapped {
    type Error = std::convert::Infallible;

    fn type_index(&mut self, ty: u32) -> Result<u32, EncodeError> {
        Ok(self.0[ty as usize])
    }
}

/// A type of the runtime's, if it names no type of a module.
pub(crate) fn encoded(ty: &vm::FuncType) -> Option<FuncType> {
    let all = |types: &[vm::ValType]| types.iter().map(value).collect::<Option<Vec<ValType>>>();
    Some(FuncType::new(all(&ty.params)?, all(&ty.results)?))
}

fn value(ty: &vm::ValType) -> Option<ValType> {
    Some(match ty {
        vm::ValType::I32 => ValType::I32,
        vm::ValType::I64 => ValType::I64,
        vm::ValType::F32 => ValType::F32,
        vm::ValType::F64 => ValType::F64,
        vm::ValType::V128 => ValType::V128,
        vm::ValType::Ref(ty) => {
            let heap = match ty.heap {
                HeapType::Func => AbstractHeapType::Func,
                HeapType::NoFunc => AbstractHeapType::NoFunc,
                HeapType::Extern => AbstractHeapType::Extern,
                HeapType::NoExtern => AbstractHeapType::NoExtern,
                HeapType::Exn => AbstractHeapType::Exn,
                HeapType::NoExn => AbstractHeapType::NoExn,
                _ => return None,
            };
            let heap_type = wasm_encoder::HeapType::Abstract { shared: false, ty: heap };
            ValType::Ref(RefType { nullable: ty.is_nullable, heap_type })
        }
    })
}
