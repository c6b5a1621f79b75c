//! Writing the linked module, section after section.

use std::collections::HashSet;

use dynvm_loader::plan::Function;
use dynvm_vm::types::ValType as VmValType;
use wasm_encoder::reencode::Reencode;
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, Function as Body, FunctionSection, GlobalSection, GlobalType,
    ImportSection, MemorySection, MemoryType, Module, RefType, Section, StartSection, TableSection,
    TableType, TagKind, TagSection, TagType, ValType,
};
use wasmparser::{DataKind, ElementItems, TableInit};

use crate::constant::Constant;
use crate::error::RelinkError;
use crate::exit_list;
use crate::export::Item;
use crate::input::Input;
use crate::names;
use crate::node::{GlobalNode, Live, MemoryNode, Namer, SegmentNode, TableNode, TagNode};
use crate::numbering::{self, Numbering};
use crate::reachable::table_of;
use crate::start::{Start, Written};
use crate::whole::Whole;

/// Most pages that a memory of 32-bit addresses has.
const PAGES_MAX: u64 = 1 << 16;

/// How many functions the linked module defines.
pub(crate) fn functions_written(start: &Start, live: &Live) -> usize {
    numbering::defined(live).count() + start.written().len()
}

/// The linked module.
pub(crate) fn write(
    whole: &Whole<'_>,
    start: &Start,
    exports: &[(String, Item)],
    live: &Live,
) -> Result<Vec<u8>, RelinkError> {
    let globals = global_order(whole, live)?;
    let mut output = Output { whole, live, namer: Numbering::new(live, &globals), globals };
    let written = start.written();
    let first_written = live.functions.len() as u32;

    let mut module = Module::new();
    module.section(whole.signatures.section());
    let imports = output.imports();
    add(&mut module, &imports, imports.is_empty());
    module.section(&output.functions(&written));
    let tables = output.tables()?;
    add(&mut module, &tables, tables.is_empty());
    let memories = output.memories()?;
    add(&mut module, &memories, memories.is_empty());
    let tags = output.tags()?;
    add(&mut module, &tags, tags.is_empty());
    let (globals, exported) = output.globals_and_exports(exports, &written, first_written)?;
    add(&mut module, &globals, globals.is_empty());
    module.section(&exported);
    if let Some(position) = written.iter().position(|it| *it == Written::Prepare) {
        module.section(&StartSection { function_index: first_written + position as u32 });
    }
    let elements = output.elements()?;
    add(&mut module, &elements, elements.is_empty());
    let data = output.data()?;
    // Only code that names segments needs their count beforehand, and engines of before 2021 do
    // not know the section.
    add(&mut module, &DataCountSection { count: data.len() }, live.data.is_empty());
    module.section(&output.code(start, &written)?);
    add(&mut module, &data, data.is_empty());
    module.section(&names::section(whole, live, &written));
    Ok(module.finish())
}

fn add(module: &mut Module, section: &impl Section, is_empty: bool) {
    if !is_empty {
        module.section(section);
    }
}

/// The globals, each behind those that its first value is made of.
fn global_order(whole: &Whole<'_>, live: &Live) -> Result<Vec<GlobalNode>, RelinkError> {
    let mut order = Vec::with_capacity(live.globals.len());
    let mut entered = HashSet::new();
    let mut path: Vec<(GlobalNode, Vec<GlobalNode>)> = Vec::new();
    for root in &live.globals {
        if entered.insert(root.clone()) {
            path.push((root.clone(), named_by(whole, root)?));
        }
        while let Some((_, needs)) = path.last_mut() {
            match needs.pop() {
                Some(needed) => {
                    if entered.insert(needed.clone()) {
                        let needs = named_by(whole, &needed)?;
                        path.push((needed, needs));
                    }
                }
                None => order.extend(path.pop().map(|(node, _)| node)),
            }
        }
    }
    Ok(order)
}

