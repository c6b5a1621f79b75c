//! What the linked module exports.

use std::collections::HashSet;

use dynvm_loader::dso::Dso;
use dynvm_loader::plan::Function;
use dynvm_loader::symbol::{Symbol, SymbolKind, is_never_symbol};
use dynvm_vm::module::Entity;
use dynvm_vm::types::{GlobalIndex, ValType};

use crate::error::RelinkError;
use crate::input::{GlobalUse, Input};
use crate::node::{GlobalNode, Live, MemoryNode, Namer, TableNode, TagNode};
use crate::whole::Whole;

/// Names that the linker gives to functions of its own.
const ENTRY_POINTS: [&str; 2] = ["_start", "_initialize"];

/// What an export names.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Function(Function),
    Global(GlobalNode),
    /// An address, and whether it has 64 bits.
    Number(u64, bool),
    Memory(MemoryNode),
    Table(TableNode),
    Tag(TagNode),
}

/// What is exported besides the functions that the linker writes: `memory`, all that a main program
/// without entry point exports, or that is no module of the dynamic linker's, and what the user
/// asks for.
pub(crate) fn exports(
    whole: &Whole<'_>,
    asked: &[String],
) -> Result<Vec<(String, Item)>, RelinkError> {
    let mut exports = Vec::new();
    let mut names: HashSet<&str> = HashSet::from(ENTRY_POINTS);
    let main = whole.main();
    let is_plain = main.dso.dylink.is_none();
    for export in &main.dso.module.exports {
        let is_wanted = is_plain || (whole.plan.entry.is_none() && !is_never_symbol(&export.name));
        if is_wanted && names.insert(&export.name) {
            exports.push((export.name.to_string(), item(main, &export.name, export.entity)));
        }
    }
    for name in asked {
        if !names.insert(name) {
            continue;
        }
        let mut definers = whole.inputs.iter().filter(|input| defines(input.dso, name));
        let found = definers.next().and_then(|it| Some((it, it.dso.module.export(name)?)));
        let (input, entity) =
            found.ok_or_else(|| RelinkError::NoSuchExport { name: name.clone() })?;
        exports.push((name.clone(), item(input, name, entity)));
    }
    if whole.plan.memory_pages > 0 && names.insert("memory") {
        exports.push(("memory".to_owned(), Item::Memory(MemoryNode::Process)));
    }
    Ok(exports)
}

fn defines(dso: &Dso, name: &str) -> bool {
    dso.symbols.get(name).is_some()
}

fn item(input: &Input<'_>, name: &str, entity: Entity) -> Item {
    let uses = &input.uses;
    match entity {
        Entity::Func(func) => Item::Function(uses.functions[func.index()].clone()),
        Entity::Memory(memory) => Item::Memory(uses.memories[memory.index()].clone()),
        Entity::Table(table) => Item::Table(uses.tables[table.index()].clone()),
        Entity::Tag(tag) => Item::Tag(uses.tags[tag.index()].clone()),
        Entity::Global(global) => global_item(input, name, global),
    }
}

/// Data is exported by its address, which is known.
fn global_item(input: &Input<'_>, name: &str, global: GlobalIndex) -> Item {
    let is_wide = input.dso.module.globals[global.index()].value == ValType::I64;
    let symbol = input.dso.symbols.get_own(name);
    let is_data = |symbol: &Symbol| !matches!(symbol.kind, SymbolKind::Global(_));
    let address = symbol.filter(is_data).and_then(|symbol| input.dso.address(symbol));
    match (address, &input.uses.globals[global.index()]) {
        (Some(address), _) => Item::Number(address, is_wide),
        (None, GlobalUse::Number(number)) => Item::Number(*number, is_wide),
        (None, GlobalUse::Node(node)) => Item::Global(node.clone()),
    }
}

/// Marks all that is exported.
pub(crate) fn mark(exports: &[(String, Item)], live: &mut Live) {
    for (_, item) in exports {
        match item {
            Item::Function(function) => drop(live.function(function)),
            Item::Global(global) => drop(live.global(global)),
            Item::Memory(memory) => drop(live.memory(memory)),
            Item::Table(table) => drop(live.table(table)),
            Item::Tag(tag) => drop(live.tag(tag)),
            Item::Number(..) => {}
        }
    }
}
