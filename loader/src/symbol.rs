//! Symbols: what a dso defines, by name.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::{Arc, OnceLock};

use hashbrown::{DefaultHashBuilder, HashTable};

use dynvm_vm::module::{ConstExpr, ConstOp, Entity, EntityType, Export, Module};
use dynvm_vm::name::Name;
use dynvm_vm::types::{FuncIndex, GlobalIndex, TagIndex, ValType};

use crate::dialect::dyninfo::{self, Dyninfo};
use crate::dylink::{Dylink, SymbolFlags};

/// Exports that are never symbols: they belong to the dso alone, or to the loader.
const NEVER_SYMBOLS: [&str; 19] = [
    "memory",
    "__memory_base",
    "__table_base",
    "__stack_pointer",
    "__indirect_function_table",
    "__wasm_apply_data_relocs",
    "__wasm_apply_relocs",
    "__wasm_apply_tls_relocs",
    "__wasm_apply_global_relocs",
    "__dso_handle",
    "__tls_base",
    "__tls_size",
    "__tls_align",
    "__wasm_init_tls",
    "__wasm_call_ctors",
    "__post_instantiate",
    "_initialize",
    "_start",
    "__wasm_library_tls_info",
];

/// Whether a definition gives way to others, or is nobody else's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// An ordinary definition.
    Global,
    /// A weak one.
    Weak,
}

/// Who can see a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Every dso.
    Default,
    /// Nobody but the dso itself.
    Hidden,
}

/// What a symbol names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// A function.
    Function(FuncIndex),
    /// Data, at this distance from `__memory_base`.
    Data(u64),
    /// Data at this address, whatever the base.
    Absolute(u64),
    /// Data at this distance from the thread's block.
    Tls(u64),
    /// A global that is no address: mutable, or no integer, or not known before instantiation.
    Global(GlobalIndex),
    /// A tag.
    Tag(TagIndex),
}

impl SymbolKind {
    /// The word for it in messages.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            SymbolKind::Function(_) => "a function",
            SymbolKind::Data(_) | SymbolKind::Absolute(_) => "data",
            SymbolKind::Tls(_) => "thread-local data",
            SymbolKind::Global(_) => "a global",
            SymbolKind::Tag(_) => "a tag",
        }
    }
}

/// A definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// What it names.
    pub kind: SymbolKind,
    /// Strong or weak.
    pub binding: Binding,
    /// Who can see it.
    pub visibility: Visibility,
}

impl Symbol {
    /// Whether other dsos see it.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        self.visibility == Visibility::Default
    }
}

/// A name with its hash, which is made once however many tables the name is looked up in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashedName<'a> {
    pub(crate) name: &'a str,
    pub(crate) hash: u64,
}

impl<'a> HashedName<'a> {
    /// Names are the guest's: with a key that it does not know it cannot choose ones that collide.
    pub(crate) fn new(name: &'a str) -> Self {
        static KEY: OnceLock<DefaultHashBuilder> = OnceLock::new();
        let key = KEY.get_or_init(DefaultHashBuilder::default);
        HashedName { name, hash: key.hash_one(name) }
    }
}

/// What a dso defines, by name. A symbol is read from its export when it is asked for, so that a
/// library of many exports costs what is used of it.
#[derive(Debug, Default)]
pub struct SymbolTable {
    source: Source,
    /// Positions by name, once a name was looked up here: what start-up loads is looked up in the
    /// global scope instead.
    index: OnceLock<HashTable<u32>>,
    /// Exports that are never symbols.
    own: Vec<(Name, Entity)>,
}

/// Where definitions stand. No name is there twice.
#[derive(Debug)]
enum Source {
    /// The exports of a module.
    Exports(Exports),
    /// A list.
    Listed(Vec<(Name, Symbol)>),
}

impl Default for Source {
    fn default() -> Self {
        Source::Listed(Vec::new())
    }
}

impl SymbolTable {
    /// The symbols among the exports of `module`.
    #[must_use]
    pub fn of_module(module: &Arc<Module>, dylink: Option<&Arc<Dylink>>) -> SymbolTable {
        let source = Source::Exports(Exports {
            module: Arc::clone(module),
            dylink: dylink.map(Arc::clone),
            globals: OnceLock::new(),
            imported: OnceLock::new(),
        });
        SymbolTable { source, index: OnceLock::new(), own: never_symbols(module) }
    }

