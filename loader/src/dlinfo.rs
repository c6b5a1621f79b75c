//! `dlinfo` and `dl_iterate_phdr`: what is loaded, shown to the guest in the structures of
//! `include/dynvm.h`.

use std::sync::Mutex;

use dynvm_vm::code::TrapCode;
use dynvm_vm::types::ValType;
use dynvm_vm::value::Value;
use dynvm_vm::{Process, Trap};

use crate::dlfcn::{Failure, dso_of_handle, guest_string, write};
use crate::dso::{Dso, DsoId, Origin};
use crate::error::LoadError;
use crate::linker::{Linker, lock};

const RTLD_DI_LMID: u32 = 1;
const RTLD_DI_LINKMAP: u32 = 2;
const RTLD_DI_SERINFO: u32 = 4;
const RTLD_DI_SERINFOSIZE: u32 = 5;
const RTLD_DI_ORIGIN: u32 = 6;

/// Bytes of `struct link_map`.
const LINK_MAP_BYTES: u64 = 20;
/// Bytes of `Dl_serinfo` in front of its paths, and of each path.
const SERINFO_BYTES: (u32, u32) = (8, 8);
/// Bytes of `struct dl_phdr_info`, behind which the one program header stands.
const PHDR_INFO_BYTES: u32 = 40;
const PT_LOAD: u32 = 1;
const PF_READ_WRITE: u32 = 6;

/// `dlinfo(handle, request, result)`
pub(crate) fn dlinfo(
    linker: &Mutex<Linker>,
    process: &mut Process,
    args: &[u32],
) -> Result<u32, Failure> {
    let mut linker = lock(linker);
    linker.dl.error = None;
    let id = dso_of_handle(&linker, args[0])?;
    match args[1] {
        RTLD_DI_LMID => put(process, args[2], &[0])?,
        RTLD_DI_LINKMAP => {
            write_link_maps(&mut linker, process)?;
            let node = linker.dl.link_maps.get(&id).copied().unwrap_or_default();
            put(process, args[2], &[node])?;
        }
        RTLD_DI_ORIGIN => {
            let mut origin = directory(&linker.map.dso(id).origin).into_bytes();
            origin.push(0);
            put_bytes(process, args[2], &origin)?;
        }
        request @ (RTLD_DI_SERINFO | RTLD_DI_SERINFOSIZE) => {
            let dirs = linker.search.directories(linker.map.dso(id));
            serinfo(process, args[2], &dirs, request == RTLD_DI_SERINFO)?;
        }
        request => return Err(LoadError::UnknownRequest { request }.into()),
    }
    Ok(0)
}

/// Fills a `Dl_serinfo`: its size and count, and with `is_whole` the paths, whose text stands
/// behind them. A guest that asks for them has room for as many as it was told.
fn serinfo(
    process: &mut Process,
    address: u32,
    dirs: &[String],
    is_whole: bool,
) -> Result<(), LoadError> {
    let (head, each) = SERINFO_BYTES;
    let count = dirs.len() as u32;
    let texts: u32 = dirs.iter().map(|dir| dir.len() as u32 + 1).sum();
    // Even an empty one has room for one path.
    let size = head + each * count.max(1) + texts;
    if !is_whole {
        return put(process, address, &[size, count]);
    }
    let mut words = vec![size, count];
    let mut text_at = address.wrapping_add(head + each * count.max(1));
    let mut text = Vec::new();
    for dir in dirs {
        words.extend([text_at, 0]);
        text_at = text_at.wrapping_add(dir.len() as u32 + 1);
        text.extend(dir.bytes().chain([0]));
    }
    put(process, address, &words)?;
    put_bytes(process, address.wrapping_add(head + each * count.max(1)), &text)
}

/// Brings the guest's list of `struct link_map` up to date.
fn write_link_maps(linker: &mut Linker, process: &mut Process) -> Result<(), LoadError> {
    let ids: Vec<DsoId> = linker.map.iter().map(|dso| dso.id).collect();
    let mut gone = Vec::new();
    linker.dl.link_maps.retain(|id, address| {
        let stays = ids.contains(id);
        if !stays {
            gone.push(u64::from(*address));
        }
        stays
    });
    for address in gone {
        linker.space.give_memory(address..address + LINK_MAP_BYTES.next_multiple_of(16));
    }
    for id in &ids {
        if !linker.dl.link_maps.contains_key(id) {
            let size = LINK_MAP_BYTES.next_multiple_of(16);
            let range = linker.space.take_memory(process, size, 16, "link_map")?;
            linker.dl.link_maps.insert(*id, range.start as u32);
        }
    }
    let nodes: Vec<u32> = ids.iter().map(|id| linker.dl.link_maps[id]).collect();
    for (position, id) in ids.iter().enumerate() {
        let (base, name) = base_and_name(linker, *id);
        let name = guest_string(linker, process, &name)?;
        let next = nodes.get(position + 1).copied().unwrap_or_default();
        let previous = position.checked_sub(1).map_or(0, |before| nodes[before]);
        put(process, nodes[position], &[base, name, 0, next, previous])?;
    }
    Ok(())
}

