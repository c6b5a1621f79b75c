//! The name section: every function keeps the names that its dso gave it and its locals.

use std::collections::HashMap;

use dynvm_loader::plan::Function;
use dynvm_vm::module::Entity;
use wasm_encoder::{IndirectNameMap, NameMap, NameSection};

use crate::input::Input;
use crate::node::Live;
use crate::numbering;
use crate::reachable::position;
use crate::start::Written;
use crate::whole::Whole;

/// Names of the functions in the order in which they are written.
pub(crate) fn section(whole: &Whole<'_>, live: &Live, written: &[Written]) -> NameSection {
    let exported: Vec<HashMap<u32, &str>> = whole.inputs.iter().map(exported_functions).collect();
    let mut functions = NameMap::new();
    let mut locals = IndirectNameMap::new();
    let mut next = 0..;
    let all = numbering::imported(live).chain(numbering::defined(live));
    for (function, index) in all.zip(&mut next) {
        match function {
            Function::Dso(id, defined) => {
                let position = position(&whole.inputs, *id);
                let input = &whole.inputs[position];
                let old = input.imported_functions() + defined.0;
                let named = input.function_names.get(&old);
                if let Some(name) = named.or_else(|| exported[position].get(&old)) {
                    functions.append(index, name);
                }
                if let Some(names) = input.local_names.get(&old) {
                    let mut map = NameMap::new();
                    names.iter().for_each(|(local, name)| map.append(*local, name));
                    locals.append(index, &map);
                }
            }
            Function::Host(_, name) | Function::Loader(name) => functions.append(index, name),
            // The message says which symbol it is, first of all.
            Function::Undefined(message, _) => {
                let symbol = message.split('`').nth(1).unwrap_or(message);
                functions.append(index, &format!("undefined:{symbol}"));
            }
        }
    }
    // `zip` took one index more than there were functions.
    let first = live.functions.len() as u32;
    for (written, index) in written.iter().zip(first..) {
        functions.append(index, written.name());
    }
    let mut names = NameSection::new();
    if let Some(name) = &whole.main().dso.module.name {
        names.module(name);
    }
    names.functions(&functions);
    names.locals(&locals);
    names
}

fn exported_functions<'a>(input: &Input<'a>) -> HashMap<u32, &'a str> {
    let exports = input.dso.module.exports.iter();
    let functions = exports.filter_map(|export| match export.entity {
        Entity::Func(func) => Some((func.0, &*export.name)),
        _ => None,
    });
    functions.collect()
}