    /// The symbols that a `dyninfo` section defines. The main program's data stay where they were
    /// linked.
    #[must_use]
    pub(crate) fn of_dyninfo(info: &Dyninfo, module: &Module, is_main: bool) -> SymbolTable {
        let link_base = u64::from(dyninfo::LINK_BASE);
        let data = info.data().map(|(name, offset)| {
            let absolute = SymbolKind::Absolute(link_base + offset);
            (name, if is_main { absolute } else { SymbolKind::Data(offset) })
        });
        let functions = info.functions(module);
        let functions = functions.map(|(name, func)| (name, SymbolKind::Function(func)));
        let symbol = |(name, kind): (&str, SymbolKind)| {
            let (binding, visibility) = (Binding::Global, Visibility::Default);
            (Name::from(name), Symbol { kind, binding, visibility })
        };
        // Of several under one name the last one stays.
        let symbols: HashMap<Name, Symbol> = data.chain(functions).map(symbol).collect();
        let mut symbols: Vec<(Name, Symbol)> = symbols.into_iter().collect();
        symbols.sort_by(|(one, _), (other, _)| one.as_str().cmp(other));
        let own = never_symbols(module);
        SymbolTable { source: Source::Listed(symbols), index: OnceLock::new(), own }
    }

    /// The definition of `name` that other dsos see.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Symbol> {
        self.get_hashed(HashedName::new(name))
    }

    /// The same for a name that was hashed before.
    pub(crate) fn get_hashed(&self, name: HashedName<'_>) -> Option<Symbol> {
        self.get_own_hashed(name).filter(Symbol::is_visible)
    }

    /// The definition of `name` that the dso itself sees.
    #[must_use]
    pub fn get_own(&self, name: &str) -> Option<Symbol> {
        self.get_own_hashed(HashedName::new(name))
    }

    /// The same for a name that was hashed before.
    pub(crate) fn get_own_hashed(&self, name: HashedName<'_>) -> Option<Symbol> {
        let index = self.index.get_or_init(|| self.make_index());
        let position = index.find(name.hash, |position| self.name(*position) == name.name)?;
        self.at(*position)
    }

    fn make_index(&self) -> HashTable<u32> {
        let hash = |position: &u32| HashedName::new(self.name(*position)).hash;
        let mut index = HashTable::with_capacity(self.len_max());
        for position in self.positions() {
            index.insert_unique(hash(&position), position, hash);
        }
        index
    }

    /// What is exported under a name that is never a symbol.
    pub(crate) fn own(&self, name: &str) -> Option<Entity> {
        self.own.iter().find(|(own, _)| **own == *name).map(|(_, entity)| *entity)
    }

    /// Every definition, in the order of the exports.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Symbol)> {
        self.positions().filter_map(|position| Some((self.name(position), self.at(position)?)))
    }

    /// Where names stand, some of which may define nothing.
    pub(crate) fn positions(&self) -> impl Iterator<Item = u32> {
        // A module is shorter than 4 GiB.
        0..self.len_max() as u32
    }

    /// How many names there are at most.
    pub(crate) fn len_max(&self) -> usize {
        match &self.source {
            Source::Exports(exports) => exports.module.exports.len(),
            Source::Listed(symbols) => symbols.len(),
        }
    }

    /// The name at a position.
    pub(crate) fn name(&self, position: u32) -> &str {
        match &self.source {
            Source::Exports(exports) => &exports.module.exports[position as usize].name,
            Source::Listed(symbols) => &symbols[position as usize].0,
        }
    }

    /// Whether the name at a position defines something that other dsos see.
    pub(crate) fn is_visible(&self, position: u32) -> bool {
        match &self.source {
            Source::Exports(exports) => exports.is_visible(position),
            Source::Listed(symbols) => symbols[position as usize].1.is_visible(),
        }
    }

    /// What the name at a position defines.
    pub(crate) fn at(&self, position: u32) -> Option<Symbol> {
        match &self.source {
            Source::Exports(exports) => exports.symbol(position),
            Source::Listed(symbols) => Some(symbols[position as usize].1),
        }
    }
}

/// The exports of a module as symbols.
#[derive(Debug)]
struct Exports {
    module: Arc<Module>,
    dylink: Option<Arc<Dylink>>,
    /// What exported globals are, once one of them is asked for.
    globals: OnceLock<ConstGlobals>,
    /// Positions of the imports that are functions, once an export of one of them is met.
    imported: OnceLock<Vec<u32>>,
}