/// Base and name as the guest sees them: of the main program 0 and nothing.
fn base_and_name(linker: &Linker, id: DsoId) -> (u32, String) {
    let dso = linker.map.dso(id);
    let base = if dso.is_main { 0 } else { dso.bias.memory_base as u32 };
    (base, dso.found_as.clone())
}

/// `dl_iterate_phdr(callback, data)`
pub(crate) fn dl_iterate_phdr(
    linker: &Mutex<Linker>,
    process: &mut Process,
    args: &[u32],
) -> Result<u32, Failure> {
    let func = process.table_get(args[0]).filter(|func| func.0 != 0);
    let ty = func.and_then(|func| process.func_type(process.func_type_id(func)?));
    let fits =
        ty.is_some_and(|ty| *ty.params == [ValType::I32; 3] && *ty.results == [ValType::I32]);
    let Some(func) = func.filter(|_| fits) else {
        let detail = format!("table index {} is no callback of `dl_iterate_phdr`", args[0]);
        let trap = Trap::new(TrapCode::IndirectCallTypeMismatch, detail);
        return Err(Failure::Stop(trap.into()));
    };
    let (ids, room) = {
        let mut linker = lock(linker);
        let size = u64::from(PHDR_INFO_BYTES) + 32;
        let room = linker.space.take_memory(process, size, 16, "dl_iterate_phdr")?;
        let ids: Vec<DsoId> = linker.map.iter().map(|dso| dso.id).collect();
        (ids, room)
    };
    let mut result = 0;
    for id in ids {
        if !write_phdr_info(&mut lock(linker), process, id, room.start as u32)? {
            continue;
        }
        let values = [room.start as u32, PHDR_INFO_BYTES, args[1]];
        let values = values.map(|value| Value::I32(value.cast_signed()));
        // No lock is held: the callback may load and unload.
        let returned = process.call(func, &values).map_err(Failure::Stop)?;
        if let Some(Value::I32(value)) = returned.first() {
            result = value.cast_unsigned();
        }
        if result != 0 {
            break;
        }
    }
    lock(linker).space.give_memory(room);
    Ok(result)
}

/// Describes a dso at `address`; `false` if it has gone meanwhile.
fn write_phdr_info(
    linker: &mut Linker,
    process: &mut Process,
    id: DsoId,
    address: u32,
) -> Result<bool, LoadError> {
    let Some(dso) = linker.map.find(id) else { return Ok(false) };
    let size = data_size(dso);
    let start = dso.memory.start as u32;
    let (base, name) = base_and_name(linker, id);
    let name = guest_string(linker, process, &name)?;
    let (adds, subs) = (linker.statistics.dsos as u32, linker.statistics.dsos_unloaded as u32);
    let header = address + PHDR_INFO_BYTES;
    put(process, address, &[base, name, header, 1, adds, 0, subs, 0, 0, 0])?;
    let distance = start.wrapping_sub(base);
    put(process, header, &[PT_LOAD, 0, distance, distance, size, size, PF_READ_WRITE, 16])?;
    Ok(true)
}

fn data_size(dso: &Dso) -> u32 {
    (dso.memory.end - dso.memory.start) as u32
}

pub(crate) fn directory(origin: &Origin) -> String {
    match origin {
        Origin::Host(dir) => dir.display().to_string(),
        Origin::Guest(dir) => dir.clone(),
    }
}

fn put(process: &mut Process, address: u32, words: &[u32]) -> Result<(), LoadError> {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    put_bytes(process, address, &bytes)
}

/// Writes where the guest says, if there is memory.
fn put_bytes(process: &mut Process, address: u32, bytes: &[u8]) -> Result<(), LoadError> {
    let end = u64::from(address) + bytes.len() as u64;
    if end > process.memory().len() as u64 {
        return Err(LoadError::OutsideMemory { address: address.into() });
    }
    write(process, address.into(), bytes);
    Ok(())
}
