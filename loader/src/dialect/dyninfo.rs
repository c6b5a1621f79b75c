//! `dyninfo` modules: libraries of ELF that were turned into wasm, whose dynamic section is a
//! custom section with one JSON object.
//!
//! Their data were linked for [`LINK_BASE`] and their table indices from 0 on; a module adds the
//! globals `sys.got` and `sys.plt` to them, and its words and table slots are filled in by the
//! loader ([`link`]). The main program stays at the link base. What it exports as `f_` and a
//! hexadecimal number stands in the table under that number.

pub(crate) mod link;
pub(crate) mod start;
pub(crate) mod system;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use dynvm_vm::module::{Entity, Module};
use dynvm_vm::types::FuncIndex;
use dynvm_vm::{Error, Process};
use serde::Deserialize;

use crate::dso::{Dso, DsoId};
use crate::dylink::{Dylink, DylinkError, Room};
use crate::got::FunctionSlots;
use crate::link_map::LinkMap;

/// Name of the section.
const SECTION: &str = "dyninfo";
/// Address that the data of every module is linked for.
pub(crate) const LINK_BASE: u32 = 0x4000;
/// Pages of the heap that a program finds: 32 MiB.
pub(crate) const HEAP_PAGES: u64 = 512;
/// Most slots of the table that a module can ask for.
const SLOTS_MAX: u32 = 1 << 24;

/// What the section says, with the versions of symbols stripped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dyninfo {
    /// Words that receive a symbol.
    refs: Vec<(String, u32)>,
    /// Table slots that receive a function.
    refuns: Vec<(String, u32)>,
    /// Data.
    defs: Vec<(String, u32)>,
    /// Functions, by table index.
    defuns: Vec<(String, u32)>,
    /// Words that receive an address of the module's.
    fixups: Vec<(u32, u32)>,
    /// Words that receive a table index of the module's.
    fixupfuns: Vec<(u32, u32)>,
    /// Data that is copied from the library that defines it: address and size.
    copies: Vec<(String, u32, u32)>,
    /// End of the data.
    data_end: u32,
    /// How many labels there are.
    labels: u32,
    /// Table index of the function that the program starts with.
    entry: Option<u32>,
    /// Address that the guest chose for the data.
    base: Option<u32>,
}

/// The section as it is written.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    r#ref: Vec<(String, u32)>,
    refun: Vec<(String, u32)>,
    def: Vec<(String, u32)>,
    defun: Vec<(String, u32)>,
    fixup: Vec<(u32, u32)>,
    fixupfun: Vec<(u32, u32)>,
    copy: Vec<(String, u32, u32)>,
    libs: Vec<String>,
    data: Option<u32>,
    data_end: Option<u32>,
    plt_bias: u32,
    plt_end: u32,
    pc_end: u32,
    entry: Option<i64>,
}

/// What the section of `module` says: to the dynamic linker as a `dylink.0` section would, and the
/// rest. `None` if it has none.
pub(crate) fn of_module(module: &Module) -> Result<Option<(Dylink, Dyninfo)>, DylinkError> {
    let mut sections = module.custom_sections.iter().filter(|section| section.name == SECTION);
    let Some(section) = sections.next() else { return Ok(None) };
    if sections.next().is_some() {
        return Err(DylinkError::Repeated { section: SECTION });
    }
    decode(&module.bytes[section.range.clone()]).map(Some)
}

