//! What of all dsos the linked module must hold: what can be reached from where it starts.

use dynvm_loader::UndefinedSymbol;
use dynvm_loader::dso::DsoId;
use dynvm_loader::plan::{Function, Plan};
use wasm_encoder::reencode::Reencode;
use wasm_encoder::{CodeSection, ElementSection, GlobalSection};
use wasmparser::{ElementItems, ElementKind, TableInit};

use crate::error::RelinkError;
use crate::exit_list;
use crate::input::Input;
use crate::node::{GlobalNode, Live, MemoryNode, Namer, Pending, SegmentNode, TableNode};
use crate::reencoder::{EncodeError, Reencoder};
use crate::whole::Whole;

/// Follows all that is in `live` already to the end.
pub(crate) fn mark(whole: &Whole<'_>, live: &mut Live) -> Result<(), RelinkError> {
    while let Some(pending) = live.pending.pop() {
        match pending {
            Pending::Function(function) => mark_function(whole, live, &function)?,
            Pending::Global(global) => mark_global(whole, live, &global)?,
            Pending::Table(table) => mark_table(whole, live, &table)?,
            Pending::Element(SegmentNode::Dso(id, index)) => {
                let element = whole.input(id).elements[index as usize].clone();
                let scratch = &mut ElementSection::new();
                whole.encode(id, live, |mut it| it.parse_element(scratch, element))?;
            }
            Pending::Element(SegmentNode::Empty) => {}
        }
    }
    if whole.allows_dlfcn { Ok(()) } else { check_functions(whole.plan, live) }
}

fn mark_function(
    whole: &Whole<'_>,
    live: &mut Live,
    function: &Function,
) -> Result<(), RelinkError> {
    match function {
        Function::Dso(id, index) => {
            let body = whole.input(*id).bodies[index.index()].clone();
            let scratch = &mut CodeSection::new();
            whole.encode(*id, live, |mut it| it.parse_function_body(scratch, body))
        }
        Function::Loader(name) if exit_list::defines(name) => {
            exit_list::mark(live);
            Ok(())
        }
        // The host's may look into the memory.
        Function::Host(..) => {
            live.memory(&MemoryNode::Process);
            Ok(())
        }
        Function::Loader(_) | Function::Undefined(..) => Ok(()),
    }
}

fn mark_global(whole: &Whole<'_>, live: &mut Live, global: &GlobalNode) -> Result<(), RelinkError> {
    if let Some((input, position)) = whole.definition_of_global(global) {
        let global = input.globals[position as usize].clone();
        let scratch = &mut GlobalSection::new();
        whole.encode(input.dso.id, live, |mut it| it.parse_global(scratch, global))?;
    }
    Ok(())
}

/// A table that is used brings the functions that segments put into it.
fn mark_table(whole: &Whole<'_>, live: &mut Live, table: &TableNode) -> Result<(), RelinkError> {
    for input in &whole.inputs {
        for element in &input.elements {
            if table_of(input, &element.kind) == Some(table) {
                let items = element.items.clone();
                whole.encode(input.dso.id, live, |it| mark_items(it, items))?;
            }
        }
    }
    if let Some((input, position)) = whole.definition_of_table(table)
        && let TableInit::Expr(init) = &input.tables[position as usize].init
    {
        let init = init.clone();
        whole.encode(input.dso.id, live, |mut it| it.const_expr(init).map(drop))?;
    }
    if *table == TableNode::Process {
        for (_, function) in &whole.plan.slots {
            live.function(function);
        }
    }
    Ok(())
}

fn mark_items<N: Namer>(
    mut reencoder: Reencoder<'_, N>,
    items: ElementItems<'_>,
) -> Result<(), EncodeError> {
    reencoder.element_items(items).map(drop)
}

/// The table that an active segment goes to.
pub(crate) fn table_of<'a>(input: &'a Input<'_>, kind: &ElementKind<'_>) -> Option<&'a TableNode> {
    match kind {
        ElementKind::Active { table_index, .. } => {
            Some(&input.uses.tables[table_index.unwrap_or(0) as usize])
        }
        ElementKind::Passive | ElementKind::Declared => None,
    }
}

/// An error if functions can be called that need the loader.
fn check_functions(plan: &Plan, live: &Live) -> Result<(), RelinkError> {
    let mut symbols = Vec::new();
    for function in &live.functions {
        let Function::Loader(name) = function else { continue };
        if exit_list::defines(name) {
            continue;
        }
        let askers = plan.map.iter().filter(|dso| {
            dso.module.imports.iter().any(|import| {
                import.field == name.as_str()
                    && matches!(import.module.as_str(), "env" | "GOT.func")
            })
        });
        let needed_by = askers.map(|dso| dso.name.to_string()).collect();
        symbols.push(UndefinedSymbol { name: name.clone(), needed_by, is_javascript: false });
    }
    if symbols.is_empty() { Ok(()) } else { Err(RelinkError::NeedsLoader { symbols }) }
}

/// The dso that an id names, among inputs in load order.
pub(crate) fn position(inputs: &[Input<'_>], id: DsoId) -> usize {
    let found = inputs.binary_search_by_key(&id, |input| input.dso.id);
    found.expect("every dso of the plan was read")
}
