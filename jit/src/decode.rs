//! Bytes to module: everything is validated, function bodies included, before anything is used.

mod bodies;
mod const_expr;
mod names;
mod standard;
mod types;

use std::sync::Arc;

use wasmparser::{
    DataKind, ElementKind, ExternalKind, Parser, Payload, TableInit, TypeRef, ValidPayload,
    Validator,
};

pub use standard::Standard;

use crate::error::DecodeError;
use crate::vm::module::{
    CustomSection, DataSegment, ElementItems, ElementSegment, Entity, EntityType, Export, Import,
    Module, SegmentMode,
};
use crate::vm::name::Name;
use crate::vm::types::{
    FuncIndex, GlobalIndex, HeapType, MemoryIndex, RefType, TableIndex, TagIndex, TypeIndex,
    ValType,
};

/// What references of a type that passed validation refer to.
pub(crate) fn heap_type(ty: wasmparser::HeapType) -> HeapType {
    types::heap(ty, 0).expect("the body was read, and uses no other types")
}

/// A type that passed validation.
pub(crate) fn value_type(ty: wasmparser::ValType) -> ValType {
    types::value(ty, 0).expect("the body was read, and uses no other types")
}

/// Decodes and validates a module in the binary format.
pub fn decode(bytes: impl Into<Vec<u8>>) -> Result<Module, DecodeError> {
    decode_as(Standard::NEWEST, bytes)
}

/// Decodes a module and validates it by the rules of a version of the standard: what is younger is
/// refused.
pub fn decode_as(standard: Standard, bytes: impl Into<Vec<u8>>) -> Result<Module, DecodeError> {
    let bytes = Arc::new(bytes.into());
    let features = standard.features();
    check_header(&bytes)?;

    let mut decoder = Decoder::new(&bytes);
    let mut validator = Validator::new_with_features(features);
    let mut functions = Vec::new();
    let mut parser = Parser::new(0);
    parser.set_features(features);
    for payload in parser.parse_all(&bytes) {
        let payload = payload?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
            functions.push((function, body));
        }
        decoder.payload(payload)?;
    }
    // Beyond this point the module is valid but for its function bodies.

    let mut module = decoder.module;
    module.globals_assigned = vec![false; module.globals.len()];
    bodies::validate(functions, features, &mut module)?;
    Ok(module)
}

/// Decodes a module that this very build has validated before, and found to assign these globals
/// ([`Module::globals_assigned`]): nothing is checked again. Of bytes that are not valid something
/// is compiled that is not either.
pub fn decode_validated(
    bytes: impl Into<Vec<u8>>,
    globals_assigned: Vec<bool>,
) -> Result<Module, DecodeError> {
    let bytes = Arc::new(bytes.into());
    let mut decoder = Decoder::new(&bytes);
    let mut parser = Parser::new(0);
    parser.set_features(Standard::NEWEST.features());
    for payload in parser.parse_all(&bytes) {
        decoder.payload(payload?)?;
    }
    let mut module = decoder.module;
    assert_eq!(globals_assigned.len(), module.globals.len(), "they are of another module");
    module.globals_assigned = globals_assigned;
    Ok(module)
}

/// Tells modules from components and from everything else.
fn check_header(bytes: &[u8]) -> Result<(), DecodeError> {
    let Some(rest) = bytes.strip_prefix(b"\0asm") else {
        return Err(DecodeError::NotWasm { is_elf: bytes.starts_with(b"\x7fELF") });
    };
    let Some(version) = rest.first_chunk() else {
        let message = "unexpected end of the header".to_owned();
        return Err(DecodeError::Invalid { offset: bytes.len() as u64, message });
    };
    match u32::from_le_bytes(*version) {
        1 => Ok(()),
        // The upper half is the layer: 1 is that of components.
        version if version >> 16 == 1 => Err(DecodeError::Component),
        found => Err(DecodeError::Version { found }),
    }
}

struct Decoder {
    module: Module,
    sections_seen: usize,
}

impl Decoder {
    fn new(bytes: &Arc<Vec<u8>>) -> Self {
        let module = Module { bytes: Arc::clone(bytes), ..Module::default() };
        Decoder { module, sections_seen: 0 }
    }

