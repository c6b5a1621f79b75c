//! A dso as it is read again, to be written: its sections, and what each index of its means.

use std::collections::HashMap;

use dynvm_loader::dso::{Dso, DsoId};
use dynvm_loader::plan::{Function, Plan, Target};
use dynvm_vm::module::{Entity, EntityType};
use dynvm_vm::types::{DefinedFuncIndex, RefType};
use wasmparser::{
    Data, Element, FunctionBody, Global, KnownCustom, MemoryType, Name, Parser, Payload, RecGroup,
    Table, TagType,
};

use crate::error::RelinkError;
use crate::node::{GlobalNode, MemoryNode, TableNode, TagNode};

/// How deep imports that are exported again are followed.
const REEXPORT_DEPTH_MAX: u32 = 32;

/// What an imported or defined global is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GlobalUse {
    /// A number that never changes.
    Number(u64),
    /// A global of the linked module.
    Node(GlobalNode),
}

/// The sections of a dso, and what its indices mean. What is defined there counts from zero.
pub(crate) struct Input<'a> {
    pub(crate) dso: &'a Dso,
    pub(crate) types: Vec<RecGroup>,
    pub(crate) tables: Vec<Table<'a>>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<Global<'a>>,
    pub(crate) tags: Vec<TagType>,
    pub(crate) elements: Vec<Element<'a>>,
    pub(crate) data: Vec<Data<'a>>,
    pub(crate) bodies: Vec<FunctionBody<'a>>,
    /// Names of its functions, by index.
    pub(crate) function_names: HashMap<u32, &'a str>,
    /// Names of their locals, by index of the function.
    pub(crate) local_names: HashMap<u32, Vec<(u32, &'a str)>>,
    pub(crate) uses: Uses,
}

/// What each index of a dso means, imports first.
#[derive(Default)]
pub(crate) struct Uses {
    pub(crate) functions: Vec<Function>,
    pub(crate) globals: Vec<GlobalUse>,
    pub(crate) memories: Vec<MemoryNode>,
    pub(crate) tables: Vec<TableNode>,
    pub(crate) tags: Vec<TagNode>,
}

/// Reads every dso of a plan again, in load order.
pub(crate) fn read(plan: &Plan) -> Result<Vec<Input<'_>>, RelinkError> {
    plan.map.iter().map(|dso| Input::read(plan, dso)).collect()
}