impl Exports {
    fn is_visible(&self, position: u32) -> bool {
        let Export { name, .. } = &self.module.exports[position as usize];
        self.is_symbol(position) && !self.flags(name).is_hidden()
    }

    fn is_symbol(&self, position: u32) -> bool {
        let Export { name, entity } = &self.module.exports[position as usize];
        !is_never_symbol(name)
            && match *entity {
                Entity::Func(func) => !self.imports_again(func, name),
                Entity::Global(_) | Entity::Tag(_) => true,
                Entity::Memory(_) | Entity::Table(_) => false,
            }
    }

    fn flags(&self, name: &str) -> SymbolFlags {
        match &self.dylink {
            Some(dylink) if !dylink.exports.is_empty() => dylink.export_flags(name),
            _ => SymbolFlags(0),
        }
    }

    fn symbol(&self, position: u32) -> Option<Symbol> {
        if !self.is_symbol(position) {
            return None;
        }
        let Export { name, entity } = &self.module.exports[position as usize];
        let flags = self.flags(name);
        let kind = match *entity {
            Entity::Func(func) => SymbolKind::Function(func),
            Entity::Global(global) => {
                let globals = || ConstGlobals::of_module(&self.module, &[]);
                global_kind(self.globals.get_or_init(globals), global, flags)
            }
            Entity::Tag(tag) => SymbolKind::Tag(tag),
            Entity::Memory(_) | Entity::Table(_) => return None,
        };
        let binding = if flags.is_weak() { Binding::Weak } else { Binding::Global };
        let visibility = if flags.is_hidden() { Visibility::Hidden } else { Visibility::Default };
        Some(Symbol { kind, binding, visibility })
    }

    /// Whether an exported function is an import of the same name: then somebody else defines it.
    fn imports_again(&self, func: FuncIndex, name: &str) -> bool {
        if func.0 >= self.module.imported_functions {
            return false;
        }
        let imports = &self.module.imports;
        let imported = self.imported.get_or_init(|| {
            let functions = (0..).zip(imports);
            let functions = functions.filter(|(_, it)| matches!(it.ty, EntityType::Func(_)));
            functions.map(|(position, _)| position).collect()
        });
        let import = &imports[imported[func.index()] as usize];
        import.module == "env" && import.field == *name
    }
}

/// Exports of `module` that belong to itself alone, or to the loader.
fn never_symbols(module: &Module) -> Vec<(Name, Entity)> {
    let own = module.exports.iter().filter(|export| is_never_symbol(&export.name));
    own.map(|export| (export.name.clone(), export.entity)).collect()
}

/// Whether an export of this name is never a symbol.
#[must_use]
pub fn is_never_symbol(name: &str) -> bool {
    // Nearly every name of a large library is told apart by its first letter.
    matches!(name.as_bytes().first(), Some(b'_' | b'm')) && NEVER_SYMBOLS.contains(&name)
}

fn global_kind(globals: &ConstGlobals, global: GlobalIndex, flags: SymbolFlags) -> SymbolKind {
    match globals.get(global) {
        None => SymbolKind::Global(global),
        Some(value) if flags.is_tls() => SymbolKind::Tls(value),
        Some(value) if flags.is_absolute() => SymbolKind::Absolute(value),
        Some(value) => SymbolKind::Data(value),
    }
}

/// Values of a module's immutable integer globals, by index; `None` where they depend on more
/// than constants and the bases that are given.
#[derive(Debug)]
pub(crate) struct ConstGlobals(Vec<Option<u64>>);

impl ConstGlobals {
    /// The globals of `module`, where `bases` has values of imports from `env`.
    pub(crate) fn of_module(module: &Module, bases: &[(&str, u64)]) -> ConstGlobals {
        let mut values = ConstGlobals(Vec::with_capacity(module.globals.len()));
        for import in &module.imports {
            let EntityType::Global(ty) = import.ty else { continue };
            let base = bases.iter().find(|(name, _)| import.field == *name);
            let is_base = matches!(import.module.as_str(), "env" | "sys") && !ty.is_mutable;
            values.0.push(base.filter(|_| is_base).map(|(_, value)| *value));
        }
        // Validation lets an initial value refer to earlier globals only.
        let defined = &module.globals[module.imported_globals as usize..];
        for (ty, init) in defined.iter().zip(&module.global_inits) {
            let is_integer = matches!(ty.value, ValType::I32 | ValType::I64);
            let value = if is_integer && !ty.is_mutable { values.evaluate(init) } else { None };
            values.0.push(value);
        }
        values
    }