/// The globals that a global's first value names.
fn named_by(whole: &Whole<'_>, global: &GlobalNode) -> Result<Vec<GlobalNode>, RelinkError> {
    let Some((input, position)) = whole.definition_of_global(global) else {
        return Ok(Vec::new());
    };
    let mut named = Live::default();
    let init = input.globals[position as usize].init_expr.clone();
    whole.encode(input.dso.id, &mut named, |mut it| it.const_expr(init))?;
    Ok(named.globals.into_iter().collect())
}

struct Output<'a> {
    whole: &'a Whole<'a>,
    live: &'a Live,
    namer: Numbering,
    globals: Vec<GlobalNode>,
}

impl Output<'_> {
    fn imports(&self) -> ImportSection {
        let mut section = ImportSection::new();
        for function in numbering::imported(self.live) {
            if let Function::Host(module, field) = function {
                let ty = EntityType::Function(self.whole.signature(function));
                section.import(module, field, ty);
            }
        }
        section
    }

    fn functions(&self, written: &[Written]) -> FunctionSection {
        let mut section = FunctionSection::new();
        for function in numbering::defined(self.live) {
            section.function(self.whole.signature(function));
        }
        for _ in written {
            section.function(self.whole.signatures.void);
        }
        section
    }

    fn tables(&mut self) -> Result<TableSection, RelinkError> {
        let mut section = TableSection::new();
        for table in &self.live.tables {
            let definition = self.whole.definition_of_table(table);
            let (ty, init) = match definition {
                None => (None, None),
                Some((input, position)) => {
                    let found = &input.tables[position as usize];
                    let namer = &mut self.namer;
                    let (ty, init) = self.whole.encode(input.dso.id, namer, |mut it| {
                        let init = match &found.init {
                            TableInit::RefNull => None,
                            TableInit::Expr(init) => Some(it.const_expr(init.clone())?),
                        };
                        Ok((it.table_type(found.ty)?, init))
                    })?;
                    (Some(ty), init)
                }
            };
            let ty = match ty {
                Some(ty) if *table != TableNode::Process => ty,
                _ => process_table(self.whole.plan.table_len),
            };
            match init {
                Some(init) => section.table_with_init(ty, &init),
                None => section.table(ty),
            };
        }
        Ok(section)
    }

    fn memories(&mut self) -> Result<MemorySection, RelinkError> {
        let mut section = MemorySection::new();
        for memory in &self.live.memories {
            let ty = match memory {
                MemoryNode::Process => self.process_memory(),
                MemoryNode::Dso(id, position) => {
                    let ty = self.whole.input(*id).memories[*position as usize];
                    self.whole.encode(*id, &mut self.namer, |mut it| it.memory_type(ty))?
                }
            };
            section.memory(ty);
        }
        Ok(section)
    }

    /// As large as the loader makes it, and growing as far as main lets it.
    fn process_memory(&self) -> MemoryType {
        let main = self.whole.main();
        let imported = main.dso.module.imported_memories as usize;
        let mut own = main.uses.memories[imported..].iter().zip(&main.memories);
        let own = own.find(|(node, _)| **node == MemoryNode::Process);
        let maximum = own.and_then(|(_, ty)| ty.maximum);
        let shared = self.whole.plan.is_memory_shared;
        MemoryType {
            minimum: self.whole.plan.memory_pages,
            maximum: maximum.or(shared.then_some(PAGES_MAX)),
            memory64: false,
            shared,
            page_size_log2: None,
        }
    }

    fn tags(&mut self) -> Result<TagSection, RelinkError> {
        let mut section = TagSection::new();
        for tag in &self.live.tags {
            section.tag(match tag {
                TagNode::Language(name) => TagType {
                    kind: TagKind::Exception,
                    func_type_idx: self.whole.signatures.of_tags[name],
                },
                TagNode::Dso(id, position) => {
                    let ty = self.whole.input(*id).tags[*position as usize];
                    self.whole.encode(*id, &mut self.namer, |mut it| it.tag_type(ty))?
                }
            });
        }
        Ok(section)
    }

    /// Exported numbers are globals behind all others.
    fn globals_and_exports(
        &mut self,
        exports: &[(String, Item)],
        written: &[Written],
        first_written: u32,
    ) -> Result<(GlobalSection, ExportSection), RelinkError> {
        let mut globals = GlobalSection::new();
        for global in std::mem::take(&mut self.globals) {
            let (ty, init) = self.global(&global)?;
            globals.global(ty, &init);
        }
        let mut section = ExportSection::new();
        for (written, index) in written.iter().zip(first_written..) {
            if *written != Written::Prepare {
                section.export(written.name(), ExportKind::Func, index);
            }
        }
        for (name, item) in exports {
            let (kind, index) = match item {
                Item::Function(function) => (ExportKind::Func, self.namer.function(function)),
                Item::Global(global) => (ExportKind::Global, self.namer.global(global)),
                Item::Memory(memory) => (ExportKind::Memory, self.namer.memory(memory)),
                Item::Table(table) => (ExportKind::Table, self.namer.table(table)),
                Item::Tag(tag) => (ExportKind::Tag, self.namer.tag(tag)),
                Item::Number(number, is_wide) => {
                    let val_type = if *is_wide { ValType::I64 } else { ValType::I32 };
                    let ty = GlobalType { val_type, mutable: false, shared: false };
                    let index = globals.len();
                    globals.global(ty, &number_expr(*number, *is_wide));
                    (ExportKind::Global, index)
                }
            };
            section.export(name, kind, index);
        }
        Ok((globals, section))
    }

    fn global(&mut self, global: &GlobalNode) -> Result<(GlobalType, ConstExpr), RelinkError> {
        let changed = self.whole.evaluated.globals.get(global).copied();
        if let Some((input, position)) = self.whole.definition_of_global(global) {
            let found = input.globals[position as usize].clone();
            let (ty, init) = self.whole.encode(input.dso.id, &mut self.namer, |mut it| {
                Ok((it.global_type(found.ty)?, it.const_expr(found.init_expr)?))
            })?;
            let is_wide = ty.val_type == ValType::I64;
            return Ok((ty, changed.map_or(init, |value| number_expr(value, is_wide))));
        }
        let (first, is_wide) = match global {
            GlobalNode::Cell(id, index, value) => {
                let ty = self.whole.input(*id).dso.module.globals[*index as usize];
                (*value, ty.value == VmValType::I64)
            }
            GlobalNode::StackPointer => (self.whole.plan.stack.end, false),
            GlobalNode::Exit(_) | GlobalNode::Dso(..) => (0, false),
        };
        let val_type = if is_wide { ValType::I64 } else { ValType::I32 };
        let ty = GlobalType { val_type, mutable: true, shared: false };
        Ok((ty, number_expr(changed.unwrap_or(first), is_wide)))
    }

    fn elements(&mut self) -> Result<ElementSection, RelinkError> {
        let mut section = ElementSection::new();
        for element in &self.live.elements {
            match element {
                SegmentNode::Empty => drop(section.passive(Elements::Functions((&[]).into()))),
                SegmentNode::Dso(id, index) => {
                    let element = self.whole.input(*id).elements[*index as usize].clone();
                    let section = &mut section;
                    self.whole.encode(*id, &mut self.namer, |mut it| {
                        it.parse_element(section, element)
                    })?;
                }
            }
        }
        for input in &self.whole.inputs {
            self.active_elements(input, &mut section)?;
        }
        if self.live.tables.contains(&TableNode::Process) {
            for run in self.whole.plan.slots.chunk_by(|one, next| one.0 + 1 == next.0) {
                let functions: Vec<u32> =
                    run.iter().map(|(_, function)| self.namer.function(function)).collect();
                let offset = number_expr(run[0].0.into(), false);
                section.active(None, &offset, Elements::Functions(functions.into()));
            }
        }
        let references = self.live.references.iter();
        let references: Vec<u32> = references.map(|it| self.namer.function(it)).collect();
        if !references.is_empty() {
            section.declared(Elements::Functions(references.into()));
        }
        Ok(section)
    }

    /// What a dso puts into tables that are used.
    fn active_elements(
        &mut self,
        input: &Input<'_>,
        section: &mut ElementSection,
    ) -> Result<(), RelinkError> {
        for element in &input.elements {
            let wasmparser::ElementKind::Active { offset_expr, .. } = &element.kind else {
                continue;
            };
            let table = table_of(input, &element.kind).expect("it is an active segment");
            if !self.live.tables.contains(table) {
                continue;
            }
            let len = match &element.items {
                ElementItems::Functions(items) => items.count(),
                ElementItems::Expressions(_, items) => items.count(),
            };
            let offset = self.whole.constants.value(input, offset_expr).and_then(Constant::integer);
            let end = offset.and_then(|offset| offset.checked_add(len.into()));
            let is_inside = end.is_some_and(|end| end <= self.whole.plan.table_len.into());
            if *table == TableNode::Process && !is_inside {
                let dso = input.dso.name.to_string();
                return Err(RelinkError::Segment { dso, what: "elements" });
            }
            let items = element.items.clone();
            let index = self.namer.table(table);
            let (offset_expr, items) =
                self.whole.encode(input.dso.id, &mut self.namer, |mut it| {
                    Ok((it.const_expr(offset_expr.clone())?, it.element_items(items)?))
                })?;
            let offset = match offset {
                Some(offset) if *table == TableNode::Process => number_expr(offset, false),
                _ => offset_expr,
            };
            section.active((index != 0).then_some(index), &offset, items);
        }
        Ok(())
    }

    fn data(&mut self) -> Result<DataSection, RelinkError> {
        let mut section = DataSection::new();
        for segment in &self.live.data {
            section.passive(match segment {
                SegmentNode::Empty => [].iter().copied(),
                SegmentNode::Dso(id, index) => {
                    self.whole.input(*id).data[*index as usize].data.iter().copied()
                }
            });
        }
        if self.live.memories.contains(&MemoryNode::Process) {
            for (address, bytes) in self.whole.evaluated.image.segments() {
                section.active(0, &number_expr(address, false), bytes);
            }
        }
        for input in &self.whole.inputs {
            for data in &input.data {
                let DataKind::Active { memory_index, .. } = &data.kind else { continue };
                let memory = &input.uses.memories[*memory_index as usize];
                if *memory == MemoryNode::Process || !self.live.memories.contains(memory) {
                    continue;
                }
                let (section, data) = (&mut section, data.clone());
                self.whole
                    .encode(input.dso.id, &mut self.namer, |mut it| it.parse_data(section, data))?;
            }
        }
        Ok(section)
    }

    fn code(&mut self, start: &Start, written: &[Written]) -> Result<CodeSection, RelinkError> {
        let mut section = CodeSection::new();
        let signatures = &self.whole.signatures;
        for function in numbering::defined(self.live) {
            match function {
                Function::Dso(id, index) => {
                    let body = self.whole.input(*id).bodies[index.index()].clone();
                    let write = |mut it: crate::reencoder::Reencoder<'_, Numbering>| {
                        it.parse_function_body(&mut section, body)
                    };
                    let written: Result<(), RelinkError> =
                        self.whole.encode(*id, &mut self.namer, write);
                    written?;
                }
                Function::Loader(name) if exit_list::defines(name) => {
                    let (void, one) = (signatures.void, signatures.takes_one);
                    section.function(&exit_list::body(name, &mut self.namer, void, one));
                }
                _ => drop(section.function(&trap())),
            }
        }
        let has_exit_list = self.live.functions.contains(&exit_list::finalize());
        for written in written {
            section.function(&start.body(*written, has_exit_list, &mut self.namer));
        }
        Ok(section)
    }
}

/// The body of what nobody defines.
fn trap() -> Body {
    let mut body = Body::new([]);
    body.instructions().unreachable().end();
    body
}

fn process_table(len: u32) -> TableType {
    TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: len.into(),
        maximum: None,
        shared: false,
    }
}

fn number_expr(number: u64, is_wide: bool) -> ConstExpr {
    if is_wide {
        ConstExpr::i64_const(number.cast_signed())
    } else {
        ConstExpr::i32_const((number as u32).cast_signed())
    }
}