impl<'a> Input<'a> {
    fn read(plan: &'a Plan, dso: &'a Dso) -> Result<Input<'a>, RelinkError> {
        let mut input = Input {
            dso,
            types: Vec::new(),
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            elements: Vec::new(),
            data: Vec::new(),
            bodies: Vec::new(),
            function_names: HashMap::new(),
            local_names: HashMap::new(),
            uses: uses(plan, dso)?,
        };
        input.read_sections().map_err(|source| RelinkError::Encode {
            dso: dso.name.to_string(),
            source: source.into(),
        })?;
        Ok(input)
    }

    fn read_sections(&mut self) -> wasmparser::Result<()> {
        let mut parser = Parser::new(0);
        parser.set_features(wasmparser::WasmFeatures::all());
        for payload in parser.parse_all(&self.dso.module.bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    self.types = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::TableSection(section) => {
                    self.tables = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::MemorySection(section) => {
                    self.memories = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::GlobalSection(section) => {
                    self.globals = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::TagSection(section) => {
                    self.tags = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::ElementSection(section) => {
                    self.elements = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::DataSection(section) => {
                    self.data = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::CodeSectionEntry(body) => self.bodies.push(body),
                Payload::CustomSection(section) => {
                    // A name section that is malformed is none, as for everybody else.
                    if let KnownCustom::Name(names) = section.as_known() {
                        for name in names.into_iter().map_while(Result::ok) {
                            self.read_names(name);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_names(&mut self, name: Name<'a>) {
        match name {
            Name::Function(names) => {
                let names = names.into_iter().map_while(Result::ok);
                self.function_names.extend(names.map(|naming| (naming.index, naming.name)));
            }
            Name::Local(functions) => {
                for function in functions.into_iter().map_while(Result::ok) {
                    let locals = function.names.map_while(Result::ok);
                    let locals = locals.map(|naming| (naming.index, naming.name)).collect();
                    self.local_names.insert(function.index, locals);
                }
            }
            _ => {}
        }
    }

    /// How many functions it imports: the first that it defines has this index.
    pub(crate) fn imported_functions(&self) -> u32 {
        self.dso.module.imported_functions
    }
}

/// What each index of `dso` means.
fn uses(plan: &Plan, dso: &Dso) -> Result<Uses, RelinkError> {
    let module = &dso.module;
    let mut uses = Uses::default();
    for (import, target) in module.imports.iter().zip(&plan.imports[&dso.id]) {
        match (import.ty, target) {
            (EntityType::Func(_), Target::Function(function)) => {
                uses.functions.push(function.clone());
            }
            (EntityType::Global(_), target) => {
                let index = uses.globals.len() as u32;
                uses.globals.push(global_use(plan, dso.id, index, target, 0)?);
            }
            (EntityType::Memory(_), target) => uses.memories.push(memory(plan, target, 0)?),
            (EntityType::Table(_), target) => uses.tables.push(table(plan, target, 0)?),
            (EntityType::Tag(_), target) => uses.tags.push(tag(plan, target, 0)?),
            (EntityType::Func(_), other) => {
                unreachable!("`{import}` of {} is bound to {other:?}", dso.name)
            }
        }
    }
    let defined = module.functions.len() as u32 - module.imported_functions;
    uses.functions.extend((0..defined).map(|it| Function::Dso(dso.id, DefinedFuncIndex(it))));
    for index in module.imported_globals..module.globals.len() as u32 {
        uses.globals.push(GlobalUse::Node(defined_global(dso, index)));
    }
    for index in module.imported_memories..module.memories.len() as u32 {
        uses.memories.push(defined_memory(dso, index));
    }
    for index in module.imported_tables..module.tables.len() as u32 {
        uses.tables.push(defined_table(dso, index));
    }
    for index in module.imported_tags..module.tags.len() as u32 {
        uses.tags.push(TagNode::Dso(dso.id, index - module.imported_tags));
    }
    Ok(uses)
}

/// The stack pointer that a main program exports is everybody's.
fn defined_global(dso: &Dso, index: u32) -> GlobalNode {
    let exported = if dso.is_main { dso.module.export("__stack_pointer") } else { None };
    match exported {
        Some(Entity::Global(global))
            if global.0 == index && dso.module.globals[global.index()].is_mutable =>
        {
            GlobalNode::StackPointer
        }
        _ => GlobalNode::Dso(dso.id, index - dso.module.imported_globals),
    }
}

/// The first memory that a main program brings is the process memory.
fn defined_memory(dso: &Dso, index: u32) -> MemoryNode {
    let position = index - dso.module.imported_memories;
    let ty = dso.module.memories[index as usize];
    match dso.is_main && position == 0 && !ty.is_64 && ty.page_size_log2 == 16 {
        true => MemoryNode::Process,
        false => MemoryNode::Dso(dso.id, position),
    }
}

/// The first table that a main program brings is the process table.
fn defined_table(dso: &Dso, index: u32) -> TableNode {
    let position = index - dso.module.imported_tables;
    let ty = dso.module.tables[index as usize];
    match dso.is_main && position == 0 && !ty.is_64 && ty.element == RefType::FUNCREF {
        true => TableNode::Process,
        false => TableNode::Dso(dso.id, position),
    }
}

/// What the import at `position` among those of its kind is bound to.
fn imported(
    plan: &Plan,
    id: DsoId,
    position: u32,
    is_kind: fn(EntityType) -> bool,
    depth: u32,
) -> Result<&Target, RelinkError> {
    let dso = plan.map.dso(id);
    if depth > REEXPORT_DEPTH_MAX {
        return Err(RelinkError::Circle { dso: dso.name.to_string() });
    }
    let imports = dso.module.imports.iter().zip(&plan.imports[&id]);
    let mut of_kind = imports.filter(|(import, _)| is_kind(import.ty));
    let found = of_kind.nth(position as usize);
    Ok(found.expect("the index of an import is below their count").1)
}

fn global_use(
    plan: &Plan,
    importer: DsoId,
    index: u32,
    target: &Target,
    depth: u32,
) -> Result<GlobalUse, RelinkError> {
    Ok(match target {
        Target::Number(number) => GlobalUse::Number(*number),
        Target::Cell(number) => GlobalUse::Node(GlobalNode::Cell(importer, index, *number)),
        Target::StackPointer => GlobalUse::Node(GlobalNode::StackPointer),
        Target::Global(id, global) => {
            let definer = plan.map.dso(*id);
            if global.0 >= definer.module.imported_globals {
                return Ok(GlobalUse::Node(defined_global(definer, global.0)));
            }
            let is_global = |ty| matches!(ty, EntityType::Global(_));
            let next = imported(plan, *id, global.0, is_global, depth)?;
            global_use(plan, *id, global.0, next, depth + 1)?
        }
        other => unreachable!("a global is bound to {other:?}"),
    })
}

fn memory(plan: &Plan, target: &Target, depth: u32) -> Result<MemoryNode, RelinkError> {
    Ok(match target {
        Target::ProcessMemory => MemoryNode::Process,
        Target::Memory(id, index) => {
            let definer = plan.map.dso(*id);
            if index.0 >= definer.module.imported_memories {
                return Ok(defined_memory(definer, index.0));
            }
            let is_memory = |ty| matches!(ty, EntityType::Memory(_));
            memory(plan, imported(plan, *id, index.0, is_memory, depth)?, depth + 1)?
        }
        other => unreachable!("a memory is bound to {other:?}"),
    })
}

fn table(plan: &Plan, target: &Target, depth: u32) -> Result<TableNode, RelinkError> {
    Ok(match target {
        Target::ProcessTable => TableNode::Process,
        Target::Table(id, index) => {
            let definer = plan.map.dso(*id);
            if index.0 >= definer.module.imported_tables {
                return Ok(defined_table(definer, index.0));
            }
            let is_table = |ty| matches!(ty, EntityType::Table(_));
            table(plan, imported(plan, *id, index.0, is_table, depth)?, depth + 1)?
        }
        other => unreachable!("a table is bound to {other:?}"),
    })
}

fn tag(plan: &Plan, target: &Target, depth: u32) -> Result<TagNode, RelinkError> {
    Ok(match target {
        Target::LanguageTag(name) => TagNode::Language(name.clone()),
        Target::Tag(id, index) => {
            let definer = plan.map.dso(*id);
            let imported_tags = definer.module.imported_tags;
            if index.0 >= imported_tags {
                return Ok(TagNode::Dso(*id, index.0 - imported_tags));
            }
            let is_tag = |ty| matches!(ty, EntityType::Tag(_));
            tag(plan, imported(plan, *id, index.0, is_tag, depth)?, depth + 1)?
        }
        other => unreachable!("a tag is bound to {other:?}"),
    })
}