    /// Value of a constant expression of integers.
    pub(crate) fn evaluate(&self, expr: &ConstExpr) -> Option<u64> {
        let mut stack: Vec<u64> = Vec::new();
        for op in &expr.ops {
            let value = match op {
                ConstOp::Value(value) => value.u64(),
                ConstOp::GlobalGet(global) => self.get(*global)?,
                ConstOp::RefFunc(_) | ConstOp::RefNull => return None,
                operator => {
                    let (right, left) = (stack.pop()?, stack.pop()?);
                    binary(operator, left, right)?
                }
            };
            stack.push(value);
        }
        stack.pop()
    }

    fn get(&self, global: GlobalIndex) -> Option<u64> {
        self.0.get(global.index()).copied().flatten()
    }
}

/// Value of an exported immutable global of integer type, if it is a constant.
#[must_use]
pub(crate) fn exported_constant(module: &Module, name: &str) -> Option<u64> {
    match module.export(name)? {
        Entity::Global(global) => ConstGlobals::of_module(module, &[]).get(global),
        _ => None,
    }
}

fn binary(op: &ConstOp, left: u64, right: u64) -> Option<u64> {
    let narrow = |value: u64| value & u64::from(u32::MAX);
    Some(match op {
        ConstOp::I32Add => narrow(left.wrapping_add(right)),
        ConstOp::I32Sub => narrow(left.wrapping_sub(right)),
        ConstOp::I32Mul => narrow(left.wrapping_mul(right)),
        ConstOp::I64Add => left.wrapping_add(right),
        ConstOp::I64Sub => left.wrapping_sub(right),
        ConstOp::I64Mul => left.wrapping_mul(right),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Binding, SymbolKind, SymbolTable, Visibility};
    use crate::dylink::Dylink;

    #[track_caller]
    fn symbols(text: &str) -> SymbolTable {
        let bytes = wat::parse_str(text).expect("valid text");
        let module = Arc::new(dynvm_jit::decode(bytes).expect("valid module"));
        let dylink = Dylink::of_module(&module).expect("well-formed").map(Arc::new);
        SymbolTable::of_module(&module, dylink.as_ref())
    }

    #[test]
    fn kinds_follow_mutability_and_flags() {
        let table = symbols(
            r#"(module (@dylink.0 (mem-info (memory 64 2)) (export-info "t" tls) (export-info "a" absolute)
                  (export-info "h" visibility-hidden) (export-info "w" binding-weak))
                (func (export "f")) (func (export "h")) (func (export "w"))
                (global (export "d") i32 (i32.const 8))
                (global (export "e") i32 (i32.add (i32.const 8) (i32.const -4)))
                (global (export "t") i32 (i32.const 12))
                (global (export "a") i32 (i32.const 16))
                (global (export "m") (mut i32) (i32.const 16))
                (global (export "x") f32 (f32.const 1))
                (global (export "__dso_handle") i32 (i32.const 0))
                (func (export "_initialize")) (func (export "__wasm_call_ctors")))"#,
        );
        let kind = |name: &str| table.get(name).map(|symbol| symbol.kind);
        assert!(matches!(kind("f"), Some(SymbolKind::Function(_))));
        assert_eq!(kind("d"), Some(SymbolKind::Data(8)));
        assert_eq!(kind("e"), Some(SymbolKind::Data(4)));
        assert_eq!(kind("t"), Some(SymbolKind::Tls(12)));
        assert_eq!(kind("a"), Some(SymbolKind::Absolute(16)));
        assert!(matches!(kind("m"), Some(SymbolKind::Global(_))));
        assert!(matches!(kind("x"), Some(SymbolKind::Global(_))));
        assert_eq!(kind("h"), None);
        assert_eq!(kind("__dso_handle"), None);
        assert_eq!(kind("_initialize"), None);
        assert_eq!(table.get("w").map(|symbol| symbol.binding), Some(Binding::Weak));
        let hidden = table.iter().find(|(name, _)| *name == "h").map(|(_, symbol)| symbol);
        assert_eq!(hidden.map(|symbol| symbol.visibility), Some(Visibility::Hidden));
    }
}