    fn payload(&mut self, payload: Payload<'_>) -> Result<(), DecodeError> {
        let is_first = self.sections_seen == 0;
        if payload.as_section().is_some() {
            self.sections_seen += 1;
        }
        let module = &mut self.module;
        match payload {
            Payload::TypeSection(section) => {
                for group in section.into_iter_with_offsets() {
                    let (offset, group) = group?;
                    types::rec_group(group, offset, module)?;
                }
            }
            Payload::ImportSection(section) => {
                module.imports.reserve(section.count() as usize);
                for import in section.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    add_import(module, &import, offset)?;
                }
            }
            Payload::FunctionSection(section) => {
                module.functions.reserve(section.count() as usize);
                for ty in section {
                    module.functions.push(TypeIndex(ty?));
                }
            }
            Payload::TableSection(section) => {
                for table in section.into_iter_with_offsets() {
                    let (offset, table) = table?;
                    module.tables.push(types::table(table.ty, offset)?);
                    module.table_inits.push(match table.init {
                        TableInit::RefNull => None,
                        TableInit::Expr(expr) => Some(const_expr::decode(&expr)?),
                    });
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    module.memories.push(types::memory(memory?));
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    module.tags.push(TypeIndex(tag?.func_type_idx));
                }
            }
            Payload::GlobalSection(section) => {
                for global in section.into_iter_with_offsets() {
                    let (offset, global) = global?;
                    module.globals.push(types::global(global.ty, offset)?);
                    module.global_inits.push(const_expr::decode(&global.init_expr)?);
                }
            }
            Payload::ExportSection(section) => {
                module.exports.reserve(section.count() as usize);
                for export in section {
                    let export = export?;
                    let entity = entity(export.kind, export.index);
                    let name = Name::of_module(&module.bytes, export.name);
                    module.exports.push(Export { name, entity });
                }
            }
            Payload::StartSection { func, .. } => module.start = Some(FuncIndex(func)),
            Payload::ElementSection(section) => {
                for element in section {
                    let element = element_segment(&element?)?;
                    module.elements.push(element);
                }
            }
            Payload::CodeSectionStart { unchecked_range, count, .. } => {
                // One byte each at least: so many are there, whether they are valid or not.
                let len = position(unchecked_range.end - unchecked_range.start);
                module.bodies.reserve(len.min(count as usize));
                module.code_section_offset = position(unchecked_range.start);
            }
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                module.bodies.push(position(range.start)..position(range.end));
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data_segment(&data?)?;
                    module.data.push(data);
                }
            }
            Payload::CustomSection(section) => {
                if section.name() == "name" {
                    names::read(&section, module);
                }
                let range = section.data_range();
                module.custom_sections.push(CustomSection {
                    name: section.name().to_owned(),
                    range: position(range.start)..position(range.end),
                    is_first,
                });
            }
            // The count only serves the validator; of other sections it has refused all.
            _ => {}
        }
        Ok(())
    }
}

/// An offset in the file as a position in memory, where the file is.
fn position(offset: u64) -> usize {
    usize::try_from(offset).expect("the file is in memory")
}

fn add_import(
    module: &mut Module,
    import: &wasmparser::Import<'_>,
    offset: u64,
) -> Result<(), DecodeError> {
    let ty = match import.ty {
        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
            module.functions.push(TypeIndex(ty));
            module.imported_functions += 1;
            EntityType::Func(TypeIndex(ty))
        }
        TypeRef::Table(ty) => {
            let ty = types::table(ty, offset)?;
            module.tables.push(ty);
            module.imported_tables += 1;
            EntityType::Table(ty)
        }
        TypeRef::Memory(ty) => {
            let ty = types::memory(ty);
            module.memories.push(ty);
            module.imported_memories += 1;
            EntityType::Memory(ty)
        }
        TypeRef::Global(ty) => {
            let ty = types::global(ty, offset)?;
            module.globals.push(ty);
            module.imported_globals += 1;
            EntityType::Global(ty)
        }
        TypeRef::Tag(ty) => {
            let ty = TypeIndex(ty.func_type_idx);
            module.tags.push(ty);
            module.imported_tags += 1;
            EntityType::Tag(ty)
        }
    };
    let name = |name| Name::of_module(&module.bytes, name);
    let (from, field) = (name(import.module), name(import.name));
    module.imports.push(Import { module: from, field, ty });
    Ok(())
}

fn entity(kind: ExternalKind, index: u32) -> Entity {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => Entity::Func(FuncIndex(index)),
        ExternalKind::Table => Entity::Table(TableIndex(index)),
        ExternalKind::Memory => Entity::Memory(MemoryIndex(index)),
        ExternalKind::Global => Entity::Global(GlobalIndex(index)),
        ExternalKind::Tag => Entity::Tag(TagIndex(index)),
    }
}

fn element_segment(element: &wasmparser::Element<'_>) -> Result<ElementSegment, DecodeError> {
    let mode = match &element.kind {
        ElementKind::Passive => SegmentMode::Passive,
        ElementKind::Declared => SegmentMode::Declared,
        ElementKind::Active { table_index, offset_expr } => SegmentMode::Active {
            target: TableIndex(table_index.unwrap_or(0)),
            offset: const_expr::decode(offset_expr)?,
        },
    };
    let (ty, items) = match &element.items {
        wasmparser::ElementItems::Functions(section) => {
            let functions = section.clone().into_iter().map(|func| Ok(FuncIndex(func?)));
            let functions = functions.collect::<Result<_, DecodeError>>()?;
            (RefType::FUNCREF, ElementItems::Functions(functions))
        }
        wasmparser::ElementItems::Expressions(ty, section) => {
            let expressions = section.clone().into_iter();
            let expressions = expressions.map(|expr| const_expr::decode(&expr?));
            let expressions = expressions.collect::<Result<_, DecodeError>>()?;
            (types::reference(*ty, element.range.start)?, ElementItems::Expressions(expressions))
        }
    };
    Ok(ElementSegment { mode, ty, items })
}

fn data_segment(data: &wasmparser::Data<'_>) -> Result<DataSegment, DecodeError> {
    let mode = match &data.kind {
        DataKind::Passive => SegmentMode::Passive,
        DataKind::Active { memory_index, offset_expr } => SegmentMode::Active {
            target: MemoryIndex(*memory_index),
            offset: const_expr::decode(offset_expr)?,
        },
    };
    let end = position(data.range.end);
    Ok(DataSegment { mode, range: end - data.data.len()..end })
}

#[cfg(test)]
mod tests;
