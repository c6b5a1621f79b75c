//! `dladdr`: from an address to the dso and the symbol at or before it.

use std::sync::Mutex;

use dynvm_vm::Process;

use crate::dlfcn::{Failure, guest_string, write};
use crate::dso::{Dso, DsoId};
use crate::linker::{Linker, lock};
use crate::symbol::SymbolKind;

/// Which dso an address belongs to, and the nearest symbol that others see: name and address.
struct Place {
    dso: DsoId,
    symbol: Option<(String, u32)>,
}

/// Fills `Dl_info { dli_fname, dli_fbase, dli_sname, dli_saddr }`.
pub(crate) fn dladdr(
    linker: &Mutex<Linker>,
    process: &mut Process,
    args: &[u32],
) -> Result<u32, Failure> {
    let mut linker = lock(linker);
    let Some(Place { dso, symbol }) = place(&linker, process, args[0]) else { return Ok(0) };
    let dso = linker.map.dso(dso);
    let base = dso.bias.memory_base as u32;
    let file = match dso.is_main {
        true if !linker.dl.program.is_empty() => linker.dl.program.clone(),
        true => dso.name.to_string(),
        false => dso.found_as.clone(),
    };
    let file = guest_string(&mut linker, process, &file)?;
    let (name, start) = match symbol {
        Some((name, start)) => (guest_string(&mut linker, process, &name)?, start),
        None => (0, 0),
    };
    let info: Vec<u8> = [file, base, name, start].iter().flat_map(|it| it.to_le_bytes()).collect();
    let end = u64::from(args[1]) + info.len() as u64;
    if end > process.memory().len() as u64 {
        return Ok(0);
    }
    write(process, args[1].into(), &info);
    Ok(1)
}

fn place(linker: &Linker, process: &Process, address: u32) -> Option<Place> {
    let by_data = linker.map.iter().find(|dso| dso.memory.contains(&u64::from(address)));
    if let Some(dso) = by_data {
        let distance = u64::from(address) - dso.memory.start;
        let before = dso.symbols.iter().filter_map(|(name, symbol)| match symbol.kind {
            SymbolKind::Data(offset) if offset <= distance => Some((offset, name)),
            _ => None,
        });
        let symbol = before.max().map(|(offset, name)| {
            let start = dso.memory.start + offset;
            (name.to_string(), start as u32)
        });
        return Some(Place { dso: dso.id, symbol });
    }
    let func = process.table_get(address).filter(|func| func.0 != 0)?;
    let instance = process.instance_of(func);
    let is_definer = |dso: &&Dso| dso.instance.is_some() && dso.instance == instance;
    let dso = linker.map.iter().find(is_definer)?;
    let instance = process.instance(dso.instance());
    let mut names: Vec<&str> = dso
        .symbols
        .iter()
        .filter(|(_, symbol)| match symbol.kind {
            SymbolKind::Function(index) => instance.func(index) == func,
            _ => false,
        })
        .map(|(name, _)| name)
        .collect();
    names.sort_unstable();
    let symbol = names.first().map(|name| ((*name).to_owned(), address));
    Some(Place { dso: dso.id, symbol })
}