fn decode(bytes: &[u8]) -> Result<(Dylink, Dyninfo), DylinkError> {
    let bad = |detail: String| DylinkError::Dyninfo { detail };
    let raw: Raw = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
    let start = raw.data.unwrap_or(LINK_BASE);
    let end = raw.data_end.unwrap_or(start);
    if start < LINK_BASE || end < start {
        return Err(bad(format!(
            "expected data from {LINK_BASE:#x} on, found {start:#x} to {end:#x}"
        )));
    }
    if raw.plt_end > SLOTS_MAX || raw.plt_bias > raw.plt_end {
        let found = format!("found {} to {}", raw.plt_bias, raw.plt_end);
        return Err(bad(format!("expected table indices up to {SLOTS_MAX}, {found}")));
    }
    if let Some(name) = raw.libs.iter().find(|name| name.is_empty() || name.contains('\0')) {
        return Err(DylinkError::BadNeeded { name: name.clone() });
    }
    let info = Dyninfo {
        refs: strip(raw.r#ref),
        refuns: strip(raw.refun),
        defs: strip(raw.def),
        defuns: strip(raw.defun),
        fixups: raw.fixup,
        fixupfuns: raw.fixupfun,
        copies: raw
            .copy
            .into_iter()
            .map(|(name, address, size)| (without_version(name), address, size))
            .collect(),
        data_end: end,
        labels: raw.pc_end,
        // Libraries have none, which is written as -1.
        entry: raw.entry.and_then(|entry| u32::try_from(entry).ok()),
        base: None,
    };
    info.check(raw.plt_end).map_err(bad)?;
    let room = Room {
        memory_size: end - LINK_BASE,
        memory_align_log2: 4,
        table_size: raw.plt_end,
        table_align_log2: 0,
    };
    Ok((Dylink { room, needed: raw.libs, ..Dylink::default() }, info))
}

fn strip(symbols: Vec<(String, u32)>) -> Vec<(String, u32)> {
    symbols.into_iter().map(|(name, at)| (without_version(name), at)).collect()
}

/// A symbol without its `@version` or `@@version`.
fn without_version(mut name: String) -> String {
    if let Some(end) = name.find('@') {
        name.truncate(end);
    }
    name
}

impl Dyninfo {
    /// What is written must lie in the module's own data and slots.
    fn check(&self, slots: u32) -> Result<(), String> {
        let (start, end) = (u64::from(LINK_BASE), u64::from(self.data_end));
        let in_data = |key: &str, address: u32, size: u32| {
            let (from, to) = (u64::from(address), u64::from(address) + u64::from(size));
            if from >= start && to <= end {
                return Ok(());
            }
            Err(format!("`{key}` of {address:#x}: expected data in {start:#x} to {end:#x}"))
        };
        let in_table = |key: &str, index: u32| {
            if index < slots {
                return Ok(());
            }
            Err(format!("`{key}` of table index {index}: expected one below {slots}"))
        };
        self.refs.iter().try_for_each(|(_, at)| in_data("ref", *at, 4))?;
        self.fixups.iter().try_for_each(|(at, _)| in_data("fixup", *at, 4))?;
        self.fixupfuns.iter().try_for_each(|(at, _)| in_data("fixupfun", *at, 4))?;
        self.copies.iter().try_for_each(|(_, at, size)| in_data("copy", *at, *size))?;
        self.refuns.iter().try_for_each(|(_, at)| in_table("refun", *at))?;
        self.defuns.iter().try_for_each(|(_, at)| in_table("defun", *at))?;
        self.entry.iter().try_for_each(|at| in_table("entry", *at))
    }

    /// Data that it defines: name, distance from the start of the data.
    pub(crate) fn data(&self) -> impl Iterator<Item = (&str, u64)> {
        self.defs.iter().map(|(name, at)| (name.as_str(), u64::from(at.wrapping_sub(LINK_BASE))))
    }

    /// Functions that it defines.
    pub(crate) fn functions<'a>(
        &'a self,
        module: &'a Module,
    ) -> impl Iterator<Item = (&'a str, FuncIndex)> {
        let slots: HashMap<u32, FuncIndex> = slots_of(module).into_iter().collect();
        self.defuns.iter().filter_map(move |(name, at)| Some((name.as_str(), *slots.get(at)?)))
    }

    /// Symbols that it needs: name, key.
    pub(crate) fn needed(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let refs = self.refs.iter().map(|(name, _)| (name.as_str(), "ref"));
        let refuns = self.refuns.iter().map(|(name, _)| (name.as_str(), "refun"));
        let copies = self.copies.iter().map(|(name, ..)| (name.as_str(), "copy"));
        refs.chain(refuns).chain(copies)
    }

    /// Table index of the function that the program starts with.
    pub(crate) fn entry(&self) -> Option<u32> {
        self.entry
    }

    /// Where the guest wants the data, and their size.
    pub(crate) fn chosen(&self) -> Option<(u32, u32)> {
        self.base.map(|base| (base, self.data_end - LINK_BASE))
    }

    /// The same at an address that the guest chose.
    pub(crate) fn at(&self, base: u32) -> Dyninfo {
        Dyninfo { base: Some(base), ..self.clone() }
    }
}

/// Functions that stand in the table because of their names: the index that the name says.
fn slots_of(module: &Module) -> Vec<(u32, FuncIndex)> {
    let slots = module.exports.iter().filter_map(|export| {
        let digits = export.name.strip_prefix("f_")?.trim_end_matches(' ');
        let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_hexdigit());
        let index = u32::from_str_radix(digits, 16).ok().filter(|_| is_number)?;
        match export.entity {
            Entity::Func(func) => Some((index, func)),
            _ => None,
        }
    });
    slots.collect()
}

