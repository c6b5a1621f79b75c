//! The symbols of a file: the data of `dynvm nm`.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use dynvm_vm::module::{EntityType, Module};

use crate::dialect::dyninfo::{self, Dyninfo};
use crate::dylink::Dylink;
use crate::error::LoadError;
use crate::symbol::{Binding, SymbolKind, SymbolTable, Visibility};

/// A symbol as `nm` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is: of data the distance from the base, of a function its offset in the file.
    pub address: Option<u64>,
    /// `T` function, `D` data, `A` absolute data, `B` thread-local data, `G` other global, `E`
    /// tag, lower case if hidden; `W` and `V` weak function and data; `U` undefined, `w` and `v`
    /// undefined and weak.
    pub letter: char,
    /// Its name.
    pub name: String,
    /// What the letter leaves out: through which part of the GOT, or from which module.
    pub note: Option<String>,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(f, "{address:08x}")?,
            None => write!(f, "{:8}", "")?,
        }
        write!(f, " {} {}", self.letter, self.name)?;
        match &self.note {
            Some(note) => write!(f, " [{note}]"),
            None => Ok(()),
        }
    }
}

/// The symbols of the module at `path`, by name.
///
/// # Errors
/// If it cannot be read or is no valid module.
pub fn read(path: &Path) -> Result<Vec<Entry>, LoadError> {
    let bytes =
        std::fs::read(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let module = dynvm_jit::decode(bytes)
        .map_err(|source| LoadError::Decode { path: path.to_owned(), source: Box::new(source) })?;
    let module = Arc::new(module);
    let dylink = Dylink::of_module(&module)
        .map_err(|source| LoadError::Dylink { path: path.to_owned(), source })?
        .map(Arc::new);
    let info = dyninfo::of_module(&module)
        .map_err(|source| LoadError::Dylink { path: path.to_owned(), source })?;
    Ok(match info.filter(|_| dylink.is_none()) {
        Some((_, info)) => dyninfo_entries(&module, &info),
        None => entries(&module, dylink.as_ref()),
    })
}

/// The symbols of a module with a `dyninfo` section, by name.
fn dyninfo_entries(module: &Module, info: &Dyninfo) -> Vec<Entry> {
    let mut entries = defined(&SymbolTable::of_dyninfo(info, module, false), module);
    entries.extend(info.needed().map(|(name, key)| Entry {
        address: None,
        letter: 'U',
        name: name.to_owned(),
        note: Some(key.to_owned()),
    }));
    entries.sort_by(|one, other| one.name.cmp(&other.name).then(one.note.cmp(&other.note)));
    entries
}

/// The symbols of a module, by name.
#[must_use]
pub fn entries(module: &Arc<Module>, dylink: Option<&Arc<Dylink>>) -> Vec<Entry> {
    let mut entries = defined(&SymbolTable::of_module(module, dylink), module);
    entries.extend(undefined(module, dylink.map(|dylink| &**dylink)));
    entries.sort_by(|one, other| one.name.cmp(&other.name).then(one.note.cmp(&other.note)));
    entries
}

fn defined(table: &SymbolTable, module: &Module) -> Vec<Entry> {
    let entry = |(name, symbol): (&str, crate::symbol::Symbol)| {
        let is_weak = symbol.binding == Binding::Weak;
        let (address, strong, weak, note) = match symbol.kind {
            SymbolKind::Function(func) => {
                let body = module.defined_func(func).map(|it| module.bodies[it.index()].start);
                (body.map(|start| start as u64), 'T', 'W', None)
            }
            SymbolKind::Data(address) => (Some(address), 'D', 'V', None),
            SymbolKind::Absolute(address) => (Some(address), 'A', 'V', None),
            SymbolKind::Tls(address) => (Some(address), 'B', 'V', Some("TLS")),
            SymbolKind::Global(_) => (None, 'G', 'V', Some("global")),
            SymbolKind::Tag(_) => (None, 'E', 'V', Some("tag")),
        };
        let letter = if is_weak { weak } else { strong };
        let is_hidden = symbol.visibility == Visibility::Hidden;
        Entry {
            address,
            letter: if is_hidden { letter.to_ascii_lowercase() } else { letter },
            name: name.to_string(),
            note: note.map(str::to_owned),
        }
    };
    table.iter().map(entry).collect()
}

fn undefined(module: &Module, dylink: Option<&Dylink>) -> Vec<Entry> {
    let entry = |import: &dynvm_vm::module::Import| {
        let flags = dylink.map(|dylink| dylink.import_flags(&import.field)).unwrap_or_default();
        let is_got = import.module.starts_with("GOT.");
        let is_function = matches!(import.ty, EntityType::Func(_)) || import.module == "GOT.func";
        if !is_got && !matches!(import.ty, EntityType::Func(_) | EntityType::Tag(_)) {
            return None;
        }
        let mut note = Vec::new();
        if import.module != "env" {
            note.push(import.module.as_str());
        }
        if flags.is_tls() {
            note.push("TLS");
        }
        let weak = if is_function { 'w' } else { 'v' };
        Some(Entry {
            address: None,
            letter: if flags.is_weak() { weak } else { 'U' },
            name: import.field.to_string(),
            note: (!note.is_empty()).then(|| note.join(", ")),
        })
    };
    module.imports.iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::entries;
    use crate::dylink::Dylink;

    #[test]
    fn letters_tell_kind_binding_and_visibility() {
        let text = r#"(module
            (@dylink.0 (mem-info (memory 64 2)) (export-info "t" tls) (export-info "h" visibility-hidden)
                (export-info "w" binding-weak) (import-info "env" "maybe" binding-weak undefined))
            (import "env" "f" (func)) (import "env" "maybe" (func))
            (import "GOT.mem" "d2" (global (mut i32))) (import "GOT.func" "f" (global (mut i32)))
            (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
            (import "env" "memory" (memory 1)) (import "env" "__memory_base" (global i32))
            (global (export "d") i32 (i32.const 8)) (global (export "t") i32 (i32.const 4))
            (global (export "m") (mut i32) (i32.const 0))
            (func (export "h")) (func (export "w")) (func (export "g")))"#;
        let module = dynvm_jit::decode(wat::parse_str(text).expect("text")).expect("module");
        let module = Arc::new(module);
        let dylink = Dylink::of_module(&module).expect("well-formed").map(Arc::new);
        let shown: Vec<String> = entries(&module, dylink.as_ref())
            .iter()
            .map(|entry| {
                let line = entry.to_string();
                // Offsets of functions in the file are the assembler's affair.
                if matches!(entry.letter, 'T' | 't' | 'W') { line[8..].to_owned() } else { line }
            })
            .collect();
        assert_eq!(
            shown,
            [
                "00000008 D d",
                "         U d2 [GOT.mem]",
                "         U f",
                "         U f [GOT.func]",
                " T g",
                " t h",
                "         G m [global]",
                "         w maybe",
                "         U sched_yield [wasi_snapshot_preview1]",
                "00000004 B t [TLS]",
                " W w",
            ]
        );
    }
}