/// Where a module's data, table slots and labels start: `got`, `plt`, `gpo`.
pub(crate) fn bases(map: &LinkMap, dso: &Dso) -> [(&'static str, u64); 3] {
    let before = map.with_closing().filter(|other| other.id < dso.id);
    let labels = before.filter_map(Dso::dyninfo).map(|info| u64::from(info.labels));
    [("got", data_base(dso)), ("plt", dso.bias.table_base.into()), ("gpo", labels.sum())]
}

/// Where a module's data start. The main program's were linked where they stay.
pub(crate) fn data_base(dso: &Dso) -> u64 {
    if dso.is_main { LINK_BASE.into() } else { dso.bias.memory_base }
}

/// Notes the slots of functions that stand in the table because of their names, for the dsos from
/// `mark` on.
pub(crate) fn note_slots(map: &LinkMap, slots: &mut FunctionSlots, process: &Process, mark: DsoId) {
    for (slot, func) in table_of(map, process, mark) {
        slots.note(func, slot);
    }
}

/// Puts these functions there. They must have their code by now.
pub(crate) fn fill_table(map: &LinkMap, process: &mut Process, mark: DsoId) -> Result<(), Error> {
    for (slot, func) in table_of(map, process, mark) {
        process.table_set(slot, func)?;
    }
    Ok(())
}

fn table_of(
    map: &LinkMap,
    process: &Process,
    mark: DsoId,
) -> Vec<(u32, dynvm_vm::context::FuncId)> {
    let mut table = Vec::new();
    for dso in map.from(mark).filter(|dso| dso.dyninfo().is_some()) {
        let size = dso.dylink.as_ref().map_or(0, |dylink| dylink.room.table_size);
        let own: Range<u32> = 0..size;
        for (index, func) in slots_of(&dso.module) {
            if let Some(defined) = dso.module.defined_func(func).filter(|_| own.contains(&index)) {
                let func = process.defined_func(dso.instance(), defined);
                table.push((dso.bias.table_base + index, func));
            }
        }
    }
    table
}

/// The parts of a dso that came with the section.
pub(crate) type Shared = Arc<Dyninfo>;

#[cfg(test)]
mod tests {
    use super::{decode, slots_of, without_version};

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let error = decode(text.as_bytes()).expect_err("the section is wrong");
        assert_eq!(error.to_string(), format!("the `dyninfo` section: {expected}"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        check("var dyninfo = {}", "expected value at line 1 column 1");
        check(
            r#"{"ref": [["x"]]}"#,
            "invalid length 1, expected a tuple of size 2 at line 1 column 14",
        );
        check(
            r#"{"data": 4096, "data_end": 4096}"#,
            "expected data from 0x4000 on, found 0x1000 to 0x1000",
        );
        check(
            r#"{"data_end": 16388, "ref": [["x", 16385]]}"#,
            "`ref` of 0x4001: expected data in 0x4000 to 0x4004",
        );
        check(
            r#"{"data_end": 16388, "fixup": [[0, 16384]]}"#,
            "`fixup` of 0x0: expected data in 0x4000 to 0x4004",
        );
        check(
            r#"{"data_end": 16388, "fixupfun": [[4294967295, 0]]}"#,
            "`fixupfun` of 0xffffffff: expected data in 0x4000 to 0x4004",
        );
        check(
            r#"{"data_end": 16388, "copy": [["x", 16384, 5]]}"#,
            "`copy` of 0x4000: expected data in 0x4000 to 0x4004",
        );
        check(
            r#"{"plt_end": 3, "refun": [["f", 3]]}"#,
            "`refun` of table index 3: expected one below 3",
        );
        check(
            r#"{"plt_end": 3, "defun": [["f", 4]]}"#,
            "`defun` of table index 4: expected one below 3",
        );
        check(r#"{"plt_end": 3, "entry": 7}"#, "`entry` of table index 7: expected one below 3");
        check(
            r#"{"plt_end": 99999999}"#,
            "expected table indices up to 16777216, found 0 to 99999999",
        );
    }

    #[test]
    fn a_missing_key_is_empty_and_an_unknown_one_is_skipped() {
        let (dylink, info) =
            decode(br#"{"lazy": [], "entry": -1, "libs": ["liba.wasm"]}"#).expect("well-formed");
        assert_eq!((dylink.needed.len(), dylink.room.memory_size, info.entry), (1, 0, None));
    }

    #[test]
    fn versions_are_stripped() {
        let strip = |name: &str| without_version(name.to_owned());
        assert_eq!(strip("printf@@GLIBC_2.0"), "printf");
        assert_eq!(strip("printf@GLIBC_2.0"), "printf");
        assert_eq!(strip("printf"), "printf");
    }

    #[test]
    fn names_say_where_functions_stand() {
        let text = r#"(module (func $f (export "f_1a              ") (export "f_2") (export "f_x"))
            (func (export "f_") (export "f_+1") (export "g_3")))"#;
        let module = dynvm_jit::decode(wat::parse_str(text).expect("text")).expect("module");
        let slots: Vec<(u32, u32)> = slots_of(&module).iter().map(|(at, it)| (*at, it.0)).collect();
        assert_eq!(slots, [(0x1a, 0), (2, 0)]);
    }
}
